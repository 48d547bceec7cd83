package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/vmprobe/vmprobe/conformance/report"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// traceFormat is the word of --report for a directory of traces.
const traceFormat = "trace"

// sinks are the places that --report names.
type sinks struct {
	files  []sink
	traces string // directory; empty: none
}

type sink struct{ format, path string }

// parseSinks reads the values of --report; all mistakes are reported.
func parseSinks(values []string) (sinks, error) {
	var out sinks
	var errs []error
	for _, v := range values {
		format, path, ok := strings.Cut(v, "=")
		switch {
		case !ok || path == "":
			errs = append(errs, fmt.Errorf("--report %q: want FORMAT=PATH, as in junit=report.xml", v))
		case format == traceFormat && out.traces != "":
			errs = append(errs, errors.New("--report trace=DIR may be given once"))
		case format == traceFormat:
			out.traces = path
		default:
			if err := report.CheckFormat(format); err != nil {
				errs = append(errs, fmt.Errorf("--report: %w", err))
			}
			out.files = append(out.files, sink{format, path})
		}
	}
	if len(errs) > 0 {
		return sinks{}, exit(exitUsage, errors.Join(errs...))
	}
	return out, nil
}

// write writes every report; a file is complete or absent.
func (s *sinks) write(r *report.Report) error {
	var errs []error
	for _, f := range s.files {
		var b bytes.Buffer
		if err := report.Write(f.format, &b, r); err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, writeFile(f.path, b.Bytes()))
	}
	if err := errors.Join(errs...); err != nil {
		return exit(exitCouldNotRun, err)
	}
	return nil
}

// keep writes the trace of one run.
func (s *sinks) keep(t *trace.Trace) error {
	if s.traces == "" {
		return nil
	}
	var b bytes.Buffer
	if err := trace.Write(&b, t); err != nil {
		return err
	}
	return writeFile(filepath.Join(s.traces, traceName(t)), b.Bytes())
}

// traceName is a file name for a run: case ids hold no separator.
func traceName(t *trace.Trace) string { return fmt.Sprintf("%s.%d.ndjson", t.Case, t.Seed) }

// writeFile writes to a temporary name first, so that a full disk or ctrl-C
// leaves no half file behind.
func writeFile(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".vmprobe-*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Chmod(0o644), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		os.Remove(tmp.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
