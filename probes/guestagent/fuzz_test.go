package guestagent_test

import (
	"bytes"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/guestagent"
)

// FuzzFraming: however a stream is cut, the lines are those of a plain split,
// and nothing that was taken is kept.
func FuzzFraming(f *testing.F) {
	f.Add([]byte("{\"return\": {}}\n{\"return\": 1}\n"), uint8(1))
	f.Add([]byte("\xff{\"return\": 5}\r\n\n\n{"), uint8(3))
	f.Add(bytes.Repeat([]byte("0123456789\n"), 1000), uint8(200))
	f.Fuzz(func(t *testing.T, data []byte, piece uint8) {
		var d guestagent.Decoder
		var got [][]byte
		for rest := data; len(rest) > 0; {
			n := min(len(rest), int(piece)+1)
			d.Write(rest[:n])
			rest = rest[n:]
			for {
				line, ok := d.Next()
				if !ok {
					break
				}
				guestagent.CheckLine(t.Errorf, line)
				got = append(got, bytes.Clone(line))
			}
		}
		parts := bytes.Split(data, []byte("\n"))
		want := parts[:len(parts)-1]
		if len(got) != len(want) || len(want) > 0 && !cmp.Equal(want, got) {
			t.Errorf("got %q, want %q", got, want)
		}
		if d.Pending() != len(parts[len(parts)-1]) {
			t.Errorf("pending %d", d.Pending())
		}
	})
}

// puppet is an Env and a connection of one goroutine and virtual time: the
// peer sends fixed bytes in pieces, a pause before each, then says nothing.
type puppet struct {
	plainConn
	now      time.Time
	deadline time.Time
	data     []byte
	piece    int
	pause    time.Duration
	next     time.Time
	eof      bool
	left     time.Time // when the rest of a call moved to a task
	locked   bool
}

func (p *puppet) Now() time.Time { return p.now }
func (p *puppet) SleepUntil(t time.Time) {
	if t.After(p.now) {
		p.now = t
	}
}
func (p *puppet) Mutex() guestagent.Mutex { return p }
func (p *puppet) Lock(time.Time) bool     { ok := !p.locked; p.locked = true; return ok }
func (p *puppet) Unlock() {
	if !p.locked {
		panic("the job lock was not held")
	}
	p.locked = false
}
func (p *puppet) Go(fn func(guestagent.Env)) { p.left = p.now; fn(p) }

func (p *puppet) Buffered() int {
	if p.next.After(p.now) {
		return 0
	}
	return min(p.piece, len(p.data))
}
func (p *puppet) Write(b []byte) (int, error) { return len(b), nil }
func (p *puppet) Read(b []byte) (int, error) {
	if !p.now.Before(p.deadline) {
		return 0, os.ErrDeadlineExceeded
	}
	if len(p.data) == 0 && p.eof {
		return 0, io.EOF
	}
	if len(p.data) == 0 || p.next.After(p.deadline) {
		p.SleepUntil(p.deadline)
		return 0, os.ErrDeadlineExceeded
	}
	p.SleepUntil(p.next)
	n := copy(b, p.data[:min(p.piece, len(p.data))])
	p.data = p.data[n:]
	p.next = p.now.Add(p.pause)
	return n, nil
}
func (p *puppet) Close() error                       { return nil }
func (p *puppet) SetDeadline(t time.Time) error      { p.deadline = t; return nil }
func (p *puppet) SetReadDeadline(t time.Time) error  { p.deadline = t; return nil }
func (p *puppet) SetWriteDeadline(t time.Time) error { return nil }

var _ net.Conn = (*puppet)(nil)

// FuzzChannel: whatever an agent sends, a try ends in time with S or F, the
// call behind it ends soon after, and the job lock is given back.
func FuzzChannel(f *testing.F) {
	const epoch = 1_700_000_000
	sync := "{\"return\": 1700000000000}\n"
	for _, s := range []string{
		sync + "{\"return\": {}}\n", "noise\n{\"return\": 1700000000001}\n{\"return\": {}}\n", sync + "{\"error\": {}}\n",
		sync + "{\"return\": {\"pid\": 1}}\n{\"return\": {\"exited\": true, \"exitcode\": 3, \"out-data\": \"QQ==\"}}\n",
		"\n\n\n", "{\"event\": 1}\n", "[]\n", sync, "{}\n",
	} {
		for _, exec := range []bool{false, true} {
			f.Add([]byte(s), uint16(5), uint16(1), false, exec)
			f.Add([]byte(s), uint16(5000), uint16(2500), true, exec)
		}
	}
	kubevirt, _ := probes.LookupProfile(probes.KubeVirt)
	f.Fuzz(func(t *testing.T, data []byte, piece, pause uint16, eof, exec bool) {
		p := &puppet{
			now: time.Unix(epoch, 0), next: time.Unix(epoch, 0), data: data, eof: eof,
			piece: int(piece)%8192 + 1, pause: time.Duration(pause) * time.Millisecond,
		}
		probe := &probes.Probe{Handler: probes.GuestAgentPing, Timeout: 2 * time.Second}
		if exec {
			probe.Handler, probe.Command = probes.Exec, []string{"x"}
		}
		target := &guestagent.Target{Profile: &kubevirt, Probe: probe}
		d := &domain{status: running()}
		ch := guestagent.NewChannel(p)
		ch.Connect(p)
		for range 3 {
			start := p.now
			p.left = time.Time{}
			got := guestagent.Try(p, d, ch, target)
			if got.Class != probes.Success && got.Class != probes.Failure {
				t.Errorf("got %v", got)
			}
			end := p.now
			if !p.left.IsZero() {
				end = p.left
			}
			if end.Sub(start) > 3*time.Second {
				t.Errorf("the try took %v", end.Sub(start))
			}
			// guest-sync twice, then the command; exec: again for each poll.
			if p.now.Sub(start) > 2*15*time.Second+3*time.Second || p.locked {
				t.Errorf("the call took %v, lock held %v", p.now.Sub(start), p.locked)
			}
		}
	})
}

// inSync is a channel that answers each ping at once, and a function that
// makes one.
func inSync(tb testing.TB) (ping func() probes.Result) {
	p := &puppet{now: time.Unix(1_700_000_000, 0)}
	kubevirt, _ := probes.LookupProfile(probes.KubeVirt)
	target := &guestagent.Target{Profile: &kubevirt, Probe: &probes.Probe{Handler: probes.GuestAgentPing, Timeout: time.Second}}
	d := &domain{status: running()}
	ch := guestagent.NewChannel(p)
	ch.Connect(p)
	replies := []byte("{\"return\": {}}\n")
	first := "{\"return\": 1700000000000}\n"
	p.piece, p.data = len(first), append([]byte(first), replies...)
	p.next = p.now.Add(1)
	if guestagent.Try(p, d, ch, target).Class != probes.Success {
		tb.Fatal("not in sync")
	}
	return func() probes.Result {
		p.next = p.now.Add(1)
		p.data = replies
		return guestagent.Try(p, d, ch, target)
	}
}

func BenchmarkPing(b *testing.B) {
	ping := inSync(b)
	b.ReportAllocs()
	for b.Loop() {
		if ping().Class != probes.Success {
			b.Fatal("no success")
		}
	}
}

// The goal of the simulator is 2 allocations an attempt at most.
func TestAllocations(t *testing.T) {
	ping := inSync(t)
	if n := testing.AllocsPerRun(200, func() { ping() }); n > 1 {
		t.Errorf("%v allocations a ping", n)
	}
}
