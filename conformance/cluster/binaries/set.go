package binaries

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
)

// Versions of what is built.
const (
	Kubernetes = "v1.34.4"
	Etcd       = "v3.6.4"
	Containerd = "v2.3.4"
	CNI        = "v1.9.1"
	KubeVirt   = "v1.9.0"
)

// format goes into every key: raise it when the layout of the cache changes.
const format = "1"

//go:embed kube.mod
var kubeMod []byte

//go:embed kube.sum
var kubeSum []byte

//go:embed runtime.mod
var runtimeMod []byte

//go:embed runtime.sum
var runtimeSum []byte

//go:embed pause.go.txt
var pauseSource []byte

//go:embed kubevirt.mod
var kubevirtMod []byte

//go:embed kubevirt.sum
var kubevirtSum []byte

//go:embed manifests.go.txt
var manifestsSource []byte

//go:embed absent
var absent embed.FS

// Set is one module, and programs to be built from it.
type Set struct {
	Name     string // of its folder in the cache
	mod, sum []byte
	sources  map[string][]byte // further files of the module
	tags     string
	ldflags  string
	cgo      bool // its programs may need libraries of the machine
	Programs []Program
	// Module is the one that has the sources of Files and of programs in C.
	Module string
	Files  []File
}

// Program is one program of a Set.
type Program struct {
	Name    string // of its file
	Package string // of Go, or the path of a file in C below the Set's Module
}

// File is a file that is taken from the module of a Set as it is.
type File struct {
	Name string
	Path string // below the module
}

// ControlPlane is what a cluster without nodes needs.
func ControlPlane() Set {
	return kube(
		Program{"etcd", "go.etcd.io/etcd/server/v3"},
		Program{"kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"},
		Program{"kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager"},
	)
}

// Node is what a cluster with a node needs beside the control plane, of
// Kubernetes.
func Node() Set {
	return kube(
		Program{"kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"},
		Program{"kubelet", "k8s.io/kubernetes/cmd/kubelet"},
	)
}

func kube(programs ...Program) Set {
	const version = "k8s.io/component-base/version."
	major, minor, _ := strings.Cut(strings.TrimPrefix(Kubernetes, "v"), ".")
	minor, _, _ = strings.Cut(minor, ".")
	return Set{
		Name: "kube", mod: kubeMod, sum: kubeSum, Programs: programs,
		ldflags: fmt.Sprintf("-s -w -X %[1]sgitVersion=%[2]s -X %[1]sgitMajor=%[3]s -X %[1]sgitMinor=%[4]s -X %[1]sgitTreeState=clean",
			version, Kubernetes, major, minor),
	}
}

// Runtime is what runs the containers of a node: containerd with its shim and
// client, plugins of the container network, and the program of the pause
// image. The program that makes containers, runc, is not there: without
// libseccomp's headers it cannot be built usefully.
func Runtime() Set {
	const containerd, cni = "github.com/containerd/containerd/v2/cmd/", "github.com/containernetworking/plugins/plugins/"
	return Set{
		Name: "runtime", mod: runtimeMod, sum: runtimeSum,
		sources: map[string][]byte{"pause/main.go": pauseSource},
		tags:    "no_aufs,no_zfs,no_btrfs,no_devmapper",
		ldflags: "-s -w",
		Programs: []Program{
			{"containerd", containerd + "containerd"},
			{"containerd-shim-runc-v2", containerd + "containerd-shim-runc-v2"},
			{"ctr", containerd + "ctr"},
			{"bridge", cni + "main/bridge"},
			{"host-local", cni + "ipam/host-local"},
			{"loopback", cni + "main/loopback"},
			{"pause", "github.com/vmprobe/vmprobe/runtime/pause"},
		},
	}
}

// The parts of KubeVirt beside its programs, by the names of their files.
const (
	ManifestsProgram  = "kubevirt-manifests" // prints the objects of a release
	ContainerDisk     = "container-disk"
	QEMUConfig        = "qemu.conf"
	DaemonConfig      = "virtqemud.conf"
	NodeLabeller      = "node-labeller.sh"
	Hook              = "qemu-hook"
	NameServiceSwitch = "nsswitch.conf"
)

// KubeVirtModule is KubeVirt's own module.
const KubeVirtModule = "kubevirt.io/kubevirt"

// KubeVirtSet is KubeVirt. Its launcher is linked with the machine's libvirt;
// the others are built alike, so that they share what is compiled. Three modules
// that no proxy has are replaced (folder absent): the bindings of libnbd, which
// backups need, and the API and the client of VM templates, which their export
// needs. Both are behind feature gates that are off.
func KubeVirtSet() Set {
	const own, version = "github.com/vmprobe/vmprobe/kubevirt/", "kubevirt.io/client-go/version."
	s := Set{
		Name: "kubevirt", mod: kubevirtMod, sum: kubevirtSum, cgo: true, Module: KubeVirtModule,
		sources: map[string][]byte{"manifests/main.go": manifestsSource},
		ldflags: "-s -w -X " + version + "gitVersion=" + KubeVirt + " -X " + version + "gitTreeState=clean",
		Files: []File{
			{QEMUConfig, "cmd/virt-launcher/qemu.conf"},
			{DaemonConfig, "cmd/virt-launcher/virtqemud.conf"},
			{NodeLabeller, "cmd/virt-launcher/node-labeller/node-labeller.sh"},
			{Hook, "cmd/virt-launcher/qemu"},
			{NameServiceSwitch, "cmd/virt-launcher/nsswitch.conf"},
		},
	}
	for _, a := range Absent() {
		maps.Copy(s.sources, a.sources())
	}
	for _, name := range []string{
		"virt-launcher", "virt-handler", "virt-controller", "virt-api", "virt-operator",
		"virt-exportproxy", "virt-launcher-monitor", "virt-probe", "virt-chroot", "virt-tail", "virt-freezer",
	} {
		s.Programs = append(s.Programs, Program{name, KubeVirtModule + "/cmd/" + name})
	}
	s.Programs = append(s.Programs,
		Program{"libvirt-hook-client", KubeVirtModule + "/cmd/virt-launcher/libvirt-hook-client"},
		Program{ManifestsProgram, own + "manifests"},
		Program{ContainerDisk, "cmd/container-disk-v2alpha/main.c"},
	)
	return s
}

// AbsentModule is a module that KubeVirt needs and that no proxy has.
type AbsentModule struct {
	Path     string // of the module
	Folder   string // that replaces it, below the module of the set
	requires []string
	files    map[string]string // from folder absent, by the path below Folder
}

// Absent lists them.
func Absent() []AbsentModule {
	const template = "kubevirt.io/virt-template-"
	return []AbsentModule{
		{Path: "libguestfs.org/libnbd", Folder: "libnbd", files: map[string]string{"libnbd.go": "libnbd.go.txt"}},
		{
			Path: template + "api", Folder: "templateapi", requires: []string{"k8s.io/apimachinery v0.34.2"},
			files: map[string]string{"core/core.go": "template.go.txt", "core/v1beta1/types.go": "template_v1beta1.go.txt"},
		},
		{
			Path: template + "client-go", Folder: "templateclient", requires: []string{"k8s.io/apimachinery v0.34.2", "k8s.io/client-go v0.34.2"},
			files: map[string]string{"virttemplate/client.go": "templateclient.go.txt"},
		},
	}
}

// sources are the files of the replacement.
func (a *AbsentModule) sources() map[string][]byte {
	var mod strings.Builder
	fmt.Fprintf(&mod, "module %s\n\ngo 1.24.0\n", a.Path)
	for _, r := range a.requires {
		fmt.Fprintf(&mod, "\nrequire %s\n", r)
	}
	out := map[string][]byte{a.Folder + "/go.mod": []byte(mod.String())}
	for to, from := range a.files {
		data, err := absent.ReadFile("absent/" + from)
		if err != nil {
			panic(err) // it is embedded
		}
		out[a.Folder+"/"+to] = data
	}
	return out
}

// key is the digest of all that goes into the programs of the module.
func (s *Set) key(goVersion string) string {
	h := sha256.New()
	fmt.Fprintf(h, "format %s\n%s\n%s %s\ntags %s\nldflags %s\n", format, goVersion, runtime.GOOS, runtime.GOARCH, s.tags, s.ldflags)
	if s.cgo {
		fmt.Fprintln(h, "cgo")
	}
	for _, f := range s.Files {
		fmt.Fprintf(h, "file %s %s\n", f.Name, f.Path)
	}
	h.Write(s.mod)
	h.Write(s.sum)
	for _, name := range slices.Sorted(maps.Keys(s.sources)) {
		fmt.Fprintf(h, "%s %x\n", name, sha256.Sum256(s.sources[name]))
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}
