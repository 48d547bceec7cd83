// Package artifact says of which files a prober under test is made, by digest:
// what a report speaks of, what is signed, what a second run is held to.
package artifact

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// File is a file that a prober is made of.
type File struct {
	// Name is the word of the command that names it, or that of its
	// interpreter.
	Name string `json:"name" yaml:"name"`
	// Digest is "sha256:" and the sum of its bytes, in hex.
	Digest string `json:"digest" yaml:"digest"`
}

// Of lists the files of a command: the program, as the shell finds it; the
// interpreter that its first line names, if it is a script; each argument that
// is a regular file, also behind "=" in an option; and more, which must be
// files. What these files load by themselves (modules, libraries, services) is
// not there unless it is among more.
func Of(argv, more []string) ([]File, error) {
	l := &list{known: map[string]bool{}}
	program, err := exec.LookPath(argv[0])
	if err != nil {
		return nil, err
	}
	if err := l.add(argv[0], program); err != nil {
		return nil, err
	}
	if name := interpreter(program); name != "" {
		if path, err := exec.LookPath(name); err == nil { // else the program does not start
			if err := l.add(name, path); err != nil {
				return nil, err
			}
		}
	}
	for _, word := range argv[1:] {
		path := word
		if _, value, ok := strings.Cut(word, "="); ok && !regular(word) {
			path = value
		}
		if !regular(path) {
			continue
		}
		if err := l.add(word, path); err != nil {
			return nil, err
		}
	}
	for _, path := range more {
		if info, err := os.Stat(path); err != nil {
			return nil, err
		} else if !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%s: not a regular file", path)
		}
		if err := l.add(path, path); err != nil {
			return nil, err
		}
	}
	return l.files, nil
}

// list collects files, each once.
type list struct {
	files []File
	known map[string]bool // by real path
}

func (l *list) add(name, path string) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	if l.known[real] {
		return nil
	}
	l.known[real] = true
	digest, err := sum(real)
	l.files = append(l.files, File{name, digest})
	return err
}

func sum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}

func regular(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// interpreter is the program that runs a script; empty: it is none. Of
// "#!/usr/bin/env python3" it is python3.
func interpreter(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	const longest = 256 // bytes that the kernel reads
	line, _ := bufio.NewReader(io.LimitReader(f, longest)).ReadBytes('\n')
	rest, ok := bytes.CutPrefix(line, []byte("#!"))
	if !ok {
		return ""
	}
	words := strings.Fields(string(rest))
	if len(words) == 0 {
		return ""
	}
	if filepath.Base(words[0]) != "env" {
		return words[0]
	}
	for _, w := range words[1:] {
		if !strings.HasPrefix(w, "-") && !strings.Contains(w, "=") {
			return w
		}
	}
	return ""
}

// Digest is that of all files together: of one, its own, so that sha256sum
// shows it; of several, the sum over the lines of their digests, in order.
// Their names do not matter.
func Digest(files []File) string {
	switch len(files) {
	case 0:
		return ""
	case 1:
		return files[0].Digest
	}
	h := sha256.New()
	for _, f := range files {
		fmt.Fprintln(h, f.Digest)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}
