package suite

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
)

// Shard is one of N disjoint parts of a suite. A case belongs to a shard by
// the hash of its id, so that adding cases moves no other case. The zero
// value is the whole suite.
type Shard struct{ Index, Count int }

// ParseShard reads "i/n" with 1 <= i <= n; 0/n is n/n.
func ParseShard(s string) (Shard, error) {
	if s == "" {
		return Shard{}, nil
	}
	index, count, ok := strings.Cut(s, "/")
	i, errI := strconv.Atoi(index)
	n, errN := strconv.Atoi(count)
	if !ok || errI != nil || errN != nil || i < 0 || n < i || n == 0 {
		return Shard{}, fmt.Errorf("shard %q: want i/n with 1 <= i <= n, as in 2/8", s)
	}
	if i == 0 { // who counts from 0, as an Indexed Job does, has n of them, too
		i = n
	}
	return Shard{Index: i, Count: n}, nil
}

// String gives "2/8", or "all".
func (s Shard) String() string {
	if s.Count == 0 {
		return "all"
	}
	return fmt.Sprintf("%d/%d", s.Index, s.Count)
}

// Contains tells whether the case with that id is in the shard.
func (s Shard) Contains(id string) bool {
	if s.Count <= 1 {
		return true
	}
	h := fnv.New32a()
	h.Write([]byte(id))
	return int(h.Sum32()%uint32(s.Count)) == s.Index-1
}
