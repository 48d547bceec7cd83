package doctest

import "strings"

// Exempt is a command that the test does not run as it stands.
type Exempt struct {
	Prefix string
	Reason string
	// Instead is run in the root of the module; "%" stands for the rest of
	// the command after Prefix. Empty: nothing is.
	Instead string
}

// Exempts lists them all. What is not here is run.
func Exempts() []Exempt {
	return []Exempt{
		{"make ", "takes minutes, builds or tests the whole module", "make -n %"},
		{".ci/run", "takes many minutes; it runs this test, too", "bash -n .ci/run"},
		{"go install ", "writes outside the test's directory", "go list %"},
		{"go test ", "a test of another package", "go list ./..."},
		{"go run ./hack/", "rewrites files of the checkout or takes minutes", "go list ./hack/..."},
		{"CGO_ENABLED=0 go build -o guest ", "compiles in the root of the module", "CGO_ENABLED=0 go build -o /dev/null %"},
		{"git clone ", "needs the network", ""},
		{"vmprobe agree ", "runs in wall time; agree.txtar runs a short case", "vmprobe agree --help"},
		{"vmprobe conformance --door sockets ", "runs in wall time; sockets.txtar runs short cases", "vmprobe conformance --help"},
		{"apt-get install ", "needs root and the network", ""},
		{"vmprobe conformance --testbed qemu ", "boots VMs for minutes; the test of conformance/qemu does, if asked", "vmprobe conformance --help"},
		{"vmprobe conformance --testbed kubevirt ", "needs a cluster; the tests of conformance/kubevirt start one", "vmprobe conformance --help"},
		{"vmprobe cluster up", "compiles Kubernetes; the tests of conformance/cluster/local run what is built", "vmprobe cluster up --help"},
		{"vmprobe cluster image ", "needs a program without libraries; the tests of conformance/cluster/guestbox make images", "vmprobe cluster image --help"},
		{"kind load ", "needs kind and a container engine", ""},
		{"kubectl ", "needs a cluster", ""},
		{"vmprobe cluster down", "needs a cluster", "vmprobe cluster down --help"},
		{"vmprobe cluster status -o", "needs a cluster", "vmprobe cluster status --help"},
		{"export KUBECONFIG", "needs a cluster", "vmprobe cluster status --help"},
		{"vmprobe conformance --testbed libvirt ", "boots VMs for minutes; the test of conformance/libvirt does, if asked", "vmprobe conformance --help"},
		{"vmprobe watch ", "runs until ctrl-C, and needs a libvirt; watch.txtar shows what it says without", "vmprobe watch --help"},
		{"cd vmprobe", "follows the clone", ""},
	}
}

// exempted finds the entry for a command.
func exempted(command string) (e Exempt, instead string, ok bool) {
	for _, e := range Exempts() {
		if rest, ok := strings.CutPrefix(command, e.Prefix); ok || command == strings.TrimSpace(e.Prefix) {
			return e, strings.ReplaceAll(e.Instead, "%", rest), true
		}
	}
	return Exempt{}, "", false
}
