package virt

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Numbers of errors of a connection.
const (
	authFailed      = 45
	authUnavailable = 94
	accessDenied    = 88
)

// Advice is what to do about an error of Open; empty: nothing is known.
func Advice(uri string, err error) string {
	if errors.Is(err, ErrNotBuilt) {
		return ""
	}
	text := err.Error()
	var code int
	if e, ok := errors.AsType[*Error](err); ok {
		code = e.Code
	}
	u, broken := url.Parse(uri)
	switch {
	case broken != nil || u.Scheme == "":
		return fmt.Sprintf("%q is no URI of libvirt: write one such as qemu:///system, qemu:///session or qemu+ssh://user@host/system", uri)
	case !strings.HasPrefix(u.Scheme, "qemu") && !strings.HasPrefix(u.Scheme, "test"):
		return fmt.Sprintf("the VMs of driver %q are none that vmprobe knows: write a URI such as qemu:///system", u.Scheme)
	case strings.Contains(text, "Failed to open libvirt"):
		return "libvirt's library is missing: install it (Debian: apt-get install --no-install-recommends libvirt0)"
	case strings.Contains(text, "ssh:"):
		return "check that `ssh " + u.Host + "` works without a question, and that libvirt runs there"
	case strings.Contains(text, "Permission denied"), code == authFailed, code == authUnavailable, code == accessDenied:
		return "this user may not use the daemon's socket: join its group (`sudo usermod -aG libvirt $USER`, then log in again), or use your own VMs: --connect qemu:///session"
	case strings.Contains(text, "No such file or directory"), strings.Contains(text, "Connection refused"):
		return "no daemon listens there: start it (`systemctl start libvirtd`, or `systemctl start virtqemud.socket` where libvirt is split), or name another one by --connect: " + other(u)
	case u.Host != "" && !strings.Contains(u.Scheme, "+"):
		return "a daemon on another host is reached by ssh: --connect qemu+ssh://" + u.Host + "/system"
	}
	return ""
}

// other is what may be meant instead of a URI.
func other(u *url.URL) string {
	switch {
	case u.Query().Has("socket"):
		return "the socket of this URI may be that of a daemon that has ended"
	case u.Path == "/session":
		return "qemu:///system has the VMs of the whole machine"
	}
	return "qemu:///session has the VMs of this user alone"
}

// Explain is an error of Open with the advice, if there is any.
func Explain(uri string, err error) error {
	err = fmt.Errorf("connect to %s: %w", uri, err)
	if advice := Advice(uri, err); advice != "" {
		err = fmt.Errorf("%w\n%s", err, advice)
	}
	return err
}
