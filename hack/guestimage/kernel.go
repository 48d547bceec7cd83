package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// Places in a bzImage (Linux, Documentation/arch/x86/boot.rst).
const (
	setupSectors  = 0x1f1 // one byte
	payloadOffset = 0x248 // four, from the end of the setup code
	payloadLength = 0x24c // four
	headerEnd     = 0x250
	signature     = 0x202 // "HdrS"
	sector        = 512
)

// unpackKernel takes the kernel out of a bzImage that is packed by XZ: an ELF
// file, which QEMU boots as well.
func unpackKernel(ctx context.Context, image []byte) ([]byte, error) {
	payload, err := payloadOf(image)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "xz", "--decompress", "--stdout", "--single-stream")
	var stderr strings.Builder
	cmd.Stdin, cmd.Stderr = bytes.NewReader(payload), &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("xz: %w\n%s", err, strings.TrimSpace(stderr.String()))
	}
	if !bytes.HasPrefix(out, []byte("\x7fELF")) {
		return nil, errors.New("what is packed in it is no ELF file")
	}
	return out, nil
}

// payloadOf is the XZ stream in a bzImage. The length of what is packed follows
// it, in four bytes.
func payloadOf(image []byte) ([]byte, error) {
	if len(image) < headerEnd || string(image[signature:signature+4]) != "HdrS" {
		return nil, errors.New("it is no bzImage")
	}
	begin := (int(image[setupSectors])+1)*sector + int(binary.LittleEndian.Uint32(image[payloadOffset:]))
	length := int(binary.LittleEndian.Uint32(image[payloadLength:])) - 4
	if length < 0 || begin+length > len(image) {
		return nil, errors.New("its header leads out of it")
	}
	payload := image[begin : begin+length]
	if !bytes.HasPrefix(payload, []byte("\xfd7zXZ")) {
		return nil, errors.New("it is not packed by XZ")
	}
	return payload, nil
}
