// Command guestimage makes the image that the VMs of the QEMU testbed boot:
// Debian's cloud kernel, and an initramfs with the few modules that it needs,
// the real qemu-guest-agent with its libraries, and a static init that is the
// guest of the scenarios (package guestd).
//
// It needs apt, dpkg-deb and Go, and no root. The image goes to the user's
// cache under the digest of everything that it is made from, and the testbed
// finds it there; the same packages give the same bytes. It holds binaries
// under the GPL: it is built where it is used and not distributed.
//
// With -watchdog it makes another image, with Debian's kernel for any machine:
// that for clouds has no driver for a watchdog device. Only cases with such a
// device need it.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"time"

	"github.com/vmprobe/vmprobe/conformance/qemu/image"
)

// format goes into every key: raise it when the layout changes.
const format = "1"

func main() {
	out := flag.String("o", "", "write the image into this `directory` (default: the user's cache)")
	force := flag.Bool("force", false, "make it even if it is there")
	watchdog := flag.Bool("watchdog", false, "make the image for VMs with a watchdog device")
	flag.Parse()
	kind := cloud()
	if *watchdog {
		kind = generic()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, kind, *out, *force); err != nil {
		fmt.Fprintln(os.Stderr, "guestimage:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, kind edition, out string, force bool) error {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return fmt.Errorf("only on linux/amd64, not on %s/%s", runtime.GOOS, runtime.GOARCH)
	}
	for _, tool := range append(kind.tools, "apt-get", "apt-cache", "dpkg-deb", "go") {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("needs %s: %w", tool, err)
		}
	}
	cache, err := image.Cache()
	if err != nil {
		return err
	}
	began := time.Now()
	work, err := os.MkdirTemp("", "vmprobe-image-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	initBinary, err := buildInit(ctx, work)
	if err != nil {
		return err
	}
	debs, err := resolve(ctx, kind.kernel)
	if err != nil {
		return err
	}
	key := keyOf(kind, debs, initBinary)
	dir := out
	if dir == "" {
		dir = filepath.Join(cache, "images", key[:16])
	}
	if found, err := image.Open(dir); err != nil || found.Key != key || force {
		if err := build(ctx, &job{edition: kind, work: work, cache: filepath.Join(cache, "debs"), key: key, init: initBinary, debs: debs}, dir); err != nil {
			return err
		}
		fmt.Printf("made %s in %.1f s\n", dir, time.Since(began).Seconds())
	} else {
		fmt.Printf("%s is up to date\n", dir)
	}
	if out != "" {
		fmt.Printf("to use it: export %s=%s\n", kind.variable, dir)
		return nil
	}
	return point(filepath.Join(cache, kind.link), dir)
}

// buildInit builds the static init.
func buildInit(ctx context.Context, work string) ([]byte, error) {
	name := filepath.Join(work, "init")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=",
		"-o", name, "github.com/vmprobe/vmprobe/hack/guestimage/init")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build init: %w\n%s", err, text)
	}
	return os.ReadFile(name)
}

func keyOf(kind edition, debs []deb, initBinary []byte) string {
	h := sha256.New()
	fmt.Fprintf(h, "format %s, modules %q\n", format, kind.modules)
	for _, d := range debs {
		fmt.Fprintf(h, "%s %s %s\n", d.Name, d.Version, d.SHA256)
	}
	h.Write(initBinary)
	return hex.EncodeToString(h.Sum(nil))
}

// job is one image to be made.
type job struct {
	edition
	work, cache, key string
	init             []byte
	debs             []deb
}

// build makes the image beside its place and moves it there when it is whole.
func build(ctx context.Context, j *job, dir string) error {
	files, err := j.collect(ctx)
	if err != nil {
		return err
	}
	initrd, err := files.initramfs(j.init)
	if err != nil {
		return err
	}
	m := image.Image{Key: j.key, SHA256: map[string]string{}}
	for _, d := range j.debs {
		m.Packages = append(m.Packages, d.Package)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".image-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	for name, data := range map[string][]byte{image.Kernel: files.kernel, image.Initrd: initrd} {
		sum := sha256.Sum256(data)
		m.SHA256[name] = hex.EncodeToString(sum[:])
		if err := os.WriteFile(filepath.Join(tmp, name), data, 0o644); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(tmp, image.Manifest), append(text, '\n'), 0o644); err != nil {
		return err
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.Rename(tmp, dir)
}

// point makes a link, in the place of another one.
func point(link, to string) error {
	tmp := link + ".new"
	_ = os.Remove(tmp)
	if err := os.Symlink(to, tmp); err != nil {
		return err
	}
	return os.Rename(tmp, link)
}
