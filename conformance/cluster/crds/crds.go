// Package crds has the definitions of KubeVirt's API objects that a cluster
// without KubeVirt needs to keep them: VirtualMachine, VirtualMachineInstance,
// its migration and KubeVirt itself, with KubeVirt's own validation, without
// descriptions. hack/crds writes them from KubeVirt's module.
//
// They check the structure only: what KubeVirt's webhooks refuse is accepted.
package crds

import (
	_ "embed" // of the definitions
	"slices"
)

// Version is the version of KubeVirt that the definitions are from.
const Version = "v1.9.0"

//go:embed kubevirt.yaml
var kubevirt []byte

// YAML gives the definitions, as YAML documents.
func YAML() []byte { return slices.Clone(kubevirt) }
