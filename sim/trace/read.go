package trace

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"
	"time"

	"github.com/vmprobe/vmprobe/probes"
)

// maxLine bounds one line of a file, in bytes.
const maxLine = 16 << 20

// ReadError is a defect of a trace file.
type ReadError struct {
	Line int // from 1
	Err  error
}

// Error gives "trace line 3: ...".
func (e *ReadError) Error() string { return fmt.Sprintf("trace line %d: %v", e.Line, e.Err) }

// Unwrap gives the cause.
func (e *ReadError) Unwrap() error { return e.Err }

// ErrTruncated says that a file has no end line.
var ErrTruncated = errors.New("the file ends without the line that holds the digest: it is truncated")

// ErrChanged says that a file holds other events than were written into it.
var ErrChanged = errors.New("the file was changed")

// Read reads a whole trace and checks its digests. Every error is a
// *ReadError or comes from r. With an [ErrChanged] comes the trace as the file
// has it now, so that one can look for the change.
func Read(r io.Reader) (*Trace, error) {
	d := decoder{in: bufio.NewReaderSize(r, 64<<10), sum: sha256.New()}
	line, err := d.next()
	if err != nil {
		if errors.Is(err, ErrTruncated) {
			err = d.fail(errors.New("no header line"))
		}
		return nil, err
	}
	t, err := decodeHeader(line)
	if err != nil {
		return nil, d.fail(err)
	}
	d.sum.Write(line)
	for {
		line, err := d.next()
		if err != nil {
			return nil, err
		}
		if bytes.HasPrefix(line, []byte(`{"end":`)) {
			return t, d.end(t, line)
		}
		d.sum.Write(line)
		e, err := decodeEvent(line)
		if err != nil {
			return nil, d.fail(err)
		}
		t.Events = append(t.Events, e)
	}
}

type decoder struct {
	in   *bufio.Reader
	buf  []byte
	sum  hash.Hash
	line int
}

func (d *decoder) fail(err error) error { return &ReadError{Line: d.line, Err: err} }

// next returns a line with its newline; it is valid until the next call.
func (d *decoder) next() ([]byte, error) {
	d.line++
	d.buf = d.buf[:0]
	for {
		part, err := d.in.ReadSlice('\n')
		d.buf = append(d.buf, part...)
		switch {
		case err == nil:
			return d.buf, nil
		case errors.Is(err, bufio.ErrBufferFull) && len(d.buf) <= maxLine:
			continue
		case errors.Is(err, bufio.ErrBufferFull):
			return nil, d.fail(fmt.Errorf("longer than %d bytes", maxLine))
		case errors.Is(err, io.EOF):
			return nil, d.fail(ErrTruncated)
		default:
			return nil, fmt.Errorf("read trace: %w", err)
		}
	}
}

func (d *decoder) end(t *Trace, line []byte) error {
	var end struct {
		End     uint64   `json:"end"`
		Digest  string   `json:"digest"`
		Minutes []string `json:"minutes"`
		SHA256  string   `json:"sha256"`
	}
	if err := strict(line, &end); err != nil {
		return d.fail(err)
	}
	t.Seal()
	if end.End != uint64(len(t.Events)) {
		return d.fail(fmt.Errorf("%w: the end line counts %d events, the file holds %d", ErrChanged, end.End, len(t.Events)))
	}
	if got := hex.EncodeToString(d.sum.Sum(nil)); got != end.SHA256 {
		return d.fail(fmt.Errorf("%w: its bytes have sha256 %s, the end line says %q", ErrChanged, got, end.SHA256))
	}
	if t.Digest != end.Digest {
		return d.fail(fmt.Errorf("%w: the events have digest %s, the end line says %q", ErrChanged, t.Digest, end.Digest))
	}
	for i, m := range end.Minutes {
		n, err := strconv.ParseUint(m, 16, 64)
		if err != nil || i >= len(t.Minutes) || t.Minutes[i] != n {
			return d.fail(fmt.Errorf("the digest of minute %d does not fit its events", i))
		}
	}
	if len(end.Minutes) != len(t.Minutes) {
		return d.fail(fmt.Errorf("the end line has %d minutes, the events last %d", len(end.Minutes), len(t.Minutes)))
	}
	if rest, _ := d.in.Peek(1); len(rest) > 0 {
		d.line++
		return d.fail(errors.New("there is something after the end line"))
	}
	return nil
}

func decodeHeader(line []byte) (*Trace, error) {
	var h struct {
		Format  string   `json:"format"`
		Version int      `json:"version"`
		Case    string   `json:"case"`
		Profile string   `json:"profile"`
		Seed    uint64   `json:"seed"`
		Tool    string   `json:"tool"`
		VMs     []string `json:"vms"`
		View    string   `json:"view"`
		Wall    bool     `json:"wall"`
		Late    int64    `json:"late"`
		Slack   int64    `json:"slack"`
		Notes   []string `json:"notes"`
	}
	// The version is looked at before anything else: another version may have
	// other fields.
	if err := json.Unmarshal(line, &h); err != nil || h.Format != Format {
		return nil, fmt.Errorf("not a trace: the first line must be a header with \"format\":%q", Format)
	}
	if h.Version != Version {
		return nil, fmt.Errorf("version %d of the format; this program reads version %d", h.Version, Version)
	}
	if err := strict(line, &h); err != nil {
		return nil, err
	}
	if h.Late < 0 || h.Slack < 0 || !h.Wall && (h.Late != 0 || h.Slack != 0) {
		return nil, fmt.Errorf("\"late\" (%d) and \"slack\" (%d) are nanoseconds of a run in wall time, not negative", h.Late, h.Slack)
	}
	view, err := ParseView(h.View)
	if err != nil {
		return nil, err
	}
	return &Trace{Header: Header{
		Case: h.Case, Profile: h.Profile, Seed: h.Seed, Tool: h.Tool, VMs: h.VMs, View: view,
		Wall: h.Wall, Late: time.Duration(h.Late), Slack: time.Duration(h.Slack), Notes: h.Notes,
	}}, nil
}

func decodeEvent(line []byte) (Event, error) {
	var w struct {
		T        *int64 `json:"t"`
		VM       string `json:"vm"`
		Instance int32  `json:"instance"`
		Kind     string `json:"kind"`
		Probe    string `json:"probe"`
		Attempt  int32  `json:"attempt"`
		Try      int32  `json:"try"`
		Class    string `json:"class"`
		OK       bool   `json:"ok"`
		Value    string `json:"value"`
		Msg      string `json:"msg"`
	}
	if err := strict(line, &w); err != nil {
		return Event{}, err
	}
	if w.T == nil || w.Kind == "" {
		return Event{}, errors.New(`an event needs "t" and "kind"`)
	}
	kind, err := parseKind(w.Kind)
	if err != nil {
		return Event{}, err
	}
	e := Event{
		T: time.Duration(*w.T), VM: w.VM, Instance: w.Instance, Kind: kind,
		Attempt: w.Attempt, Try: w.Try, OK: w.OK, Value: w.Value, Msg: w.Msg,
	}
	var ok bool
	if e.Probe, e.HasProbe, ok = parseProbe(w.Probe); !ok {
		return Event{}, fmt.Errorf("unknown probe %q (readiness, liveness or startup)", w.Probe)
	}
	if e.Class, ok = parseClass(w.Class); !ok {
		return Event{}, fmt.Errorf("unknown class %q (success, warning, failure or error)", w.Class)
	}
	return e, nil
}

func parseProbe(s string) (k probes.Kind, has, ok bool) {
	if s == "" {
		return 0, false, true
	}
	for k := probes.Readiness; k <= probes.Startup; k++ {
		if k.String() == s {
			return k, true, true
		}
	}
	return 0, false, false
}

func parseClass(s string) (probes.Class, bool) {
	if s == "" {
		return probes.NoClass, true
	}
	for c := probes.Success; c <= probes.Errored; c++ {
		if c.String() == s {
			return c, true
		}
	}
	return probes.NoClass, false
}

// strict decodes one JSON object and nothing else.
func strict(line []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			return errors.New("the line is cut off or empty")
		}
		return fmt.Errorf("not an event: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value on a line")
	}
	return nil
}
