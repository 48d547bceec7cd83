package guestbox

import (
	"crypto/sha256"
	"fmt"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/vmprobe/vmprobe/conformance/qemu/image"
)

// The paths in the image of Boot: kernelPath and initrdPath of a kernelBoot.
const (
	BootKernel = "/boot/vmlinuz"
	BootInitrd = "/boot/initrd"
)

// qemuUser is the user and group that QEMU runs as in KubeVirt's launchers.
const qemuUser = 107

// Boot writes the image that a VM of KubeVirt boots (firmware.kernelBoot) from a
// directory that hack/guestimage made, and gives the name of the image. There is
// no program in it: KubeVirt brings that which runs in such a container.
func Boot(imageDir, path string) (name string, err error) {
	source, err := image.Open(imageDir)
	if err != nil {
		return "", err
	}
	files := []file{{name: "boot/", mode: 0o755}}
	digest := sha256.New()
	for _, f := range []struct{ from, to string }{{source.Kernel(), BootKernel}, {source.Initrd(), BootInitrd}} {
		data, err := os.ReadFile(f.from)
		if err != nil {
			return "", fmt.Errorf("guest image: %w", err)
		}
		sum := sha256.Sum256(data)
		digest.Write(sum[:])
		files = append(files, file{name: f.to[1:], mode: 0o644, owner: qemuUser, data: data})
	}
	return save(imageOf("boot", digest.Sum(nil)), files, v1.Config{WorkingDir: "/"}, path)
}
