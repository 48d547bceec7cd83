// Netoverlay makes a build overlay that lets a test take the dials of every
// net.Dialer, also of one that nobody can inject: package net of the local
// toolchain gets a variable DialHook, which (*Dialer).DialContext asks first.
// Nothing of the standard library is kept in the repository.
//
//	go run ./hack/netoverlay -dir out/netoverlay
//	go test -overlay out/netoverlay/overlay.json -tags netoverlay ./...
//
// Exit code 1: the function is not where it is expected, in a toolchain that
// this program does not know.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func main() {
	dir := flag.String("dir", filepath.Join("out", "netoverlay"), "`folder` to write to")
	flag.Parse()
	path, err := write(*dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, "netoverlay:", err)
		os.Exit(1)
	}
	fmt.Println(path)
}

// write makes the overlay and returns the path of its overlay.json.
func write(dir string) (string, error) {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOROOT: %w", err)
	}
	original := filepath.Join(strings.TrimSpace(string(out)), "src", "net", "dial.go")
	source, err := os.ReadFile(original)
	if err != nil {
		return "", err
	}
	patched, err := patch(string(source))
	if err != nil {
		return "", fmt.Errorf("%s: %w", original, err)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	changed, list := filepath.Join(dir, "dial.go.patched"), filepath.Join(dir, "overlay.json") // no file of a package for "./..."
	overlay, err := json.MarshalIndent(map[string]any{"Replace": map[string]string{original: changed}}, "", "  ")
	if err != nil {
		return "", err
	}
	return list, errors.Join(
		os.WriteFile(changed, []byte(patched), 0o644),
		os.WriteFile(list, append(overlay, '\n'), 0o644),
	)
}

// The line after which the hook is asked.
const head = "func (d *Dialer) DialContext(ctx context.Context, network, address string) (Conn, error) {\n"

const ask = `	if hook := DialHook; hook != nil {
		if conn, err, taken := hook(ctx, d, network, address); taken {
			return conn, err
		}
	}
`

const variable = `
// DialHook, if not nil, may take a dial; set by tests.
var DialHook func(ctx context.Context, d *Dialer, network, address string) (conn Conn, err error, taken bool)
`

func patch(source string) (string, error) {
	if n := strings.Count(source, head); n != 1 {
		return "", fmt.Errorf("found %d times, want once:\n\t%s", n, strings.TrimSpace(head))
	}
	return strings.Replace(source, head, head+ask, 1) + variable, nil
}
