// Command schema writes the JSON Schemas of the scenario language, of the
// lockstep protocol, of lists of known failures and of reports, from Go types and
// their comments. It runs in the root of
// the module.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"github.com/invopop/jsonschema"
)

// targets are the files and what makes their schemas.
var targets = map[string]func(root string) (*jsonschema.Schema, error){
	"scenarios/scenario.schema.json":              schema,
	"conformance/protocol/protocol.schema.json":   protocolSchema,
	"conformance/known/known-failing.schema.json": knownSchema,
	"conformance/report/report.schema.json":       reportSchema,
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "schema:", err)
		os.Exit(1)
	}
}

func run() error {
	for target := range targets {
		text, err := generate(".", target)
		if err != nil {
			return err
		}
		if err := os.WriteFile(target, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// generate makes the schema of a file; root is the directory of the module.
func generate(root, target string) ([]byte, error) {
	s, err := targets[target](root)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(s); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
