package main

import (
	"bytes"
	"os"
	"testing"
)

// TestCommitted: the schemas in the repository are those that the types make.
func TestCommitted(t *testing.T) {
	for target := range targets {
		want, err := generate("../..", target)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile("../../" + target)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is stale: run go run ./hack/schema", target)
		}
	}
}
