package scenarios

import (
	"embed"
	"io/fs"
)

//go:embed cases/*.yaml
var embedded embed.FS

// CasesDir is where the embedded scenarios lie in the source tree. Their names
// in diagnostics and reports begin with it.
const CasesDir = "scenarios/cases/"

// Embedded holds the scenarios that are part of the program: NAME.yaml each.
func Embedded() fs.FS {
	sub, err := fs.Sub(embedded, "cases")
	if err != nil {
		panic(err) // the directory is part of the program
	}
	return sub
}
