package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"debug/elf"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
)

const (
	agentBinary = "usr/sbin/qemu-ga"
	libraries   = "lib/x86_64-linux-gnu"
	loader      = "lib64/ld-linux-x86-64.so.2"
)

// files is what is taken out of the packages.
type files struct {
	edition
	kernel  []byte
	modules map[string][]byte // by name, without ".ko"
	agent   []byte
	libs    map[string][]byte // by path in the package
	links   map[string]string // path of a link -> path of its target
}

// collect unpacks the packages.
func (j *job) collect(ctx context.Context) (*files, error) {
	if err := j.fetch(ctx); err != nil {
		return nil, err
	}
	f := &files{edition: j.edition, modules: map[string][]byte{}, libs: map[string][]byte{}, links: map[string]string{}}
	for i := range j.debs {
		if err := j.debs[i].read(ctx, j.cache, f.take); err != nil {
			return nil, err
		}
	}
	if f.kernel == nil || f.agent == nil {
		return nil, fmt.Errorf("the packages hold a kernel: %t, %s: %t", f.kernel != nil, agentBinary, f.agent != nil)
	}
	for _, m := range j.edition.modules {
		if f.modules[m] == nil {
			return nil, fmt.Errorf("the kernel package has no module %s", m)
		}
	}
	if j.unpack {
		kernel, err := unpackKernel(ctx, f.kernel)
		if err != nil {
			return nil, fmt.Errorf("unpack the kernel: %w", err)
		}
		f.kernel = kernel
	}
	return f, nil
}

// take keeps a file of a package when it may be needed.
func (f *files) take(name, target string, data io.Reader) (err error) {
	base := path.Base(name)
	if target != "" {
		if !path.IsAbs(target) {
			target = path.Join(path.Dir(name), target)
		}
		f.links[name] = strings.TrimPrefix(target, "/")
		return nil
	}
	switch {
	case strings.HasPrefix(name, "boot/vmlinuz-"):
		f.kernel, err = io.ReadAll(data)
	case name == agentBinary:
		f.agent, err = io.ReadAll(data)
	case strings.HasSuffix(base, ".ko") && slices.Contains(f.edition.modules, strings.TrimSuffix(base, ".ko")):
		f.modules[strings.TrimSuffix(base, ".ko")], err = io.ReadAll(data)
	case strings.Contains(base, ".so"):
		f.libs[name], err = io.ReadAll(data)
	}
	return err
}

// library finds a shared library by its name, through links.
func (f *files) library(name string) ([]byte, error) {
	for _, dir := range []string{libraries, "usr/" + libraries} {
		at := path.Join(dir, name)
		for range 5 {
			if data, ok := f.libs[at]; ok {
				return data, nil
			}
			at = f.links[at]
		}
	}
	return nil, fmt.Errorf("no package of the list has the library %s", name)
}

// closure adds every library that a binary needs, and those that they need.
func (f *files) closure(binary []byte, into map[string][]byte) error {
	e, err := elf.NewFile(bytes.NewReader(binary))
	if err != nil {
		return err
	}
	names, err := e.ImportedLibraries()
	if err != nil {
		return err
	}
	for _, name := range names {
		if _, ok := into[name]; ok || name == path.Base(loader) {
			continue
		}
		if into[name], err = f.library(name); err != nil {
			return err
		}
		if err := f.closure(into[name], into); err != nil {
			return err
		}
	}
	return nil
}

// initramfs packs everything.
func (f *files) initramfs(initBinary []byte) ([]byte, error) {
	var a archive
	for _, dir := range []string{"dev", "proc", "sys", "run", "tmp", "root", "usr/bin", "usr/sbin", "var/run", "lib/modules", libraries, "lib64"} {
		a.dir(dir)
	}
	a.console("dev/console")
	a.file("init", 0o755, initBinary)
	a.file(agentBinary, 0o755, f.agent)
	var order strings.Builder
	for _, m := range f.edition.modules {
		a.file("lib/modules/"+m+".ko", 0o644, f.modules[m])
		order.WriteString(m + ".ko\n")
	}
	a.file("lib/modules/order", 0o644, []byte(order.String()))
	libs := map[string][]byte{}
	if err := f.closure(f.agent, libs); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(libs)) {
		a.file(path.Join(libraries, name), 0o755, libs[name])
	}
	ld, err := f.library(path.Base(loader))
	if err != nil {
		return nil, err
	}
	a.file(loader, 0o755, ld)
	var out bytes.Buffer
	z := gzip.NewWriter(&out) // no name, no time
	if _, err := z.Write(a.bytes()); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
