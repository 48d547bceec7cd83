//go:build !netoverlay

package overlay

import "github.com/vmprobe/vmprobe/conformance/door"

// Built tells whether package net was built with the overlay.
const Built = false

// Install panics: it needs the overlay.
func Install(door.Dial) (remove func()) { panic("overlay: " + Recipe) }
