package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/vmprobe/vmprobe/scenarios"
)

// maxManifest bounds what explain reads: a dump of some thousand VMs.
const maxManifest = 32 << 20

// readManifest reads a file, standard input for "-", or the file of an
// embedded scenario by its name. The error is fs.ErrNotExist when there is
// none of these.
func readManifest(name string, stdin io.Reader) ([]byte, error) {
	if name == "-" {
		return readLimited(stdin, "standard input")
	}
	file, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		if data, err := fs.ReadFile(scenarios.Embedded(), name+".yaml"); err == nil {
			return data, nil
		}
	}
	if err != nil {
		return nil, exit(exitUsage, err)
	}
	defer file.Close()
	return readLimited(file, name)
}

func readLimited(r io.Reader, name string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxManifest+1))
	if err != nil {
		return nil, exit(exitCouldNotRun, fmt.Errorf("read %s: %w", name, err))
	}
	if len(data) > maxManifest {
		return nil, usagef("read %s: larger than %d MiB", name, maxManifest>>20)
	}
	return data, nil
}
