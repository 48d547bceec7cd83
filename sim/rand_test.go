package sim_test

import (
	"math"
	"testing"

	"github.com/vmprobe/vmprobe/sim"
)

// The vectors were computed by an independent program; finalize itself was
// checked there against splitmix64's published output for seed 1234567
// (6457827717110365317, 3203168211198807973).
func TestDrawVectors(t *testing.T) {
	for _, v := range []struct{ seed, stream, index, want uint64 }{
		{0, 0, 0, 0xa706dd2f4d197e6f},
		{0, 0, 1, 0xb382a305f4414f5e},
		{0, 1, 0, 0x46b73e79f0c37c00},
		{1, 0, 0, 0x5e41ab087439611e},
		{7, 42, 1000000, 0x3b2a62f25c860dc3},
		{math.MaxUint64, math.MaxUint64, math.MaxUint64, 0x4bffd802ebfb15e4},
		{0x123456789abcdef, 5, 0, 0x1c87af965c46a4a7},
	} {
		if got := sim.Draw(v.seed, v.stream, v.index); got != v.want {
			t.Errorf("Draw(%d, %d, %d) = %#x, want %#x", v.seed, v.stream, v.index, got, v.want)
		}
		if got := sim.New(v.seed).Draw(v.stream, v.index); got != v.want {
			t.Errorf("Kernel.Draw of seed %d = %#x, want %#x", v.seed, got, v.want)
		}
	}
}

// The first three are the published vectors of FNV-1a.
func TestStreamVectors(t *testing.T) {
	for _, v := range []struct {
		name   string
		stream uint64
		actor  sim.Actor
	}{
		{"", 0xcbf29ce484222325, 4113176041},
		{"a", 0xaf63dc4c8601ec8c, 46185919},
		{"foobar", 0x85944171f73967e8, 1078831587},
		{"vm/web", 0xe9f667e4d521f56d, 1853501376},
	} {
		if got := sim.Stream(v.name); got != v.stream {
			t.Errorf("Stream(%q) = %#x, want %#x", v.name, got, v.stream)
		}
		if got := sim.ActorOf(v.name); got != v.actor {
			t.Errorf("ActorOf(%q) = %d, want %d", v.name, got, v.actor)
		}
	}
}

func TestBelow(t *testing.T) {
	for _, v := range []struct{ draw, n, want uint64 }{
		{0, 0, 0},
		{math.MaxUint64, 0, 0},
		{math.MaxUint64, 1, 0},
		{0, 10, 0},
		{1 << 63, 10, 5},
		{math.MaxUint64, 10, 9},
		{math.MaxUint64, math.MaxUint64, math.MaxUint64 - 1},
	} {
		if got := sim.Below(v.draw, v.n); got != v.want {
			t.Errorf("Below(%#x, %d) = %d, want %d", v.draw, v.n, got, v.want)
		}
	}
}

func TestChanceIsUniform(t *testing.T) {
	const draws = 100_000
	for _, percent := range []int{-5, 0, 1, 20, 50, 99, 100, 150} {
		hits := 0
		for i := range uint64(draws) {
			if sim.Chance(sim.Draw(1, 2, i), percent) {
				hits++
			}
		}
		want := draws * min(max(percent, 0), 100) / 100
		if d := hits - want; d < -800 || d > 800 { // 5 sigma at 50 %
			t.Errorf("Chance(%d) hit %d of %d", percent, hits, draws)
		}
	}
}
