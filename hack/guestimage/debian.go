package main

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/vmprobe/vmprobe/conformance/qemu/image"
)

// packages are the others: the agent, and whatever may hold its libraries.
func packages() []string {
	return []string{
		"qemu-guest-agent", "libc6", "libglib2.0-0", "libnuma1", "libudev1", "liburing2", "libpcre2-8-0",
	}
}

// deb is a package that can be had.
type deb struct {
	image.Package
	file string // as apt calls it
}

// resolve asks apt for the newest version of every package, downloading
// nothing. kernelPackage depends on that of the kernel.
func resolve(ctx context.Context, kernelPackage string) ([]deb, error) {
	out, err := command(ctx, "", "apt-cache", "depends", "--no-recommends", kernelPackage)
	if err != nil {
		return nil, err
	}
	kernel := regexp.MustCompile(`Depends: (linux-image-[0-9]\S*)`).FindStringSubmatch(out)
	if kernel == nil {
		return nil, fmt.Errorf("apt knows no %s: run apt-get update, or use Debian", kernelPackage)
	}
	args := append([]string{"download", "--print-uris", kernel[1]}, packages()...)
	if out, err = command(ctx, "", "apt-get", args...); err != nil {
		return nil, err
	}
	return parseURIs(out)
}

// parseURIs reads lines such as 'URI' name_version_arch.deb size SHA256:digest.
func parseURIs(out string) ([]deb, error) {
	var list []deb
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		if len(f) != 4 || !strings.HasPrefix(f[3], "SHA256:") {
			return nil, fmt.Errorf("apt-get download --print-uris: not understood: %s", strings.TrimSpace(line))
		}
		name, rest, _ := strings.Cut(f[1], "_")
		version, _, _ := strings.Cut(rest, "_")
		if v, err := url.PathUnescape(version); err == nil {
			version = v
		}
		list = append(list, deb{image.Package{Name: name, Version: version, SHA256: strings.TrimPrefix(f[3], "SHA256:")}, f[1]})
	}
	if len(list) == 0 {
		return nil, errors.New("apt-get download --print-uris: no package")
	}
	slices.SortFunc(list, func(a, b deb) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// fetch puts every package into the cache and checks its digest.
func (j *job) fetch(ctx context.Context) error {
	if err := os.MkdirAll(j.cache, 0o755); err != nil {
		return err
	}
	var missing []string
	for _, d := range j.debs {
		if d.check(j.cache) != nil {
			missing = append(missing, d.Name+"="+d.Version)
		}
	}
	if len(missing) > 0 {
		if _, err := command(ctx, j.cache, "apt-get", append([]string{"download"}, missing...)...); err != nil {
			return err
		}
	}
	for _, d := range j.debs {
		if err := d.check(j.cache); err != nil {
			return err
		}
	}
	return nil
}

func (d *deb) check(dir string) error {
	f, err := os.Open(filepath.Join(dir, d.file))
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != d.SHA256 {
		return fmt.Errorf("%s: its digest is %s, not %s as apt says", d.file, got, d.SHA256)
	}
	return nil
}

// read hands every file and symbolic link of a package to fn; the path begins
// without a slash, target is that of a link.
func (d *deb) read(ctx context.Context, dir string, fn func(name, target string, data io.Reader) error) error {
	cmd := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", filepath.Join(dir, d.file))
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	t := tar.NewReader(pipe)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && (h.Typeflag == tar.TypeReg || h.Typeflag == tar.TypeSymlink) {
			err = fn(strings.TrimPrefix(path.Clean("/"+h.Name), "/"), h.Linkname, t)
		}
		if err != nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			return fmt.Errorf("%s: %w", d.file, err)
		}
	}
	_, _ = io.Copy(io.Discard, pipe) // the padding of the archive
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("dpkg-deb %s: %w", d.file, err)
	}
	return nil
}

func command(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return string(out), nil
}
