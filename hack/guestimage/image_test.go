package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vmprobe/vmprobe/conformance/qemu/image"
)

// TestArchive: the same content is the same bytes whatever the order, and the
// form is the one that the kernel reads.
func TestArchive(t *testing.T) {
	var a, b archive
	a.file("bin/x", 0o755, []byte("hello"))
	a.dir("proc")
	b.dir("proc")
	b.file("bin/x", 0o755, []byte("hello"))
	got := a.bytes()
	if !bytes.Equal(got, b.bytes()) {
		t.Error("the order of additions shows")
	}
	if len(got)%4 != 0 || !bytes.HasPrefix(got, []byte("070701")) {
		t.Errorf("%d bytes, %.6s", len(got), got)
	}
	if n := strings.Count(string(got), "070701"); n != 4 { // bin, bin/x, proc, trailer
		t.Errorf("%d entries", n)
	}
	if at := bytes.Index(got, []byte("bin/x\x00")); at < 0 || !bytes.Contains(got[at:], []byte("hello")) {
		t.Error("the file is not there")
	}
}

func TestParseURIs(t *testing.T) {
	list, err := parseURIs("'http://x/b.deb' libc6_2.36-9%2bdeb12u14_amd64.deb 12 SHA256:bb\n'http://x/a.deb' a_1%3a7_amd64.deb 3 SHA256:aa\n")
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(list); got != "[{{a 1:7 aa} a_1%3a7_amd64.deb} {{libc6 2.36-9+deb12u14 bb} libc6_2.36-9%2bdeb12u14_amd64.deb}]" {
		t.Error(got)
	}
	for _, bad := range []string{"", "'http://x/a.deb' a_1_amd64.deb 3 MD5Sum:aa\n", "E: no\n"} {
		if _, err := parseURIs(bad); err == nil {
			t.Errorf("%q was understood", bad)
		}
	}
}

// TestReproducible makes the image twice; it needs apt.
func TestReproducible(t *testing.T) {
	if os.Getenv("VMPROBE_REQUIRE_QEMU") == "" {
		t.Skip("not run: it downloads Debian packages; VMPROBE_REQUIRE_QEMU=1 runs it")
	}
	var sums []string
	for i := range 2 {
		dir := filepath.Join(t.TempDir(), fmt.Sprint(i))
		if err := run(t.Context(), cloud(), dir, true); err != nil {
			t.Fatal(err)
		}
		found, err := image.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(found.Initrd())
		if err != nil {
			t.Fatal(err)
		}
		sum := fmt.Sprintf("%x", sha256.Sum256(data))
		if found.SHA256[image.Initrd] != sum {
			t.Errorf("the manifest says %s, the file is %s", found.SHA256[image.Initrd], sum)
		}
		sums = append(sums, found.Key+sum)
	}
	if sums[0] != sums[1] {
		t.Errorf("two builds differ: %v", sums)
	}
}
