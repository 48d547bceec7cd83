package main

import (
	"context"
	"fmt"
	"time"

	"github.com/vmprobe/vmprobe/conformance/kubevirt"
)

// keepPatience is how long the API may take for a report, also that of a run which
// was interrupted.
const keepPatience = 10 * time.Second

// keepInCluster sees to it that reports can go into ConfigMaps, before anything is
// run for them: they outlive the pod of a run.
func (f *conformanceFlags) keepInCluster(ctx context.Context) error {
	names := f.sinks.ConfigMaps()
	if len(names) == 0 {
		return nil
	}
	keeper, err := kubevirt.NewKeeper(ctx, f.kubeconfig, names)
	if err != nil {
		return exit(exitCouldNotRun, fmt.Errorf("not run: %w", err))
	}
	f.sinks.Put = func(name, file string, data []byte) error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepPatience)
		defer cancel()
		return keeper.Keep(ctx, name, file, data)
	}
	return nil
}
