package kubevirt

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

func owner() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return host + "/" + strconv.Itoa(os.Getpid())
}

// ownerOf splits the annotation; a pid of 0 is none.
func ownerOf(text string) (host string, pid int) {
	host, number, _ := strings.Cut(text, "/")
	pid, err := strconv.Atoi(number)
	if err != nil || pid < 0 {
		return host, 0
	}
	return host, pid
}

// surroundings name what process ids of this process count in: the boot of its
// kernel and its process namespace. Host names of machines and of containers may be
// the same. Empty: nobody can tell.
func surroundings() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	namespace, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(boot)) + "/" + strings.Trim(strings.TrimPrefix(namespace, "pid:"), "[]")
}

// startOf is when a process of these surroundings began, in the clock ticks of
// its kernel; empty: there is none.
func startOf(pid int) string {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return ""
	}
	const startTime = 22 - 2 // of the fields, after those that the name is the last of
	_, rest, _ := strings.Cut(string(text[strings.LastIndexByte(string(text), ')')+1:]), " ")
	if fields := strings.Fields(rest); len(fields) >= startTime {
		return fields[startTime-1]
	}
	return ""
}

// process is the value of ProcessAnnotation.
func process() string { return surroundings() + "/" + startOf(os.Getpid()) }

// ended tells whether the process of the annotations has ended for sure: its id is
// free, or another's, where it ran.
func ended(pid int, process string) bool {
	i := strings.LastIndexByte(process, '/')
	here := surroundings()
	return i > 0 && pid > 0 && here != "" && process[:i] == here && startOf(pid) != process[i+1:]
}

// abandoned tells whether nobody needs a namespace any more, and why.
func abandoned(ns *corev1.Namespace, now time.Time) (yes bool, reason string) {
	host, pid := ownerOf(ns.Annotations[OwnerAnnotation])
	if ended(pid, ns.Annotations[ProcessAnnotation]) {
		return true, "its harness, process " + strconv.Itoa(pid) + " of this host, is gone"
	}
	end, err := time.Parse(time.RFC3339, ns.Annotations[ExpiresAnnotation])
	if err != nil {
		return true, "nothing says when it expires"
	}
	if now.After(end) {
		return true, "it expired at " + end.Format(time.RFC3339)
	}
	return false, "its harness on " + host + " may still need it, until " + end.Format(time.RFC3339)
}
