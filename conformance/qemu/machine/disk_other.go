//go:build !linux

package machine

func reserve(string, int64) error { return nil }
