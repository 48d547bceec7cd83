package guestagent_test

import (
	"bytes"
	"testing"

	"github.com/vmprobe/vmprobe/probes/guestagent"
)

// TestFloodsLeaveNothingBehind: decoders pass the buffer of a long line on, and
// not a byte of what was in it.
func TestFloodsLeaveNothingBehind(t *testing.T) {
	const chunk = 4096
	lengths := []int{1 << 20, 100_000, 3 << 20, 70_000, 1 << 20}
	for i, length := range lengths {
		var d guestagent.Decoder
		want := bytes.Repeat([]byte{byte('a' + i)}, length)
		for rest := want; len(rest) > 0; rest = rest[min(chunk, len(rest)):] {
			if line, ok := d.Next(); ok {
				t.Fatalf("flood %d: a line of %d bytes before its end", i, len(line))
			}
			d.Write(rest[:min(chunk, len(rest))])
		}
		if d.Pending() != length {
			t.Errorf("flood %d: %d bytes pending, want %d", i, d.Pending(), length)
		}
		d.Write([]byte("\nnext"))
		if line, ok := d.Next(); !ok || !bytes.Equal(line, want) {
			t.Errorf("flood %d: a line of %d bytes, want %d", i, len(line), length)
		}
		if _, ok := d.Next(); ok || d.Pending() != len("next") {
			t.Errorf("flood %d: %d bytes pending", i, d.Pending())
		}
		if d.Reset(); d.Pending() != 0 {
			t.Errorf("flood %d: %d bytes after Reset", i, d.Pending())
		}
	}
}
