// Package cluster says what a cluster of the testbed kubevirt is to those who
// use it: where its kubeconfig is, which images it has, what runs in it. Its
// state is a folder, see Home; the packages below start and stop clusters.
//
//	binaries     builds etcd, Kubernetes and containerd from Go modules
//	pki          certificates and kubeconfigs
//	crds         the definitions of KubeVirt's API
//	guestbox     the guest of the scenarios as a container image
//	local        provider local: no container engine, no registry
//	kindcluster  provider kind: where Docker or Podman runs
package cluster
