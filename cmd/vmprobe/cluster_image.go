package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vmprobe/vmprobe/conformance/cluster/guestbox"
	"github.com/vmprobe/vmprobe/conformance/qemu/image"
)

// The images that can be made.
const (
	imageHarness = "vmprobe"
	imageGuest   = "guest"
	imageBoot    = "boot"
)

func newClusterImage(s streams) *cobra.Command {
	var path, program string
	cmd := &cobra.Command{
		Use:   "image [vmprobe|guest|boot]",
		Short: "Write a container image for a cluster of your own",
		Long: `image writes an OCI layout and prints the name of the image in it: to a folder, or to an
archive if the path ends in .tar. vmprobe is the harness that the Jobs of
conformance/kubevirt/deploy run, guest is what the pods of cases run, and boot is what VMs
boot (of the image that "go run ./hack/guestimage" made). Nothing is pulled, and no
container engine is needed. Skopeo copies the layout to a registry; Podman, containerd,
kind and Docker from version 25 load the archive.`,
		Example: `  vmprobe cluster image -o vmprobe.tar
  vmprobe cluster image guest -o guest.tar
  kind load image-archive vmprobe.tar
  podman load -i guest.tar
  vmprobe cluster image -o layout && skopeo copy oci:layout:dev docker://registry.example/vmprobe:dev`,
		Args:      cobra.MaximumNArgs(1),
		ValidArgs: []string{imageHarness, imageGuest, imageBoot},
	}
	cmd.Flags().StringVarP(&path, "output", "o", "", "`path` of the layout, or of its archive if it ends in .tar; required")
	cmd.Flags().StringVar(&program, "program", "", "static `file` that is vmprobe or the guest in the image (default: vmprobe itself)")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if path == "" {
			return usagef("nowhere to write to: name a folder or an archive, as in -o vmprobe.tar")
		}
		which := append(args, imageHarness)[0]
		if known := []string{imageHarness, imageGuest, imageBoot}; !slices.Contains(known, which) {
			return usagef("there is no image %q: want %s", which, strings.Join(known, ", "))
		}
		if which == imageBoot && program != "" {
			return usagef("--program: there is no program in the image boot")
		}
		name, err := writeImage(which, program, path)
		if err != nil {
			return exit(exitCouldNotRun, err)
		}
		_, err = fmt.Fprintln(s.out, name)
		return err
	}
	return cmd
}

// writeImage writes one of the images, and gives its name.
func writeImage(which, program, path string) (name string, err error) {
	if which == imageBoot {
		found, err := image.Find()
		if err != nil {
			return "", err
		}
		return guestbox.Boot(found.Dir, path)
	}
	if program == "" {
		if program, err = os.Executable(); err != nil {
			return "", err
		}
	}
	if which == imageGuest {
		return guestbox.Guest(program, path)
	}
	return guestbox.Harness(program, path)
}
