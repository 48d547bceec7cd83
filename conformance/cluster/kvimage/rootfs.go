package kvimage

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Progress is told what is being made, with the time since that began.
type Progress func(what string, since time.Duration)

// packages are those of the root file system: what KubeVirt's programs call.
func packages() []string {
	return []string{
		"qemu-system-x86", "qemu-utils", "libvirt-daemon", "libvirt-daemon-system", "libvirt-daemon-driver-qemu", "libvirt-clients",
		"nftables", "iptables", "iproute2", "xorriso", "procps", "ca-certificates",
	}
}

// Lacks is all that a machine lacks to build KubeVirt and its images, with the
// fixes.
func Lacks() (missing []error) {
	for _, tool := range []struct{ name, packages string }{{"mmdebstrap", "mmdebstrap"}, {"gcc", "gcc libc6-dev"}, {"pkg-config", "pkg-config"}} {
		if _, err := exec.LookPath(tool.name); err != nil {
			missing = append(missing, fmt.Errorf("%s is not on the path: apt-get install %s", tool.name, tool.packages))
		}
	}
	if err := exec.Command("pkg-config", "--exists", "libvirt").Run(); err != nil {
		missing = append(missing, errors.New("libvirt's headers are not there: apt-get install libvirt-dev"))
	}
	if _, err := codename(); err != nil {
		missing = append(missing, err)
	}
	return missing
}

// codename is the release of Debian that this machine runs: the programs that
// are built here run with its libraries.
func codename() (string, error) {
	text, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "", err
	}
	fields := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			fields[name] = strings.Trim(value, `"`)
		}
	}
	if fields["ID"] != "debian" || fields["VERSION_CODENAME"] == "" {
		return "", errors.New("KubeVirt's images are made of Debian's packages, and this machine does not run Debian: use --provider kind")
	}
	return fields["VERSION_CODENAME"], nil
}

// rootfs gives the archive of the root file system, and makes it first if it is
// not in the cache.
func rootfs(ctx context.Context, tell Progress, cache string) (string, error) {
	release, err := codename()
	if err != nil {
		return "", err
	}
	list := strings.Join(packages(), ",")
	sum := sha256.Sum256([]byte(release + " " + list))
	out := filepath.Join(cache, "rootfs-"+hex.EncodeToString(sum[:8])+".tar")
	if _, err := os.Stat(out); err == nil {
		return out, nil
	}
	tmp := filepath.Join(cache, ".rootfs.tar")
	args := []string{"--quiet", "--variant=apt", "--mode=root", "--format=tar", `--aptopt=Apt::Install-Recommends "false"`}
	for _, path := range []string{"doc", "man", "locale"} {
		args = append(args, "--dpkgopt=path-exclude=/usr/share/"+path+"/*")
	}
	cmd := exec.CommandContext(ctx, "mmdebstrap", append(args, "--include="+list, release, tmp)...)
	cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH=1")
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	stop := beat(tell, "unpack Debian's packages for KubeVirt's images")
	err = cmd.Run()
	stop()
	if err != nil {
		return "", fmt.Errorf("mmdebstrap: %w\n%s", errors.Join(err, ctx.Err()), strings.TrimSpace(said.String()))
	}
	return out, os.Rename(tmp, out)
}

// beat tells of long work until stop.
func beat(tell Progress, what string) (stop func()) {
	began, over := time.Now(), make(chan struct{})
	tell(what, 0)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(5 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				tell(what, time.Since(began))
			case <-over:
				return
			}
		}
	}()
	return func() { close(over); <-done }
}
