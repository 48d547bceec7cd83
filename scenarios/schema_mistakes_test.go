package scenarios_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/vmprobe/vmprobe/scenarios"
)

// mistakes are values that are wrong almost everywhere.
var mistakes = []string{
	"0", "-1", "1.5", "99999999999999999999", "true", "null", "x", "Not-Camel Case", "-40s", "[]", "[1]", "{unknown: 1}", "$x",
}

// anyMachine stands for the manifests, which the schema leaves alone.
const anyMachine = "{apiVersion: v1, kind: Pod, metadata: {name: any}, spec: {containers: [{name: any, image: any}]}}\n---\n"

// TestSchemaAgreesOnMistakes: the JSON Schema and the decoder agree also when
// one value of a scenario is replaced by another, is missing or has a key too
// many, at every place that any embedded scenario has.
func TestSchemaAgreesOnMistakes(t *testing.T) {
	s := compiledSchema(t)
	files, err := fs.Glob(scenarios.Embedded(), "*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no embedded scenarios", err)
	}
	seen := map[string]bool{}
	for _, name := range files {
		data, err := fs.ReadFile(scenarios.Embedded(), name)
		if err != nil {
			t.Fatal(err)
		}
		at := bytes.Index(data, []byte("apiVersion: vmprobe.dev/"))
		var doc yaml.Node
		if err := yaml.Unmarshal(data[at:], &doc); err != nil {
			t.Fatal(err)
		}
		try := func(place string) {
			text, err := yaml.Marshal(&doc)
			if err != nil {
				t.Fatal(err)
			}
			agree(t, s, name+" "+place, append([]byte(anyMachine), text...))
		}
		misuse(doc.Content[0], "", seen, try)
	}
	if len(seen) < 300 {
		t.Errorf("only %d places", len(seen))
	}
}

// misuse changes every place that was not seen before, one at a time.
func misuse(n *yaml.Node, place string, seen map[string]bool, try func(string)) {
	if strings.Contains(place, ".vary") {
		return // what a value means is known only where it is used
	}
	// A boot has the keys of a guest, expectIn those of expect.
	class := strings.NewReplacer(".everyBoot", "", ".expectIn.*", ".expect").Replace(place)
	if class = fmt.Sprint(class, " ", n.Kind); !seen[class] {
		seen[class] = true
		good := *n
		for _, text := range mistakes {
			var wrong yaml.Node
			if text == "$x" && !strings.HasPrefix(place, ".spec.") {
				continue // refused by both, but for a name that vary does not have
			}
			if yaml.Unmarshal([]byte(text), &wrong) == nil {
				*n = *wrong.Content[0]
				try(place + " = " + text)
			}
		}
		*n = good
		if n.Kind == yaml.MappingNode {
			n.Content = append(slices.Clip(n.Content),
				&yaml.Node{Kind: yaml.ScalarNode, Value: "surplus"}, &yaml.Node{Kind: yaml.ScalarNode, Value: "1"})
			try(place + " with a key too many")
			for i := 0; i < len(good.Content); i += 2 {
				n.Content = append(append([]*yaml.Node{}, good.Content[:i]...), good.Content[i+2:]...)
				try(place + " without " + good.Content[i].Value)
			}
			*n = good
		}
	}
	for i, child := range n.Content {
		switch {
		case n.Kind == yaml.SequenceNode:
			misuse(child, place+"[]", seen, try)
		case i%2 == 1:
			misuse(child, place+"."+placeName(place, n.Content[i-1].Value), seen, try)
		}
	}
}

// placeName is a key, or "*" for a name that the author has chosen.
func placeName(place, key string) string {
	switch {
	case strings.HasSuffix(place, ".guests"), strings.HasSuffix(place, ".expect"), strings.HasSuffix(place, ".let"),
		strings.HasSuffix(place, ".expectIn"), strings.HasSuffix(place, ".expectIn.*"):
		return "*"
	}
	if kind, _, ok := strings.Cut(key, "/"); ok {
		return kind
	}
	return key
}
