package artifact_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmprobe/vmprobe/conformance/artifact"
)

// TestOf: which words of a command are files of the prober.
func TestOf(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("PATH", filepath.Join(dir, "bin"))
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	texts := map[string]string{
		"bin/python3": "\x7fELF", "prober.py": "import lockstep", "lockstep.py": "# protocol", "settings.yaml": "a: 1",
		"script": "#!/usr/bin/env -S python3 -u\nimport lockstep", "sh": "#!" + dir + "/bin/python3\n", "odd": "#!/usr/bin/env\n",
		"gone": "#!/no/such/interpreter\n", "a=b": "x",
	}
	for name, text := range texts {
		write(name, text)
	}
	if err := os.Symlink("prober.py", "link.py"); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name       string
		argv, more []string
		want       string // names and the files that they mean
	}{
		{"binary", []string{"bin/python3"}, nil, "bin/python3"},
		{"interpreter", []string{"python3", "-u", "prober.py", "--stdio"}, nil, "python3:bin/python3 prober.py"},
		{"script", []string{"./script"}, nil, "./script:script python3:bin/python3"},
		{"script with a path", []string{"./sh"}, nil, "./sh:sh " + dir + "/bin/python3:bin/python3"},
		{"script without", []string{"./odd"}, nil, "./odd:odd"},
		{"interpreter that is not there", []string{"./gone"}, nil, "./gone:gone"},
		{"option", []string{"python3", "--config=settings.yaml", "--x=no-file", "bin"}, nil, "python3:bin/python3 --config=settings.yaml:settings.yaml"},
		{"a name with =", []string{"python3", "a=b"}, nil, "python3:bin/python3 a=b"},
		{"twice", []string{"python3", "prober.py", "link.py"}, []string{"prober.py", "lockstep.py"}, "python3:bin/python3 prober.py lockstep.py"},
		{"no file", []string{"python3", "/dev/null", "."}, nil, "python3:bin/python3"},
	} {
		got, err := artifact.Of(tt.argv, tt.more)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		var want []artifact.File
		for word := range strings.FieldsSeq(tt.want) {
			name, file, ok := strings.Cut(word, ":")
			if !ok {
				file = name
			}
			want = append(want, artifact.File{Name: name, Digest: fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(texts[file])))})
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
	for name, tt := range map[string]struct{ argv, more []string }{
		"no program":   {[]string{"no-such"}, nil},
		"no such file": {[]string{"python3"}, []string{"no-such"}},
		"a directory":  {[]string{"python3"}, []string{"bin"}},
	} {
		if got, err := artifact.Of(tt.argv, tt.more); err == nil {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestDigest(t *testing.T) {
	a, b := artifact.File{Name: "a", Digest: "sha256:01"}, artifact.File{Name: "b", Digest: "sha256:02"}
	if artifact.Digest(nil) != "" || artifact.Digest([]artifact.File{a}) != "sha256:01" {
		t.Error("of none, or of one")
	}
	both, renamed := artifact.Digest([]artifact.File{a, b}), artifact.Digest([]artifact.File{{Name: "x", Digest: a.Digest}, b})
	if both != renamed || both == artifact.Digest([]artifact.File{b, a}) || len(both) != len("sha256:")+64 {
		t.Errorf("%s, %s", both, renamed)
	}
}
