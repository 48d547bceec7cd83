package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// woven is a driver with mutants in it.
type woven struct {
	dir     string // temporary
	binary  string
	mutants []*mutant // number n at n-1
	sites   int
	skipped []string
	seams   []string // what only Rules decide
}

// compile weaves the mutants of the packages into one driver. The tree is
// left alone: the woven files reach the compiler through an overlay.
func compile(dir string, packages []string) (*woven, error) {
	all, err := list()
	if err != nil {
		return nil, err
	}
	w := &woven{dir: dir, binary: filepath.Join(dir, "driver")}
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	var total, rejected int
	for _, name := range packages {
		s, err := load(name, all)
		if err != nil {
			return nil, err
		}
		d := find(s, len(w.mutants)+1, w.sites+1)
		for _, f := range s.files {
			text, err := weave(f, d.sites)
			to := filepath.Join(dir, strings.ReplaceAll(f.name, "/", "_"))
			if writeErr := os.WriteFile(to, text, 0o644); writeErr != nil {
				return nil, writeErr
			}
			if err != nil {
				return nil, err
			}
			overlay.Replace[f.path] = to
		}
		w.mutants = append(w.mutants, d.mutants...)
		w.sites += len(d.sites)
		w.skipped = append(w.skipped, d.skipped...)
		w.seams = append(w.seams, d.seams...)
		total += len(d.mutants)
		rejected += d.rejected
	}
	fmt.Fprintf(os.Stderr, "mutation: %d mutants at %d sites; %d changes would not compile or change nothing; %d places that only Rules decide\n",
		total, w.sites, rejected, len(w.seams))
	return w, w.build(overlay)
}

func (w *woven) build(overlay any) error {
	data, err := json.Marshal(overlay)
	if err != nil {
		return err
	}
	file := filepath.Join(w.dir, "overlay.json")
	if err := os.WriteFile(file, data, 0o644); err != nil {
		return err
	}
	cmd := exec.Command("go", "build", "-overlay", file, "-o", w.binary, driverPackage)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}
