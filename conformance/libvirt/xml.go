package libvirt

import (
	"bytes"
	"encoding/xml"
	"path/filepath"
	"text/template"

	"github.com/vmprobe/vmprobe/conformance/qemu/image"
	"github.com/vmprobe/vmprobe/conformance/qemu/machine"
	"github.com/vmprobe/vmprobe/fakevm/guestd"
)

// description is the XML of a domain. A reset ends it, as it ends a QEMU of
// testbed qemu: the guest that boots next stands ready.
const description = `<domain type='{{.Type}}'>
  <name>{{.Name}}</name><memory unit='MiB'>{{.Memory}}</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type><kernel>{{.Kernel}}</kernel><initrd>{{.Initrd}}</initrd>
    <cmdline>{{.CommandLine}}</cmdline></os>
  <features><acpi/>{{if .TCG}}<tcg><tb-cache unit='MiB'>32</tb-cache></tcg>{{end}}</features><cpu mode='{{.CPU}}'/>
  <on_poweroff>destroy</on_poweroff><on_reboot>destroy</on_reboot><on_crash>destroy</on_crash>
  <devices>
    <controller type='usb' model='none'/><memballoon model='none'/>
    <serial type='file'><source path='{{.Serial}}'/></serial>
    <channel type='unix'><target type='virtio' name='{{.AgentPort}}'/></channel>
    <channel type='unix'><source mode='bind' path='{{.Control}}'/><target type='virtio' name='{{.ControlPort}}'/></channel>
    <interface type='client'><mac address='{{.MAC}}'/><source address='127.0.0.1' port='{{.Port}}'/>
      <model type='virtio'/><rom enabled='no'/></interface>
    <panic model='isa'/>
    {{- if .Watchdog}}<watchdog model='i6300esb' action='{{.Watchdog}}'/>{{end}}
  </devices>
  <seclabel type='none'/>
</domain>
`

// describe writes the XML; port is where the wire listens.
func (d *domain) describe(port int) (string, error) {
	escaped := func(s string) (string, error) {
		var b bytes.Buffer
		err := xml.EscapeText(&b, []byte(s))
		return b.String(), err
	}
	dir, err := escaped(d.dir)
	if err != nil {
		return "", err
	}
	parent := filepath.Dir(dir)
	kind, cpu := "qemu", "maximum"
	if d.lab.accel == machine.KVM {
		kind, cpu = "kvm", "host-passthrough"
	}
	prefix := ""
	if d.watch != "" {
		prefix = watchedPrefix
	}
	var b bytes.Buffer
	err = template.Must(template.New("").Parse(description)).Execute(&b, map[string]any{
		"Type": kind, "CPU": cpu, "TCG": kind == "qemu", "Name": d.name, "Memory": machine.Memory, "Watchdog": d.watch,
		"CommandLine": machine.CommandLine,
		"Kernel":      filepath.Join(parent, prefix+image.Kernel), "Initrd": filepath.Join(parent, prefix+image.Initrd),
		"Serial": filepath.Join(dir, "serial"), "Control": filepath.Join(dir, "ctl"),
		"AgentPort": guestd.AgentPort, "ControlPort": guestd.ControlPort, "MAC": machine.MAC, "Port": port,
	})
	return b.String(), err
}
