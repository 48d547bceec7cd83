// Package clustertest tells tests which clusters they may start.
//
// Starting one takes real time, and building what it needs minutes of processor
// time, so that the environment has to ask for it.
package clustertest

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/vmprobe/vmprobe/conformance/cluster"
)

// Variable asks for tests with clusters. "1": every tier, built when it is not, and
// a machine that lacks something fails. The name of a tier: what it needs is built,
// too, and what the machine cannot run is not run; tiers above it as with "cached":
// those that are built. Empty: none.
const Variable = "VMPROBE_CLUSTER"

// Wish is what is asked for.
type Wish struct {
	Build  bool // build what is missing
	Strict bool // fail where something else is missing
}

// Asked is what the environment asks of a test with a cluster of that tier; one
// that is not asked for is skipped.
func Asked(t testing.TB, tier cluster.Tier) Wish {
	t.Helper()
	w, run, err := wish(os.Getenv(Variable), tier)
	if err != nil {
		t.Fatal(err)
	}
	if !run {
		t.Skipf("not run: it starts a cluster; %s=cached runs it if it is built, %[1]s=%s builds it, too", Variable, tier)
	}
	return w
}

// Lacks ends a test for which something is missing that nobody was to build.
func (w Wish) Lacks(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case w.Strict:
		t.Fatal(err)
	default:
		t.Skipf("not run: %v", err)
	}
}

func wish(value string, tier cluster.Tier) (w Wish, run bool, err error) {
	tiers := []cluster.Tier{cluster.TierAPI, cluster.TierNode, cluster.TierKubeVirt}
	switch value {
	case "":
		return w, false, nil
	case "cached":
		return w, true, nil
	case "1":
		return Wish{Build: true, Strict: true}, true, nil
	}
	upTo := slices.Index(tiers, cluster.Tier(value))
	if upTo < 0 {
		return w, false, fmt.Errorf("%s=%s: want cached, 1 or one of the tiers %v", Variable, value, tiers)
	}
	return Wish{Build: slices.Index(tiers, tier) <= upTo}, true, nil
}
