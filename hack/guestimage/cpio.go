package main

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"
)

// archive is a cpio archive in the format "newc", which the kernel unpacks.
// Owner, time and device of everything are 0 and entries are sorted, so that
// the same content is the same bytes.
type archive struct{ entries []entry }

type entry struct {
	name         string
	mode         uint32
	data         []byte
	major, minor uint32 // of a device
}

const (
	modeDir     = 0o040000
	modeFile    = 0o100000
	modeConsole = 0o020600
)

// dir adds a directory and those above it.
func (a *archive) dir(name string) {
	if name == "." || slices.ContainsFunc(a.entries, func(e entry) bool { return e.name == name }) {
		return
	}
	a.dir(path.Dir(name))
	a.entries = append(a.entries, entry{name: name, mode: modeDir | 0o755})
}

func (a *archive) file(name string, perm uint32, data []byte) {
	a.dir(path.Dir(name))
	a.entries = append(a.entries, entry{name: name, mode: modeFile | perm, data: data})
}

// console adds the device that PID 1 has as its standard streams.
func (a *archive) console(name string) {
	a.entries = append(a.entries, entry{name: name, mode: modeConsole, major: 5, minor: 1})
}

// bytes is the archive. A directory sorts before what is in it.
func (a *archive) bytes() []byte {
	slices.SortFunc(a.entries, func(x, y entry) int { return strings.Compare(x.name, y.name) })
	var out bytes.Buffer
	for i, e := range append(a.entries, entry{name: "TRAILER!!!"}) {
		links := 1
		if e.mode&modeDir != 0 && e.mode&modeFile != modeFile {
			links = 2
		}
		fmt.Fprintf(&out, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
			i+1, e.mode, 0, 0, links, 0, len(e.data), 0, 0, e.major, e.minor, len(e.name)+1, 0)
		out.WriteString(e.name + "\x00")
		pad(&out)
		out.Write(e.data)
		pad(&out)
	}
	return out.Bytes()
}

func pad(out *bytes.Buffer) {
	for out.Len()%4 != 0 {
		out.WriteByte(0)
	}
}
