// Package kindcluster starts a cluster with kind, where Docker or Podman runs,
// and puts the guest's image and a release of KubeVirt into it. The manifests
// of the release are files that the user names: nothing here knows where they
// come from.
package kindcluster
