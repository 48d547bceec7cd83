package guestbox

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// program writes an ELF file of a header and, if it is dynamic, one program
// header that asks for an interpreter.
func program(t *testing.T, dynamic bool) string {
	t.Helper()
	text := make([]byte, 64+56)
	copy(text, "\x7fELF\x02\x01\x01")
	text[16], text[18], text[20], text[52] = 2, 62, 1, 64
	if dynamic {
		text[32], text[54], text[56], text[64] = 64, 56, 1, 3
	}
	name := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestGuest: the archive is one that container engines read, with the program
// as its entry point, and the same program gives the same bytes.
func TestGuest(t *testing.T) {
	var archives [2][]byte
	source := program(t, false)
	for i := range archives {
		file := filepath.Join(t.TempDir(), "guest.tar")
		tag, err := Guest(source, file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(tag, "vmprobe.test/guest:") {
			t.Errorf("the image is called %s", tag)
		}
		if archives[i], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
		check(t, file)
	}
	if !bytes.Equal(archives[0], archives[1]) {
		t.Error("the same program gives different bytes")
	}
}

func check(t *testing.T, file string) {
	t.Helper()
	image, _ := imageAt(t, file)
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if e := config.Config.Entrypoint; config.OS != "linux" || len(e) != 1 || e[0] != self {
		t.Errorf("config %+v", config)
	}
	if !strings.Contains(strings.Join(config.Config.Env, " "), variable+"=1") {
		t.Errorf("environment %q", config.Config.Env)
	}
	layers, err := image.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%v %v", layers, err)
	}
	r, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for files := tar.NewReader(r); ; {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			t.Fatal("the program is not in the image")
		}
		if err != nil {
			t.Fatal(err)
		}
		if "/"+h.Name == self {
			if h.Mode != 0o755 {
				t.Errorf("mode %o", h.Mode)
			}
			return
		}
	}
}

// TestNotStatic: a program that would not start in an image is refused, with
// the fix.
func TestNotStatic(t *testing.T) {
	_, err := Guest(program(t, true), filepath.Join(t.TempDir(), "guest.tar"))
	if err == nil || !strings.Contains(err.Error(), "CGO_ENABLED=0") {
		t.Error(err)
	}
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Pause(script, filepath.Join(t.TempDir(), "pause.tar")); err == nil || !strings.Contains(err.Error(), "no program for Linux") {
		t.Error(err)
	}
}

// TestInside: this process is in no container.
func TestInside(t *testing.T) {
	if _, ok := Inside(); ok {
		t.Error("a test passes for the guest of a container")
	}
}
