package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The overlay of the local toolchain takes a dial of a dialer that nobody can
// reach.
func TestTakesADial(t *testing.T) {
	dir := t.TempDir()
	list, err := write(dir)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	var overlay struct{ Replace map[string]string }
	if err := json.Unmarshal(data, &overlay); err != nil || len(overlay.Replace) != 1 {
		t.Fatalf("overlay %s: %v", data, err)
	}
	if testing.Short() {
		t.Skip("not run: package net is compiled again")
	}
	program := filepath.Join(dir, "main.go")
	const source = `package main

import ("context"; "errors"; "fmt"; "net"; "net/http")

func main() {
	net.DialHook = func(_ context.Context, _ *net.Dialer, network, address string) (net.Conn, error, bool) {
		return nil, errors.New("taken: " + network + " " + address), true
	}
	_, err := http.Get("http://192.0.2.1:81/")
	fmt.Println(err)
}
`
	if err := os.WriteFile(program, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "run", "-overlay", list, program)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "taken: tcp 192.0.2.1:81") {
		t.Errorf("error %v, output %s", err, out)
	}
}

// A toolchain that looks otherwise is an error that shows what is missing.
func TestUnknownToolchain(t *testing.T) {
	for _, source := range []string{"package net\n", head + "}\n" + head + "}\n"} {
		if _, err := patch(source); err == nil || !strings.Contains(err.Error(), "DialContext") {
			t.Errorf("error %v, want one that names the function", err)
		}
	}
}
