package protocol_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vmprobe/vmprobe/conformance/protocol"
)

// TestCanaries: each run has its own two, in places of their own, the same run
// has the same, and nobody can claim them: neither who echoes the offer nor who
// leaves out an end of it.
func TestCanaries(t *testing.T) {
	names, places := map[string]bool{}, map[int]bool{}
	for i := range 1000 {
		nonce := fmt.Sprint(i)
		offer := protocol.Offer(nonce)
		if !slices.Equal(offer, protocol.Offer(nonce)) {
			t.Fatalf("two offers of one run: %v, %v", offer, protocol.Offer(nonce))
		}
		canaries := protocol.Canaries(offer)
		real := slices.DeleteFunc(slices.Clone(offer), func(f string) bool { return slices.Contains(canaries, f) })
		if len(canaries) != 2 || !slices.Equal(real, protocol.Features()) {
			t.Fatalf("%v in %v", canaries, offer)
		}
		for _, c := range canaries {
			names[c] = true
			places[slices.Index(offer, c)] = true
		}
		hello := &protocol.Request{Seq: 1, Op: protocol.Hello, Protocol: protocol.Version, Offered: offer}
		for _, claimed := range [][]string{offer, offer[1:], offer[:len(offer)-1]} {
			if err := greet(t, hello, claimed); slices.ContainsFunc(canaries, func(c string) bool { return slices.Contains(claimed, c) }) !=
				(err != nil && strings.Contains(err.Error(), "is a canary, which nobody has")) {
				t.Fatalf("%v of %v claimed: %v", claimed, offer, err)
			}
		}
		if err := greet(t, hello, protocol.Features()); err != nil {
			t.Fatal(err)
		}
	}
	if len(names) < 1990 || len(places) != len(protocol.Features())+2 {
		t.Errorf("%d names of 2000, %d places", len(names), len(places))
	}
}

func greet(t *testing.T, hello *protocol.Request, features []string) error {
	t.Helper()
	line, err := json.Marshal(map[string]any{
		"seq": 1, "protocol": protocol.Version, "implementation": map[string]string{"name": "a"}, "features": features,
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = protocol.DecodeReply(line, hello)
	return err
}
