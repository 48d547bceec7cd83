// Package adapters holds probers to copy: python is a complete prober in the
// standard library of Python, go one on top of package engine. sockets is a TCP
// prober in Python for the sockets door: with a clock and connections of its own.
// transcript.txt is a whole conversation, to be read and replayed.
package adapters

import (
	"embed"
	"fmt"
	"path"
	"slices"

	"github.com/vmprobe/vmprobe/scenarios/diag"
)

//go:embed python/prober.py go/main.go
var files embed.FS

// File is one file of an adapter.
type File struct {
	Name string
	Data []byte
}

// Languages lists the languages that there are adapters in.
func Languages() []string { return []string{"go", "python"} }

// Files are the files of the adapter in a language.
func Files(language string) ([]File, error) {
	if !slices.Contains(Languages(), language) {
		return nil, fmt.Errorf("no adapter in %q; %s", language, diag.DidYouMean(language, Languages()))
	}
	entries, err := files.ReadDir(language)
	if err != nil {
		return nil, err
	}
	var list []File
	for _, e := range entries {
		data, err := files.ReadFile(path.Join(language, e.Name()))
		if err != nil {
			return nil, err
		}
		list = append(list, File{e.Name(), data})
	}
	return list, nil
}
