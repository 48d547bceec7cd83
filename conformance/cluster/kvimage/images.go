package kvimage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/vmprobe/vmprobe/conformance/cluster/binaries"
)

// Registry is the one in the names of the images. It does not exist: nobody can
// pull them by accident.
const Registry = "vmprobe.test"

// unprivileged is the user of the components that need no root.
const unprivileged = "1001"

// components have the names of images, and their users.
func components() map[string]string {
	return map[string]string{
		"virt-operator": unprivileged, "virt-api": unprivileged, "virt-controller": unprivileged,
		"virt-exportproxy": unprivileged,
		"virt-handler":     "", "virt-launcher": "",
	}
}

// format goes into the name of the archive: raise it when the layout changes.
const format = "2"

const archivePrefix = "kubevirt-images-"

// Archive gives an archive with the images of all components, of the form that
// docker save writes, and makes it first if it is not in the cache. Those of
// other versions, which are as large and quickly made again, go then. Programs
// is the folder of binaries.KubeVirtSet.
func Archive(ctx context.Context, tell Progress, cache, programs string) (string, error) {
	root, err := rootfs(ctx, tell, cache)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(format + " " + filepath.Base(root) + " " + filepath.Base(programs)))
	out := filepath.Join(cache, archivePrefix+hex.EncodeToString(sum[:8])+".tar")
	if _, err := os.Stat(out); err == nil {
		return out, nil
	}
	stop := beat(tell, "make KubeVirt's images")
	defer stop()
	own := filepath.Join(cache, ".kubevirt-layer.tar")
	defer os.Remove(own)
	if err := writeFile(own, func(w io.Writer) error { return writeLayer(w, programs) }); err != nil {
		return "", err
	}
	tmp := filepath.Join(cache, ".kubevirt-images.tar")
	if err := writeImages(tmp, root, own); err != nil {
		return "", err
	}
	return out, supersede(tmp, out)
}

// supersede puts a new archive in the place of all those before.
func supersede(tmp, out string) error {
	old, err := filepath.Glob(filepath.Join(filepath.Dir(out), archivePrefix+"*.tar"))
	if err != nil {
		return err
	}
	for _, path := range old {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return os.Rename(tmp, out)
}

func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// writeImages writes the images of all components over the same layers.
func writeImages(path string, layers ...string) error {
	base := empty.Image
	for _, file := range layers {
		l, err := open(file)
		if err != nil {
			return err
		}
		if base, err = mutate.AppendLayers(base, l); err != nil {
			return err
		}
	}
	images := map[name.Tag]v1.Image{}
	for component, user := range components() {
		tag, err := name.NewTag(Registry + "/" + component + ":" + binaries.KubeVirt)
		if err != nil {
			return err
		}
		config, err := base.ConfigFile()
		if err != nil {
			return err
		}
		config = config.DeepCopy()
		config.OS, config.Architecture = "linux", runtime.GOARCH
		config.Config = v1.Config{
			Entrypoint: []string{"/usr/bin/" + component}, User: user, WorkingDir: "/",
			Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
		}
		if images[tag], err = mutate.ConfigFile(base, config); err != nil {
			return err
		}
	}
	if err := tarball.MultiWriteToFile(path, images); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// plain is a layer that is not compressed: it is read once, from the disk.
type plain struct {
	path string
	hash v1.Hash
	size int64
}

var _ v1.Layer = (*plain)(nil)

func open(path string) (*plain, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	hash, size, err := v1.SHA256(f)
	return &plain{path, hash, size}, err
}

func (p *plain) Digest() (v1.Hash, error)             { return p.hash, nil }
func (p *plain) DiffID() (v1.Hash, error)             { return p.hash, nil }
func (p *plain) Compressed() (io.ReadCloser, error)   { return os.Open(p.path) }
func (p *plain) Uncompressed() (io.ReadCloser, error) { return os.Open(p.path) }
func (p *plain) Size() (int64, error)                 { return p.size, nil }
func (p *plain) MediaType() (types.MediaType, error)  { return types.DockerUncompressedLayer, nil }
