//go:build !linux

package oshost

import "errors"

// CanDrop tells whether the system can drop SYNs on purpose.
const CanDrop = false

func blockPort(string) (func(), error) {
	return nil, errors.New("this system cannot drop SYNs on purpose")
}
