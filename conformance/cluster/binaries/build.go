package binaries

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ErrNotBuilt says that programs are not in the cache.
var ErrNotBuilt = errors.New("not built yet")

// ErrNoGo says that there is no Go toolchain to build with.
var ErrNoGo = errors.New("the programs of the cluster are built with Go, and there is no go on the path: install Go")

// Progress is told what is being built, with the time since its build began.
type Progress func(what string, since time.Duration)

// beat is how often Progress is told of a program that takes long.
const beat = 5 * time.Second

// Cache is the folder of what is built.
func Cache() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no folder for caches (set XDG_CACHE_HOME): %w", err)
	}
	return filepath.Join(dir, "vmprobe", "cluster"), nil
}

// Find gives the folder of each set whose programs are all there, by the name
// of the set, or ErrNotBuilt with what is missing.
func Find(ctx context.Context, sets ...Set) (map[string]string, error) {
	cache, err := Cache()
	if err != nil {
		return nil, err
	}
	version, err := goVersion(ctx)
	if err != nil {
		return nil, err
	}
	var missing []string
	dirs := map[string]string{}
	for i := range sets {
		dir := sets[i].dir(cache, version)
		dirs[sets[i].Name] = dir
		for _, p := range sets[i].Programs {
			if !isThere(filepath.Join(dir, p.Name)) {
				missing = append(missing, p.Name)
			}
		}
		for _, f := range sets[i].Files {
			if !isThere(filepath.Join(dir, f.Name)) {
				missing = append(missing, f.Name)
			}
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("%w: %s", ErrNotBuilt, strings.Join(missing, ", "))
	}
	return dirs, nil
}

// Build builds what is not in the cache yet and gives the folders, as Find
// does. Two builds at once wait for each other. An interrupted build goes on
// where it was: Go keeps what it has compiled.
func Build(ctx context.Context, tell Progress, sets ...Set) (map[string]string, error) {
	if dirs, err := Find(ctx, sets...); err == nil || !errors.Is(err, ErrNotBuilt) {
		return dirs, err
	}
	cache, err := Cache()
	if err != nil {
		return nil, err
	}
	version, err := goVersion(ctx)
	if err != nil {
		return nil, err
	}
	unlock, err := lock(ctx, cache, tell)
	if err != nil {
		return nil, err
	}
	defer unlock()
	total, done := 0, 0
	for i := range sets {
		total += len(sets[i].Programs)
	}
	for i := range sets {
		s := &sets[i]
		dir := s.dir(cache, version)
		if err := s.write(dir); err != nil {
			return nil, err
		}
		for _, p := range s.Programs {
			done++
			if isThere(filepath.Join(dir, p.Name)) {
				continue
			}
			what := fmt.Sprintf("build %s (%d of %d)", p.Name, done, total)
			if err := s.build(ctx, dir, p, func(since time.Duration) { tell(what, since) }); err != nil {
				return nil, err
			}
		}
		if err := s.copyFiles(ctx, dir); err != nil {
			return nil, err
		}
	}
	return Find(ctx, sets...)
}

func (s *Set) dir(cache, version string) string {
	return filepath.Join(cache, s.Name+"-"+s.key(version))
}

// write puts the module where its programs will be.
func (s *Set) write(dir string) error {
	src := filepath.Join(dir, "src")
	if err := s.WriteSources(src); err != nil {
		return err
	}
	return writeAll(src, map[string][]byte{"go.mod": s.mod, "go.sum": s.sum})
}

// WriteSources writes the sources of our own, without go.mod and go.sum, into
// the folder of a module.
func (s *Set) WriteSources(dir string) error { return writeAll(dir, s.sources) }

func writeAll(dir string, files map[string][]byte) error {
	for name, data := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// copyFiles takes files of the module as they are.
func (s *Set) copyFiles(ctx context.Context, dir string) error {
	if len(s.Files) == 0 {
		return nil
	}
	from, err := s.moduleFolder(ctx, dir)
	if err != nil {
		return err
	}
	for _, f := range s.Files {
		data, err := os.ReadFile(filepath.Join(from, f.Path))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, f.Name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// moduleFolder is where the module's sources are.
func (s *Set) moduleFolder(ctx context.Context, dir string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-mod=readonly", "-m", "-f", "{{.Dir}}", s.Module)
	s.in(cmd, dir)
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("find the sources of %s: %w", s.Module, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// in lets a command work in the module of the set.
func (s *Set) in(cmd *exec.Cmd, dir string) {
	cgo := "CGO_ENABLED=0"
	if s.cgo {
		cgo = "CGO_ENABLED=1"
	}
	cmd.Dir = filepath.Join(dir, "src")
	cmd.Env = append(os.Environ(), cgo, "GOFLAGS=", "GOWORK=off")
}

// command is what builds a program.
func (s *Set) command(ctx context.Context, dir string, p Program, out string) (*exec.Cmd, error) {
	if strings.HasSuffix(p.Package, ".c") {
		from, err := s.moduleFolder(ctx, dir)
		if err != nil {
			return nil, err
		}
		return exec.CommandContext(ctx, "gcc", "-static", "-O2", "-o", out, filepath.Join(from, p.Package)), nil
	}
	args := []string{"build", "-p", "2", "-trimpath", "-buildvcs=false", "-mod=readonly", "-ldflags", s.ldflags, "-o", out}
	if s.tags != "" {
		args = append(args, "-tags", s.tags)
	}
	return exec.CommandContext(ctx, "go", append(args, p.Package)...), nil
}

// build builds one program beside its place and moves it there.
func (s *Set) build(ctx context.Context, dir string, p Program, tell func(time.Duration)) error {
	began := time.Now()
	tell(0)
	tmp := filepath.Join(dir, "."+p.Name)
	cmd, err := s.command(ctx, dir, p, tmp)
	if err != nil {
		return err
	}
	s.in(cmd, dir)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		return err
	}
	over := make(chan error, 1)
	go func() { over <- cmd.Wait() }()
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			tell(time.Since(began))
		case err := <-over:
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				return fmt.Errorf("build %s: %w\n%s", p.Package, err, tail(said.String()))
			}
			return os.Rename(tmp, filepath.Join(dir, p.Name))
		}
	}
}

// goVersion is what the toolchain says of itself.
func goVersion(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "version").Output()
	if errors.Is(err, exec.ErrNotFound) {
		return "", ErrNoGo
	}
	if err != nil {
		return "", fmt.Errorf("go version: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// lock keeps other builds away until unlock.
func lock(ctx context.Context, cache string, tell Progress) (unlock func(), err error) {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(cache, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
		}
		tell("wait for another build", time.Since(began))
		select {
		case <-ctx.Done():
			f.Close()
			return nil, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

func isThere(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// tail is the end of a long message.
func tail(text string) string {
	const most = 4 << 10
	if len(text) > most {
		text = "..." + text[len(text)-most:]
	}
	return strings.TrimSpace(text)
}
