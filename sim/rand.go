package sim

import "math/bits"

// golden is 2^64 divided by the golden ratio, the increment of splitmix64
// (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
const golden uint64 = 0x9e3779b97f4a7c15

// Draw is the index-th number of a stream of a seed: a pure function, so the
// order of draws does not matter and adding a stream changes no other. It is
// the finalizer of splitmix64 twice:
//
//	finalize(finalize(seed + golden*(stream+1)) + golden*(index+1))
//
// The vectors in rand_test.go are part of the format of a seed: a release
// that changes them breaks every recorded seed.
func Draw(seed, stream, index uint64) uint64 {
	return finalize(streamBase(seed, stream) + golden*(index+1))
}

func streamBase(seed, stream uint64) uint64 {
	return finalize(seed + golden*(stream+1))
}

// finalize is the output function of splitmix64, a bijection.
func finalize(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// Below maps a draw to 0..n-1 by multiply and shift; n = 0 gives 0. The bias
// is at most n / 2^64.
func Below(draw, n uint64) uint64 {
	hi, _ := bits.Mul64(draw, n)
	return hi
}

// Chance is true for percent of the draws; percent <= 0 never, >= 100 always.
func Chance(draw uint64, percent int) bool {
	if percent <= 0 {
		return false
	}
	return Below(draw, 100) < uint64(percent)
}

// Stream is the stream of a name: FNV-1a, 64 bits.
func Stream(name string) uint64 {
	h := uint64(0xcbf29ce484222325)
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 0x100000001b3
	}
	return h
}
