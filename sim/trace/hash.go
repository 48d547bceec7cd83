package trace

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/bits"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// DigestVersion is part of every logical digest; it changes when the hashed
// fields or the mixing change.
const DigestVersion = "v1"

// Odd constants without structure, as in wyhash.
const (
	mixA = 0xa0761d6478bd642f
	mixB = 0xe7037ed1a0b428db
	mixC = 0x8ebc6af09c88c6e3
)

// VMHash is the running hash of the records of one VM: one word of state, no
// allocation. The order of the records matters; Msg does not.
type VMHash struct {
	state   uint64
	records uint64
}

// StartVMHash gives the hash of a VM without records.
func StartVMHash(name string) VMHash {
	return VMHash{state: hashString(mixC, name)}
}

// Add hashes T, Instance, Kind, Probe, Attempt, Try, Class, OK and Value into
// the chain and returns its new state.
func (v *VMHash) Add(e *Event) uint64 {
	flags := uint64(e.Probe)<<8 | uint64(e.Class)<<16
	if e.HasProbe {
		flags |= 1
	}
	if e.OK {
		flags |= 2
	}
	// What does not depend on the chain is mixed beside it, so that the
	// processor overlaps it with the record before.
	fields := mix(uint64(e.T)^mixA, uint64(uint32(e.Instance))<<32^uint64(uint32(e.Attempt))^mixB)
	words := mix(flags<<32^uint64(uint32(e.Try))^mixC, hashString(mixA, e.Kind.String()))
	if e.Value != "" {
		words ^= hashString(mixB, e.Value)
	}
	v.state = mix(v.state^fields, words^mixC)
	v.records++
	return v.state
}

// Sum is the state of the chain.
func (v *VMHash) Sum() uint64 { return v.state }

func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b|1)
	return hi ^ lo ^ bits.RotateLeft64(a, 23)
}

// hashString reads the text in words; the last ones overlap, so that no byte
// is left over.
func hashString(seed uint64, s string) uint64 {
	n := len(s)
	h := seed ^ uint64(n)*mixB
	switch {
	case n > 16:
		for i := 0; i < n-16; i += 16 {
			h = mix(word(s[i:i+8])^mixA, word(s[i+8:i+16])^h)
		}
		return mix(word(s[n-16:n-8])^mixC, word(s[n-8:])^h)
	case n >= 8:
		return mix(word(s[:8])^mixC, word(s[n-8:])^h)
	case n >= 4:
		return mix(half(s[:4])<<32^half(s[n-4:])^mixC, h)
	case n > 0:
		return mix(uint64(s[0])<<16^uint64(s[n/2])<<8^uint64(s[n-1])^mixC, h)
	}
	return mix(mixC, h)
}

func half(s string) uint64 {
	_ = s[3]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24
}

func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// Hasher computes the logical digest of a run: a chain per VM, combined in
// the order of the VMs, and a sum per virtual minute by which a mismatch is
// narrowed down. It is a Sink. Hashers of disjoint VMs can be merged, so a
// fleet may run its cells in any order.
type Hasher struct {
	names   []string
	vms     []VMHash
	last    int
	minutes []uint64
}

// NewHasher starts a digest over these VMs, in this order. World events
// (without a VM) have a chain of their own.
func NewHasher(vms []string) *Hasher {
	h := &Hasher{}
	h.add("")
	for _, name := range vms {
		h.add(cleanText(name))
	}
	return h
}

func (h *Hasher) add(name string) int {
	h.names = append(h.names, name)
	h.vms = append(h.vms, StartVMHash(name))
	return len(h.vms) - 1
}

// Index returns the number of a VM for Add; a new VM is added at the end.
func (h *Hasher) Index(vm string) int {
	if h.names[h.last] == vm {
		return h.last
	}
	i := slices.Index(h.names, vm)
	if i < 0 {
		i = h.add(vm)
	}
	h.last = i
	return i
}

// Add hashes a record of the VM with that number; e.VM is not looked at.
func (h *Hasher) Add(vm int, e *Event) {
	if !utf8.ValidString(e.Value) {
		clean := *e
		clean.Value = cleanText(e.Value)
		e = &clean
	}
	sum := h.vms[vm].Add(e)
	m := minuteOf(e.T)
	for m >= len(h.minutes) {
		h.minutes = append(h.minutes, 0)
	}
	// A sum is indifferent to the order of VMs within a minute; the chain
	// state in it is not indifferent to the order of records within a VM.
	h.minutes[m] += sum
}

// Record implements Sink.
func (h *Hasher) Record(e Event) { h.Add(h.Index(e.VM), &e) }

// maxMinutes bounds the list of minutes; later records share the last one.
const maxMinutes = 1 << 16

func minuteOf(t time.Duration) int {
	if t < 0 {
		return 0
	}
	return int(min(t/time.Minute, maxMinutes-1))
}

// Merge adds the VMs and minutes of other, whose VMs must be different ones.
func (h *Hasher) Merge(other *Hasher) {
	h.vms[0].state += other.vms[0].state * mixB
	h.vms[0].records += other.vms[0].records
	h.names = append(h.names, other.names[1:]...)
	h.vms = append(h.vms, other.vms[1:]...)
	for m, sum := range other.minutes {
		if m >= len(h.minutes) {
			h.minutes = append(h.minutes, 0)
		}
		h.minutes[m] += sum
	}
}

// Records is the number of records hashed.
func (h *Hasher) Records() uint64 {
	var n uint64
	for i := range h.vms {
		n += h.vms[i].records
	}
	return n
}

// Digest is "v1:" and 32 hexadecimal digits.
func (h *Hasher) Digest() string {
	sum := sha256.New()
	var word [8]byte
	for i := range h.vms {
		sum.Write([]byte(h.names[i]))
		sum.Write([]byte{0})
		for _, n := range [2]uint64{h.vms[i].state, h.vms[i].records} {
			binary.LittleEndian.PutUint64(word[:], n)
			sum.Write(word[:])
		}
	}
	return DigestVersion + ":" + hex.EncodeToString(sum.Sum(nil)[:16])
}

// Minutes is the digest of each virtual minute, the first holding also what
// happened before instant 0.
func (h *Hasher) Minutes() []uint64 { return slices.Clone(h.minutes) }

// FirstMinute returns the first virtual minute in which two runs differ.
func FirstMinute(a, b []uint64) (minute int, differ bool) {
	for m := range max(len(a), len(b)) {
		if m >= len(a) || m >= len(b) || a[m] != b[m] {
			return m, true
		}
	}
	return 0, false
}

func cleanText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s { // each byte that is not UTF-8 becomes U+FFFD
		b.WriteRune(r)
	}
	return b.String()
}
