package spec

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
	corev1 "k8s.io/api/core/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"
)

// Manifest is what a stream of documents holds.
type Manifest struct {
	Machines []*Machine
	Skipped  []Skipped
}

// Skipped is a document that carries no probe vmprobe knows: a Service, a
// Secret, a DataVolume. It is no error.
type Skipped struct {
	Source, Doc      int
	Line             int // 1-based line of the document's first field
	APIVersion, Kind string
	Name             string
}

// String gives "document 2: Service web is not a virtual machine or pod: skipped".
func (s Skipped) String() string {
	what := s.Kind
	if s.Name != "" {
		what += " " + s.Name
	}
	return fmt.Sprintf("document %d: %s is not a virtual machine or pod: skipped", s.Doc, what)
}

// Decode reads YAML streams of KubeVirt VirtualMachine and
// VirtualMachineInstance objects and of pods, as strictly as an API server
// asked for strict field validation. The error is a [DecodeErrors] that holds
// everything that is wrong. Documents of other kinds are skipped; [DecodeAll]
// names them.
func Decode(docs ...[]byte) ([]*Machine, error) {
	m, err := DecodeAll(docs...)
	return m.Machines, err
}

// DecodeAll is [Decode] that also tells what it skipped. After an error it
// still holds the documents that are right.
func DecodeAll(docs ...[]byte) (Manifest, error) {
	d := decoder{seen: map[string]int{}}
	index := 0
	for i, text := range docs {
		for _, doc := range split(text) {
			doc.source, doc.index = i, index
			if errs := doc.parse(); errs != nil {
				d.errs = append(d.errs, errs...)
				index++
				continue
			}
			if string(doc.json) == "null" {
				continue // only comments: kubectl does not count it either
			}
			d.object(&doc, doc.root, doc.json, "")
			index++
		}
	}
	if len(d.errs) > 0 {
		return d.manifest, d.errs.sorted()
	}
	return d.manifest, nil
}

type decoder struct {
	manifest Manifest
	errs     DecodeErrors
	seen     map[string]int // kind/namespace/name -> document
}

// header is what every object has.
type header struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name         string `json:"name"`
		GenerateName string `json:"generateName"`
		Namespace    string `json:"namespace"`
	} `json:"metadata"`
	Items []json.RawMessage          `json:"items"`
	Spec  map[string]json.RawMessage `json:"spec"`
}

func (d *decoder) object(doc *document, node *yaml.Node, text []byte, prefix string) {
	var h header
	if err := json.Unmarshal(text, &h); err != nil && h.Kind == "" {
		d.fail(doc, node, prefix, "is not a Kubernetes object: a document "+plain(err), "")
		return
	}
	switch kind := h.Kind; {
	case kind == "List" && h.APIVersion == "v1":
		for i, item := range h.Items {
			key := fmt.Sprintf("items[%d]", i)
			place, exact := lookup(node, key)
			if !exact {
				place = nil
			}
			d.object(doc, place, item, key)
		}
	case kind == "" && h.APIVersion == "" && isFragment(h.Spec):
		d.fragment(doc, node, text)
	case kind == "":
		d.fail(doc, node, prefix, "has no kind", "a manifest names apiVersion and kind")
	case kind == "VirtualMachine", kind == "VirtualMachineInstance", kind == "Pod":
		d.machine(doc, node, text, h)
	default:
		if isKubeVirt(h.APIVersion) && !slices.Contains(otherKinds, kind) {
			if near := nearest(kind, ownKinds); near != "" {
				d.fail(doc, node, "kind", fmt.Sprintf("unknown kind %q", kind), didYouMean(near))
				return
			}
		}
		s := Skipped{Source: doc.source, Doc: doc.index, APIVersion: h.APIVersion, Kind: kind, Name: h.Metadata.Name}
		if node != nil {
			s.Line = node.Line + doc.firstLine
		}
		d.manifest.Skipped = append(d.manifest.Skipped, s)
	}
}

var (
	ownKinds = []string{"VirtualMachine", "VirtualMachineInstance"}
	// otherKinds are KubeVirt's own neighbours of the two: no misspellings.
	otherKinds = []string{
		"VirtualMachineInstancePreset", "VirtualMachineInstanceReplicaSet", "VirtualMachineInstanceMigration",
		"VirtualMachineInstancetype", "VirtualMachinePreference", "VirtualMachinePool", "VirtualMachineList",
		"VirtualMachineInstanceList",
	}
)

func isKubeVirt(apiVersion string) bool {
	return apiVersion == "" || strings.HasPrefix(apiVersion, "kubevirt.io/")
}

// isFragment recognises the guide's samples, which show spec.readinessProbe or
// spec.livenessProbe and nothing around it (14.7.2-14.7.5).
func isFragment(spec map[string]json.RawMessage) bool {
	return spec["readinessProbe"] != nil || spec["livenessProbe"] != nil
}

func (d *decoder) fragment(doc *document, node *yaml.Node, text []byte) {
	h := header{APIVersion: "kubevirt.io/v1", Kind: "VirtualMachineInstance"}
	h.Metadata.Name = "vmi"
	for n := 2; d.known(h); n++ {
		h.Metadata.Name = fmt.Sprintf("vmi-%d", n)
	}
	if m := d.machine(doc, node, text, h); m != nil {
		m.findings = append(m.findings, Finding{
			Severity: Notes, Requirement: "VAL-API-VERSION", By: ByVMProbe,
			Message: "the document has no apiVersion and kind: read as the spec of a VirtualMachineInstance",
		})
	}
}

func key(h header) string {
	return h.Kind + "/" + h.Metadata.Namespace + "/" + h.Metadata.Name
}

func (d *decoder) known(h header) bool {
	h.Metadata.Namespace = "default"
	_, ok := d.seen[key(h)]
	return ok
}

func (d *decoder) machine(doc *document, node *yaml.Node, text []byte, h header) *Machine {
	m := &Machine{
		Kind: h.Kind, Name: h.Metadata.Name, Namespace: h.Metadata.Namespace, Doc: doc.index,
		source: source{index: doc.source, node: node, firstLine: doc.firstLine},
	}
	before := len(d.errs)
	d.identity(doc, m, &h)
	if !d.version(doc, m, h) {
		return nil
	}
	var target any
	switch h.Kind {
	case "VirtualMachine":
		m.VM = &kubevirtv1.VirtualMachine{}
		target = m.VM
	case "VirtualMachineInstance":
		m.VMI = &kubevirtv1.VirtualMachineInstance{}
		target = m.VMI
	default:
		m.Pod = &corev1.Pod{}
		target = m.Pod
	}
	d.strict(doc, m, text, target)
	if len(d.errs) > before {
		return nil
	}
	m.adopt()
	d.manifest.Machines = append(d.manifest.Machines, m)
	return m
}

// identity settles name and namespace and refuses the second object of a name.
func (d *decoder) identity(doc *document, m *Machine, h *header) {
	if h.Metadata.Namespace == "" {
		h.Metadata.Namespace, m.Namespace = "default", "default"
	}
	if h.Metadata.Name == "" {
		h.Metadata.Name = strings.TrimRight(h.Metadata.GenerateName, "-")
		m.Name = h.Metadata.Name
	}
	if h.Metadata.Name == "" {
		d.fail(doc, m.source.node, "metadata.name", "Required value: name or generateName is required", "")
		return
	}
	if first, ok := d.seen[key(*h)]; ok {
		d.fail(doc, m.source.node, "metadata.name", fmt.Sprintf("%s %s/%s is already in document %d",
			h.Kind, h.Metadata.Namespace, h.Metadata.Name, first), "")
		return
	}
	d.seen[key(*h)] = doc.index
}

func (d *decoder) version(doc *document, m *Machine, h header) bool {
	want := kubevirtv1.GroupVersion.String()
	if h.Kind == "Pod" {
		want = "v1"
	}
	switch {
	case h.APIVersion == want:
		return true
	case h.APIVersion == "kubevirt.io/v1alpha3" && h.Kind != "Pod":
		m.findings = append(m.findings, Finding{
			Severity: Warns, Requirement: "VAL-API-VERSION", Path: "apiVersion", By: ByAPIServer,
			Message: "kubevirt.io/v1alpha3 is now deprecated and will be removed in a future release.",
			Note:    "write apiVersion: kubevirt.io/v1",
		})
		return true
	}
	d.fail(doc, m.source.node, "apiVersion",
		fmt.Sprintf("no matches for kind %q in version %q", h.Kind, h.APIVersion), didYouMean(want))
	return false
}

// adopt gives a VM the instance that its template describes.
func (m *Machine) adopt() {
	if m.VM == nil {
		return
	}
	m.VMI = &kubevirtv1.VirtualMachineInstance{}
	m.VMI.Name, m.VMI.Namespace = m.Name, m.Namespace
	if t := m.VM.Spec.Template; t != nil {
		m.VMI.Labels, m.VMI.Annotations = t.ObjectMeta.Labels, t.ObjectMeta.Annotations
		m.VMI.Spec = *t.Spec.DeepCopy()
	}
}

func (d *decoder) fail(doc *document, node *yaml.Node, path, message, help string) {
	place, _ := lookup(node, path)
	e := doc.at(0, 0, path, message)
	if place != nil {
		e = doc.at(place.Line, place.Column, path, message)
	}
	e.Help = help
	d.errs = append(d.errs, e)
}

func didYouMean(word string) string {
	if word == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %q?", word)
}

var machineTypes = map[string]reflect.Type{
	"VirtualMachine":         reflect.TypeFor[kubevirtv1.VirtualMachine](),
	"VirtualMachineInstance": reflect.TypeFor[kubevirtv1.VirtualMachineInstance](),
	"Pod":                    reflect.TypeFor[corev1.Pod](),
}
