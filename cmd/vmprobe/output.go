package main

import "io"

// output is a stream of results that remembers the first error, so that a
// full disk is not taken for success.
type output struct {
	w   io.Writer
	err error
}

// Write stops writing after an error.
func (o *output) Write(b []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.w.Write(b)
	o.err = err
	return n, err
}
