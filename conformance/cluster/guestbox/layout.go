package guestbox

import (
	"archive/tar"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/match"
)

// The annotations by which engines name an image of a layout: the first is that
// of the specification, containerd and Podman read the second one first.
const (
	refAnnotation        = "org.opencontainers.image.ref.name"
	containerdAnnotation = "io.containerd.image.name"
)

// archived tells whether a path is to be one file, and no folder.
func archived(path string) bool { return strings.HasSuffix(path, ".tar") }

// export writes an image as an OCI layout: to a folder, or to an archive of one
// if the path ends in .tar. An image of that name in the folder is replaced.
func export(path string, tag name.Tag, image v1.Image) error {
	if !archived(path) {
		return writeLayout(path, tag, image)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), ".layout-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := writeLayout(dir, tag, image); err != nil {
		return err
	}
	return pack(dir, path)
}

// writeLayout puts an image into the layout in a folder, which is made if there is
// none; a folder with anything else in it is left alone.
func writeLayout(dir string, tag name.Tag, image v1.Image) error {
	l, err := layout.FromPath(dir)
	if err != nil {
		there, readErr := os.ReadDir(dir)
		switch {
		case readErr != nil && !errors.Is(readErr, fs.ErrNotExist):
			return readErr
		case len(there) > 0:
			return errors.New("the folder is neither empty nor an OCI layout: name another one")
		}
		if l, err = layout.Write(dir, empty.Index); err != nil {
			return err
		}
	}
	return l.ReplaceImage(image, match.Annotation(containerdAnnotation, tag.Name()), layout.WithAnnotations(map[string]string{
		refAnnotation: tag.TagStr(), containerdAnnotation: tag.Name(),
	}))
}

// pack writes the files of a layout as an archive, the same for the same files.
func pack(dir, archive string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(archive), ".archive-*")
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err == nil {
			err = os.Rename(f.Name(), archive)
		}
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	w := tar.NewWriter(f)
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		inside, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: inside + "/", Mode: 0o755})
		}
		return add(w, path, inside)
	})
	return errors.Join(err, w.Close())
}

// add puts one file into an archive.
func add(w *tar.Writer, path, inside string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: inside, Mode: 0o644, Size: info.Size()}); err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return err
}
