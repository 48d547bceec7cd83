package suite

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/scenarios/diag"
)

// Source is one scenario file that was asked for.
type Source struct {
	Name string // as diagnostics show it
	Data []byte
	// Pattern keeps only the cases whose id it matches; empty keeps all.
	Pattern string
	// Embedded tells that the program brought the file along.
	Embedded bool
}

// Stdin is the name of the argument, and of the file, for standard input.
const Stdin = "-"

// maxSource bounds a scenario file; a larger one is refused, not read.
const maxSource = 4 << 20

// Sources finds what the arguments name: "-", a file, a directory (all its
// *.yaml, recursively), or the embedded scenarios by name, pattern or case id
// ("http-*", "agent-hung@kubevirt"). No argument means every embedded one.
// All errors are reported, joined.
func Sources(args []string, stdin io.Reader, embedded fs.FS) ([]Source, error) {
	if len(args) == 0 {
		args = []string{"*"}
	}
	var list []Source
	var errs []error
	for _, arg := range args {
		found, err := sources(arg, stdin, embedded)
		list = append(list, found...)
		errs = append(errs, err)
	}
	return merge(list), errors.Join(errs...)
}

func sources(arg string, stdin io.Reader, embedded fs.FS) ([]Source, error) {
	if arg == Stdin {
		data, err := readLimited(stdin, "standard input")
		return []Source{{Name: Stdin, Data: data}}, err
	}
	info, err := os.Stat(arg)
	switch {
	case err == nil && info.IsDir():
		return directory(arg)
	case err == nil:
		data, err := readFile(arg)
		return []Source{{Name: arg, Data: data}}, err
	case looksLikePath(arg):
		return nil, err
	}
	return byName(arg, embedded)
}

// looksLikePath tells a path from the name of an embedded scenario, for the
// error message.
func looksLikePath(arg string) bool {
	return strings.ContainsRune(arg, filepath.Separator) || strings.HasSuffix(arg, ".yaml") || strings.HasSuffix(arg, ".yml")
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readLimited(f, name)
}

func readLimited(r io.Reader, name string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxSource+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(data) > maxSource {
		return nil, fmt.Errorf("read %s: larger than %d MiB", name, maxSource>>20)
	}
	return data, nil
}

func directory(dir string) ([]Source, error) {
	var list []Source
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !isYAML(name) {
			return err
		}
		data, err := readFile(name)
		list = append(list, Source{Name: name, Data: data})
		return err
	})
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("%s: no *.yaml file in this directory", dir)
	}
	return list, err
}

func isYAML(name string) bool {
	ext := filepath.Ext(name)
	return ext == ".yaml" || ext == ".yml"
}

// byName finds embedded scenarios by a pattern for the name, or for the id of
// a case when it has "@" or "[".
func byName(arg string, embedded fs.FS) ([]Source, error) {
	name, isCase := arg, false
	if i := strings.IndexAny(arg, "@["); i > 0 && !strings.Contains(arg[:i], "*") {
		name, isCase = arg[:i], true
	}
	files, err := fs.Glob(embedded, "*.yaml")
	if err != nil {
		return nil, err
	}
	var list []Source
	for _, file := range files {
		ok, err := path.Match(name, strings.TrimSuffix(file, ".yaml"))
		if err != nil {
			return nil, fmt.Errorf("%q: not a pattern: %w", arg, err)
		}
		if !ok {
			continue
		}
		data, err := fs.ReadFile(embedded, file)
		if err != nil {
			return nil, err
		}
		s := Source{Name: scenarios.CasesDir + file, Data: data, Embedded: true}
		if isCase {
			s.Pattern = arg
		}
		list = append(list, s)
	}
	if len(list) == 0 {
		return nil, unknown(arg, name, files)
	}
	return list, nil
}

func unknown(arg, name string, files []string) error {
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = strings.TrimSuffix(f, ".yaml")
	}
	if near := diag.Suggest(name, names); len(near) > 0 {
		return fmt.Errorf("no file and no embedded scenario is called %q; did you mean %s?", arg, strings.Join(near, " or "))
	}
	return fmt.Errorf("no file and no embedded scenario is called %q (vmprobe list shows them)", arg)
}

// merge drops what was named twice. A file named whole swallows patterns.
func merge(list []Source) []Source {
	var out []Source
	for _, s := range list {
		at := slices.IndexFunc(out, func(o Source) bool { return o.Name == s.Name && (o.Pattern == "" || o.Pattern == s.Pattern) })
		if at < 0 {
			out = append(out, s)
		}
	}
	return out
}

// Wants tells whether the source was asked for with this case id. The id may
// be given without its profile or without its bindings.
func (s *Source) Wants(id string) bool {
	if s.Pattern == "" || s.Pattern == id {
		return true
	}
	body, profile, _ := strings.Cut(id, "@")
	name, _, _ := strings.Cut(body, "[")
	return s.Pattern == body || s.Pattern == name+"@"+profile
}
