//go:build !linux

package local

import (
	"context"
	"time"

	"github.com/vmprobe/vmprobe/conformance/cluster"
	"github.com/vmprobe/vmprobe/conformance/cluster/binaries"
)

// Config says which cluster is wanted; see the one for Linux.
type Config struct {
	Name, Home string
	Tier       cluster.Tier
	Guest      string
	Images     []string
	Tell       func(what string, since time.Duration)
}

// Child does nothing here.
func Child() (exit int, ok bool) { return 0, false }

func noLinux() error {
	return cluster.Missing("the provider local runs on Linux only: use --provider kind where Docker or Podman runs")
}

// Up is for Linux.
func Up(context.Context, Config) (*cluster.Status, error) { return nil, noLinux() }

// Down is for Linux.
func Down(context.Context, string, string) (*cluster.Status, error) { return nil, noLinux() }

// Look is for Linux.
func Look(string, string) (*cluster.Status, error) { return nil, noLinux() }

// Build is for Linux.
func Build(context.Context, cluster.Tier, binaries.Progress) (map[string]string, error) {
	return nil, noLinux()
}

// Sets is for Linux.
func Sets(cluster.Tier) []binaries.Set { return nil }

// Lacks is for Linux.
func Lacks(context.Context, string, cluster.Tier, bool) error { return noLinux() }
