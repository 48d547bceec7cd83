// Package local starts a cluster without a container engine, a registry or
// root's help where none is needed: etcd and the Kubernetes control plane as
// plain processes (tier api), or these and a node with containerd and the
// kubelet in namespaces of their own (tier node).
//
//	local.go      Up, Down and Look
//	folder.go     the folder of a cluster and its locks
//	require.go    what the machine must have
//	spec.go       what the parent tells the child
//	child.go      the child that holds the cluster, and dies with it
//	supervise.go  processes, their logs and their ends
//	control.go    arguments of the control plane
//	node.go       arguments and files of the node
//	isolate.go    mounts, network and sysctls of the node's namespaces
//	cgroup.go     the node's cgroups
//	ready.go      what the cluster must answer before it counts as started
//
// One child process holds each cluster. When it dies, however it dies, all of
// the cluster dies: its processes are killed by the kernel, in tier node with
// their namespaces. It holds the lock of the file "alive" for as long as it
// lives, so nobody needs to trust a process id.
package local
