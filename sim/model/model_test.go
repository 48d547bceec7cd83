package model_test

import (
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/model"
)

func TestFleetEqualsKernel(t *testing.T) {
	const vms = 20
	for seed := range uint64(40) {
		cfg := model.Standard(seed, 20*time.Minute)
		fast, err := model.Fleet(&cfg, 0, 0, vms)
		if err != nil {
			t.Fatal(err)
		}
		k := sim.New(seed)
		slow, err := model.OnKernel(&cfg, vms, k, nil)
		k.Close()
		if err != nil {
			t.Fatal(err)
		}
		if fast != slow {
			t.Errorf("seed %d:\nfast   %+v\nkernel %+v", seed, fast, slow)
		}
		if fast.Restarts == 0 || fast.Attempts < vms*300 {
			t.Errorf("seed %d: too little happened: %+v", seed, fast)
		}
	}
}
