package guestpod

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
)

// The environment of the container.
const (
	// ConfigVariable holds a Config as JSON.
	ConfigVariable = "VMPROBE_GUEST"
	// AddressVariable holds the pod's IP address.
	AddressVariable = "VMPROBE_ADDRESS"
	// StateVariable names the directory that outlives a restart of the
	// container; default StateDirectory.
	StateVariable = "VMPROBE_STATE"
)

// StateDirectory is where a volume of the pod is mounted.
const StateDirectory = "/vmprobe"

// MaxConfig bounds the JSON of a Config, in bytes: the kernel takes 128 KiB
// for one variable of the environment.
const MaxConfig = 120 << 10

// Config is what a guest is.
type Config struct {
	Program   fakevm.Program `json:"program"`
	EveryBoot fakevm.Program `json:"everyBoot"`
	// Commands are the programs that probes run; each is made, and asks the
	// script what it has to do.
	Commands []string `json:"commands,omitempty"`
	// Delay is the time from the start of the container to the guest's boot;
	// >= 0.
	Delay time.Duration `json:"delay,omitempty"`
}

// Encode gives the text of ConfigVariable. One that does not fit is an error.
func (c *Config) Encode() (string, error) {
	data, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("guest: %w", err)
	}
	if len(data) > MaxConfig {
		return "", fmt.Errorf("the guest's script has %d bytes, and the environment of a container takes %d", len(data), MaxConfig)
	}
	return string(data), nil
}

// settings is the environment, read.
type settings struct {
	Config
	address, dir string
}

// read reads the environment and tells all that is wrong with it.
func read(env func(string) string) (settings, error) {
	s := settings{address: env(AddressVariable), dir: env(StateVariable)}
	if s.dir == "" {
		s.dir = StateDirectory
	}
	var errs []error
	if net.ParseIP(s.address) == nil {
		errs = append(errs, fmt.Errorf("%s: %q is no IP address", AddressVariable, s.address))
	}
	if err := json.Unmarshal([]byte(env(ConfigVariable)), &s.Config); err != nil {
		errs = append(errs, fmt.Errorf("%s: %w", ConfigVariable, err))
	} else if s.Delay < 0 {
		errs = append(errs, fmt.Errorf("%s: delay: %v is negative", ConfigVariable, s.Delay))
	}
	return s, errors.Join(errs...)
}
