// Package kvimage makes the container images of KubeVirt out of its programs
// and of Debian's packages. A release has an image for each component, with
// libvirt and QEMU of another distribution; here one root file system is all of
// them:
//
//	rootfs.go  Debian's packages, by their names
//	layer.go   KubeVirt's programs and what its images have beside them
//	images.go  the archive with the images of all components
//
// What is tested with them is KubeVirt's own code and not the images that its
// release ships.
package kvimage
