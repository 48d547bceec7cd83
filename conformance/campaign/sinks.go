package campaign

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vmprobe/vmprobe/conformance/report"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// traceFormat is the word of --report for a directory of traces.
const traceFormat = "trace"

// configMapPrefix is what the path of a report begins with that goes into a
// ConfigMap of a cluster, and not into a file.
const configMapPrefix = "configmap:"

// Sinks are the places that --report names. The zero value writes nothing.
type Sinks struct {
	// Put writes a file of a ConfigMap; needed where ConfigMaps names any.
	Put func(configMap, file string, data []byte) error

	files  []sink
	traces string // directory; empty: none
}

// ConfigMaps are the names of those that reports go into.
func (s *Sinks) ConfigMaps() (names []string) {
	for _, f := range s.files {
		if name, ok := strings.CutPrefix(f.path, configMapPrefix); ok {
			names = append(names, name)
		}
	}
	return names
}

type sink struct{ format, path string }

// ParseSinks reads values such as junit=report.xml and trace=DIR; all mistakes
// are reported.
func ParseSinks(values []string) (Sinks, error) {
	var out Sinks
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
			same := func(s sink) bool { return filepath.Clean(s.path) == filepath.Clean(path) }
			if slices.ContainsFunc(out.files, same) {
				errs = append(errs, fmt.Errorf("--report %s: another report has this path", v))
			}
			out.files = append(out.files, sink{format, path})
		}
	}
	if len(errs) > 0 {
		return Sinks{}, errors.Join(errs...)
	}
	return out, nil
}

// Check finds what cannot be written to, before anything is run.
func (s *Sinks) Check() error {
	var errs []error
	for _, f := range s.files {
		if info, err := os.Stat(f.path); err == nil && info.IsDir() {
			errs = append(errs, fmt.Errorf("write %s: is a directory", f.path))
		}
	}
	if s.traces != "" {
		errs = append(errs, os.MkdirAll(s.traces, 0o755))
	}
	return errors.Join(errs...)
}

// Wants tells whether a report in that format is to be written.
func (s *Sinks) Wants(format string) bool {
	return slices.ContainsFunc(s.files, func(f sink) bool { return f.format == format })
}

// Write writes every report; a file is complete or absent. The colours of a
// terminal are not for files.
func (s *Sinks) Write(r *report.Report) error {
	var errs []error
	r = r.Plain()
	for _, f := range s.files {
		var b bytes.Buffer
		if err := report.Write(f.format, &b, r); err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, s.put(f, b.Bytes()))
	}
	return errors.Join(errs...)
}

func (s *Sinks) put(f sink, data []byte) error {
	name, ok := strings.CutPrefix(f.path, configMapPrefix)
	switch {
	case !ok:
		return WriteFile(f.path, data)
	case s.Put == nil:
		return fmt.Errorf("--report %s=%s: no cluster to write it to", f.format, f.path)
	}
	return s.Put(name, "report."+f.format, data)
}

// Keep writes the trace of one run.
func (s *Sinks) Keep(t *trace.Trace) error {
	if s.traces == "" {
		return nil
	}
	var b bytes.Buffer
	if err := trace.Write(&b, t); err != nil {
		return err
	}
	return WriteFile(filepath.Join(s.traces, TraceName(t.Case, t.Seed)), b.Bytes())
}

// TraceName is the name of the trace of a run in a directory of traces: case
// ids hold no separator.
func TraceName(id string, seed uint64) string { return fmt.Sprintf("%s.%d.ndjson", id, seed) }

// WriteFile writes to a temporary name first, so that a full disk or ctrl-C
// leaves no half file behind. Folders are made, links are followed. What is no
// file, such as /dev/stderr or a pipe, is written to and stays what it is.
func WriteFile(path string, data []byte) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return writeDevice(path, data)
	}
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

func writeDevice(path string, data []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Close())
}
