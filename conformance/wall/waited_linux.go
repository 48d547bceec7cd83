package wall

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// Waited is how long each thread of a process has been ready to run and had no
// processor, in all its life: the second number of its schedstat. A kernel
// that does not count it tells nothing.
func Waited(pid int) map[string]time.Duration {
	dir := filepath.Join("/proc", strconv.Itoa(pid), "task")
	threads, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	sums := make(map[string]time.Duration, len(threads))
	for _, t := range threads {
		data, err := os.ReadFile(filepath.Join(dir, t.Name(), "schedstat"))
		if err != nil {
			continue
		}
		if f := bytes.Fields(data); len(f) == 3 {
			if ns, err := strconv.ParseInt(string(f[1]), 10, 64); err == nil {
				sums[t.Name()] = time.Duration(ns)
			}
		}
	}
	return sums
}
