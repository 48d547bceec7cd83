package main

import (
	"bytes"
	"os"
	"testing"
)

// TestCommitted: the schema in the repository is the one that the types make.
func TestCommitted(t *testing.T) {
	want, err := generate("../..")
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
