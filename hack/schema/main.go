// Command schema writes scenarios/scenario.schema.json: the JSON Schema of the
// scenario language, from the types of package syntax and their comments. It
// runs in the root of the module.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
)

const target = "scenarios/scenario.schema.json"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "schema:", err)
		os.Exit(1)
	}
}

func run() error {
	text, err := generate(".")
	if err != nil {
		return err
	}
	return os.WriteFile(target, text, 0o644)
}

// generate makes the schema; root is the directory of the module.
func generate(root string) ([]byte, error) {
	s, err := schema(root)
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
