package guestpod

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
)

// state outlives a restart of the container.
type state struct {
	Start      time.Time         `json:"start"` // of the first container
	Containers int               `json:"containers"`
	Progress   []fakevm.Progress `json:"progress,omitempty"`
}

// loadState reads the state; a directory without one has an empty state.
func loadState(dir string) (s state, err error) {
	data, err := os.ReadFile(filepath.Join(dir, "state.json"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s, nil
	case err != nil:
		return s, fmt.Errorf("state: %w", err)
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("state: %w", err)
	}
	return s, nil
}

// save writes the state in one step.
func (s *state) save(dir string) error {
	data, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	next := filepath.Join(dir, "state.next")
	if err := os.WriteFile(next, data, 0o600); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	if err := os.Rename(next, filepath.Join(dir, "state.json")); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	return nil
}
