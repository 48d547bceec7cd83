package main

import (
	"encoding/binary"
	"os/exec"
	"strings"
	"testing"
)

// bzImage packs a kernel as Linux does.
func bzImage(payload []byte) []byte {
	b := make([]byte, 2*sector+8) // one sector of setup code, and what comes before the payload
	b[setupSectors] = 1
	copy(b[signature:], "HdrS")
	binary.LittleEndian.PutUint32(b[payloadOffset:], 8)
	binary.LittleEndian.PutUint32(b[payloadLength:], uint32(len(payload)+4))
	return append(append(b, payload...), 1, 2, 3, 4)
}

func TestUnpackKernel(t *testing.T) {
	if _, err := exec.LookPath("xz"); err != nil {
		t.Skip("not run: there is no xz (Debian: apt-get install xz-utils)")
	}
	pack := func(text string) []byte {
		cmd := exec.Command("xz", "--stdout")
		cmd.Stdin = strings.NewReader(text)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	const kernel = "\x7fELF and so on"
	got, err := unpackKernel(t.Context(), bzImage(pack(kernel)))
	if err != nil || string(got) != kernel {
		t.Errorf("%q, %v", got, err)
	}
	cut := bzImage(pack(kernel))
	lies := bzImage(pack(kernel))
	binary.LittleEndian.PutUint32(lies[payloadLength:], 1<<31)
	broken := pack(kernel)
	broken[len(broken)/2] ^= 0xff
	for want, image := range map[string][]byte{
		"is no bzImage":    []byte("MZ"),
		"leads out of it":  cut[:len(cut)-40],
		"header leads":     lies,
		"not packed by XZ": bzImage([]byte("\x1f\x8b gzip")),
		"is no ELF file":   bzImage(pack("a text")),
		"xz: exit status":  bzImage(broken),
	} {
		if _, err := unpackKernel(t.Context(), image); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
