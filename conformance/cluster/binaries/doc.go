// Package binaries builds the programs of a small cluster with the local Go
// toolchain, from Go modules, and keeps them in the user's cache.
//
// Two modules say what is built from what: kube (etcd and Kubernetes) and
// runtime (containerd and the plugins of the container network). Their go.mod
// and go.sum are embedded, as kube.mod and so on, so that an installed vmprobe
// has them, too, and so that nobody who only tests a prober compiles
// Kubernetes. hack/clustermods writes them.
//
// The cache is keyed by all that goes in: module, sums, flags, Go version and
// machine. Nothing that is built here is committed or distributed.
package binaries
