package guestagent_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/guestagent"
)

// Reference: GA-ORDER: the first failing check names the error.
func TestOrder(t *testing.T) {
	type edit func(m *machine)
	no := func(f func(s *guestagent.Status)) edit { return func(m *machine) { f(&m.d.status) } }
	for _, c := range []struct {
		name  string
		edit  edit
		class byte
		says  string
	}{
		{"healthy", func(*machine) {}, 'S', ""},
		{"socket before annotation", no(func(s *guestagent.Status) { s.SocketGone, s.ProbesPaused = true, true }), 'F', "Failed to connect cmd client"},
		{"annotation before libvirt", no(func(s *guestagent.Status) { s.ProbesPaused, s.LibvirtDown = true, true }), 'S', ""},
		{"libvirt before domain", no(func(s *guestagent.Status) { s.LibvirtDown, s.Exists = true, false }), 'F', "Code=1,"},
		{"domain gone is suppressed", no(func(s *guestagent.Status) { s.Exists = false }), 'S', ""},
		{"inactive", no(func(s *guestagent.Status) { s.Active = false }), 'F', "Code=55, Domain=10, Message='Requested operation is not valid: domain is not running'"},
		{"paused", no(func(s *guestagent.Status) { s.State = guestagent.Paused }), 'F', "Code=55"},
		{"suspended to RAM", no(func(s *guestagent.Status) { s.State = guestagent.PMSuspended }), 'F', "Code=55"},
		{"paused before not connected", func(m *machine) { m.d.status.State = guestagent.Paused; m.ch.Disconnect() }, 'F', "Code=55"},
		{"not connected", func(m *machine) { m.ch.Disconnect() }, 'F', "Code=86, Domain=10, Message='Guest agent is not responding: QEMU guest agent is not connected'"},
		{"not configured", func(m *machine) { m.d.status.NoAgentDevice = true; m.ch.Disconnect() }, 'F', "Code=74"},
		{"forced code", no(func(s *guestagent.Status) { s.Forced = guestagent.InternalError }), 'F', "Code=1,"},
	} {
		inBubble(t, healthy, func(m *machine) {
			c.edit(m)
			m.want(c.name, c.class, c.says, 0)
			if failed := len(m.d.events()) > 0; failed != (c.class == 'F' && c.name != "socket before annotation") {
				m.t.Errorf("%s: events %q", c.name, m.d.events())
			}
		})
	}
}

// Reference: GA-PAUSE-ANNOT: the agent is not contacted; older releases do not
// know the annotation.
func TestAnnotation(t *testing.T) {
	inBubble(t, silent, func(m *machine) {
		m.d.status.ProbesPaused = true
		m.want("paused", 'S', "", 0)
		synctest.Wait()
		if len(m.a.seen) != 0 {
			m.t.Errorf("the agent saw %q", m.a.seen)
		}
		legacy, _ := probes.LookupProfile(probes.KubeVirtLegacy)
		m.target.Profile = &legacy
		m.want("legacy", 'F', "Code=86", 5*time.Second)
		if len(m.d.events()) != 0 {
			m.t.Errorf("legacy events %q", m.d.events())
		}
	})
}

// TestSuppression is the whole matrix of virt-launcher: 2 codes, 2 windows.
// Reference: GA-SUPPRESS-MIG, GA-SUPPRESS-PAUSE, GA-SUPPRESS-GAP.
func TestSuppression(t *testing.T) {
	healthyPause := map[guestagent.PauseReason]bool{
		guestagent.PausedUser: true, guestagent.PausedMigration: true, guestagent.PausedSave: true,
		guestagent.PausedDump: true, guestagent.PausedFromSnapshot: true, guestagent.PausedShuttingDown: true,
		guestagent.PausedSnapshot: true, guestagent.PausedStartingUp: true, guestagent.PausedPostcopy: true,
	}
	codes := []guestagent.Code{
		guestagent.InternalError, guestagent.NoDomain, guestagent.OperationInvalid,
		guestagent.OperationTimeout, guestagent.ArgumentUnsupported, guestagent.AgentUnresponsive,
	}
	for _, name := range []probes.ProfileName{probes.OpenShiftDoc, probes.KubeVirtLegacy, probes.KubeVirt} {
		profile, _ := probes.LookupProfile(name)
		for _, code := range codes {
			for state := guestagent.NoState; state <= guestagent.PMSuspended; state++ {
				for reason := guestagent.PausedUnknown; reason <= guestagent.PausedAPIError+1; reason++ {
					for _, migrating := range []bool{false, true} {
						d := &domain{status: guestagent.Status{
							Exists: true, Active: true, State: state, Reason: reason, Migrating: migrating, Forced: code,
						}}
						target := &guestagent.Target{Profile: &profile, Probe: &probes.Probe{Handler: probes.GuestAgentPing, Timeout: time.Second}}
						got := guestagent.Try(bubble{}, d, guestagent.NewChannel(bubble{}), target)
						want := name == probes.KubeVirt &&
							(code == guestagent.AgentUnresponsive || code == guestagent.NoDomain) &&
							(migrating || state == guestagent.Paused && healthyPause[reason])
						if (got.Class == probes.Success) != want {
							t.Errorf("%s %v state %d reason %d migrating %v: got %v", name, code, state, reason, migrating, got)
						}
					}
				}
			}
		}
	}
	kubevirt, _ := probes.LookupProfile(probes.KubeVirt)
	target := &guestagent.Target{Profile: &kubevirt, Probe: &probes.Probe{Handler: probes.GuestAgentPing, Timeout: time.Second}}
	paused := &domain{status: running()}
	paused.status.State, paused.status.Reason = guestagent.Paused, guestagent.PausedUser
	if got := guestagent.Try(bubble{}, paused, guestagent.NewChannel(bubble{}), target); got.Class != probes.Failure {
		t.Errorf("a paused domain answers OPERATION_INVALID, which is not suppressed: got %v", got)
	}
	target.SuppressInvalid = true
	if got := guestagent.Try(bubble{}, paused, guestagent.NewChannel(bubble{}), target); got.Class != probes.Success {
		t.Errorf("intended semantics: got %v", got)
	}
	paused.status.StateUnknown, paused.status.Forced = true, guestagent.AgentUnresponsive
	if got := guestagent.Try(bubble{}, paused, guestagent.NewChannel(bubble{}), target); got.Class != probes.Success {
		t.Errorf("unknown state: got %v", got)
	}
}

// Reference: GA-TIMEOUT-INNER, GA-TIMEOUT-KUBELET.
func TestTimeouts(t *testing.T) {
	late := func(sync, ping time.Duration) func(*agent, request) {
		return func(a *agent, r request) {
			if r.Execute == "guest-sync" {
				time.Sleep(sync)
			} else {
				time.Sleep(ping)
			}
			healthy(a, r)
		}
	}
	const s = time.Second
	for _, c := range []struct {
		name   string
		answer func(*agent, request)
		t      time.Duration
		class  byte
		says   string
		after  time.Duration
	}{
		{"hung, T=30: libvirt is first", silent, 30 * s, 'F', "Guest agent not available for now", 5 * s},
		{"hung, T=4: the kubelet is first on a tie", silent, 4 * s, 'F', "command timed out", 5 * s},
		{"hung, T=3", silent, 3 * s, 'F', `command timed out: "virt-probe --domainName default_vm --timeoutSeconds 3 --guestAgentPing" timed out after 4s`, 4 * s},
		{"hung, T=1", silent, s, 'F', "command timed out", 2 * s},
		{"reply after T, before T+1", late(0, 2500*time.Millisecond), 2 * s, 'S', "", 2500 * time.Millisecond},
		{"reply after T+1", late(0, 3500*time.Millisecond), 2 * s, 'F', "command timed out", 3 * s},
		{"sync 4 s, ping 4 s", late(4*s, 4*s), 30 * s, 'S', "", 8 * s},
		{"sync 4 s, ping silent", pinged(func(*agent) {}), 30 * s, 'F', "not available for now", 5 * s},
	} {
		inBubble(t, c.answer, func(m *machine) {
			m.timeout(c.t).want(c.name, c.class, c.says, c.after)
		})
	}
	inBubble(t, silent, func(m *machine) {
		doc, _ := probes.LookupProfile(probes.OpenShiftDoc)
		m.target.Profile = &doc
		m.timeout(2*s).want("openshift-doc obeys T", 'F', "", 2*s)
	})
}

// Reference: GA-SINGLE-FLIGHT, GA-TIMEOUT-KUBELET: a killed virt-probe leaves
// its call in virt-launcher, which keeps the job lock for the whole 5 s.
func TestKilledProbeKeepsTheLock(t *testing.T) {
	inBubble(t, silent, func(m *machine) {
		m.timeout(time.Second).want("killed", 'F', "command timed out", 2*time.Second)
		if len(m.d.events()) != 0 {
			m.t.Errorf("early event %q", m.d.events())
		}
		start := time.Now()
		if !m.ch.JobLock().Lock(start.Add(time.Minute)) || time.Since(start) != 3*time.Second {
			m.t.Errorf("the job lock was free after %v", time.Since(start))
		}
		m.ch.JobLock().Unlock()
		synctest.Wait()
		if len(m.d.events()) != 1 {
			m.t.Errorf("GA-EVENT: events %q", m.d.events())
		}
	})
}

// Reference: GA-SINGLE-FLIGHT: two pings of 2 s each take turns.
func TestSingleFlight(t *testing.T) {
	slow := pinged(func(a *agent) { time.Sleep(2 * time.Second); a.say("{\"return\": {}}\n") })
	inBubble(t, slow, func(m *machine) {
		done := make(chan time.Duration, 2)
		for range 2 {
			go func() {
				r, took := m.try()
				if r.Class != probes.Success {
					m.t.Errorf("got %v", r)
				}
				done <- took
			}()
		}
		if a, b := <-done, <-done; a != 2*time.Second || b != 4*time.Second {
			m.t.Errorf("took %v and %v", a, b)
		}
	})
	inBubble(t, healthy, func(m *machine) {
		m.ch.JobLock().Lock(time.Now())
		m.timeout(time.Minute).want("lock held for ever", 'F', "Code=68", 30*time.Second)
		m.timeout(time.Second).want("lock held, short T", 'F', "command timed out", 2*time.Second)
		m.ch.JobLock().Unlock()
		synctest.Wait()
		m.want("lock free", 'S', "", 0)
	})
}

// Reference: GA-SYNC, GA-STALE.
func TestStaleReply(t *testing.T) {
	n := 0
	inBubble(t, nil, func(m *machine) {
		m.answers(pinged(func(a *agent) {
			if n++; n == 1 {
				go func() { time.Sleep(6 * time.Second); a.say("{\"return\": {}}\n") }()
			} // later pings are not answered
		}))
		m.want("first times out", 'F', "not available", 5*time.Second)
		time.Sleep(2 * time.Second) // the reply to the first one arrives
		m.want("the stale reply does not count", 'F', "not available", 5*time.Second)
		m.answers(healthy)
		m.want("healthy again", 'S', "", 0)
		want := []string{"guest-sync", "guest-ping", "guest-sync", "guest-ping", "guest-sync", "guest-ping"}
		if diff := cmp.Diff(want, m.a.seen); diff != "" {
			m.t.Errorf("commands (-want +got):\n%s", diff)
		}
		m.want("in sync: no further guest-sync", 'S', "", 0)
		if len(m.a.seen) != len(want)+1 {
			m.t.Errorf("commands %q", m.a.seen)
		}
	})
}

// Reference: GA-SYNC: replies with a wrong id or none are ignored.
func TestWrongSyncID(t *testing.T) {
	last := ""
	inBubble(t, func(a *agent, r request) {
		if r.Execute == "guest-sync" {
			id := r.Arguments.ID.String()
			a.say("{\"return\": " + id + "1}\n{\"return\": {}}\n{\"return\": \"" + id + "\"}\n{\"error\": {}}\n")
			if id == last {
				panic("an id was used twice")
			}
			last = id
			return
		}
		healthy(a, r)
	}, func(m *machine) {
		m.want("never the right id", 'F', "not available", 5*time.Second)
		m.want("again", 'F', "not available", 5*time.Second)
		if strings.Contains(strings.Join(m.a.seen, " "), "ping") {
			m.t.Errorf("commands %q", m.a.seen)
		}
	})
}

// Reference: GA-GARBAGE, GA-FRAMING.
func TestGarbage(t *testing.T) {
	syncs := func(prefix string) func(*agent, request) {
		return func(a *agent, r request) {
			if r.Execute == "guest-sync" {
				a.say(prefix)
				prefix = ""
			}
			healthy(a, r)
		}
	}
	ping := func(s string) func(*agent, request) {
		return pinged(func(a *agent) { a.say(s) })
	}
	const s = time.Second
	flood := strings.Repeat(`{"event": "X", "data": {}}`+"\n", 50_000)
	for _, c := range []struct {
		name   string
		answer func(*agent, request)
		class  byte
		says   string
		after  time.Duration
		sticky bool
	}{
		{"garbage before the first sync reply", syncs("login: \n"), 'S', "", 0, false},
		{"empty line first", syncs("\n"), 'S', "", 0, false},
		{"garbage in a chunk of its own", func(a *agent, r request) {
			if r.Execute == "guest-sync" && len(a.seen) == 1 {
				a.say("\xff{\"ret\n")
				return
			}
			healthy(a, r)
		}, 'S', "", 0, false},
		{"garbage at both syncs", func(a *agent, r request) { a.say("noise\n") }, 'F', "cannot parse json", 0, true},
		{"not an object in the first sync", syncs("[1]\n"), 'F', "Code=1,", 0, true},
		{"neither return nor error", syncs("{\"foo\": 1}\n"), 'F', "Unknown JSON reply", 0, true},
		{"garbage in answer to a ping", ping("garbage\n"), 'F', "cannot parse json", 0, true},
		{"half a reply", ping(`{"return": {`), 'F', "not available", 5 * s, false},
		{"event alone", ping("{\"event\": \"RESET\"}\n"), 'F', "not available", 5 * s, false},
		{"event without a type", ping("{\"event\": 5}\n"), 'F', "Code=1,", 0, true},
		{"event flood, then a reply", ping(flood + "{\"return\": {}}\n"), 'S', "", 0, false},
		{"QMP greeting first", ping("{\"QMP\": {\"version\": {}}}\n{\"return\": {}}\n"), 'S', "", 0, false},
		{"11 MiB without a newline", ping(strings.Repeat("x", 11<<20)), 'F', "No complete agent response found in 10485760 bytes", 0, true},
		{"9 MiB reply", ping(`{"return": "` + strings.Repeat("x", 9<<20) + "\"}\n"), 'S', "", 0, false},
		{"any value passes", ping("{\"return\": [null]}\n"), 'S', "", 0, false},
		{"carriage return", ping("{\"return\": {}}\r\n"), 'S', "", 0, false},
		{"error reply", ping(`{"error": {"class": "CommandDisabled", "desc": "no"}}` + "\n"), 'F', "unable to execute QEMU agent command 'guest-ping': no", 0, false},
		{"error without a description", ping(`{"error": {"class": "GenericError"}}` + "\n"), 'F', "'guest-ping': GenericError", 0, false},
		{"error and return", ping(`{"error": null, "return": {}}` + "\n"), 'F', "unknown QEMU command error", 0, false},
		{"two replies together: the last counts", ping("{\"return\": {}}\n{\"error\": {\"desc\": \"late\"}}\n"), 'F', "late", 0, false},
		{"byte by byte", ping2(), 'S', "", 14 * time.Millisecond, false},
	} {
		inBubble(t, c.answer, func(m *machine) {
			m.want(c.name, c.class, c.says, c.after)
			m.answers(healthy)
			if c.sticky {
				m.want(c.name+", sticky", 'F', "not available due to an error", 0)
				m.connect(healthy)
			}
			m.want(c.name+", afterwards", 'S', "", 0)
		})
	}
}

func ping2() func(*agent, request) {
	return pinged(func(a *agent) {
		for _, c := range "{\"return\": {}}\n" {
			a.say(string(c))
			if c != '\n' {
				time.Sleep(time.Millisecond)
			}
		}
	})
}

// Reference: GA-GARBAGE: also between commands, where libvirt's I/O thread
// reads.
func TestIdleBytes(t *testing.T) {
	inBubble(t, healthy, func(m *machine) {
		m.want("first", 'S', "", 0)
		m.a.say("{\"return\": {}}\n{\"event\": \"X\"}\n")
		m.want("a surplus reply is dropped", 'S', "", 0)
		m.answers(silent)
		m.a.say("{\"return\": {}}\n")
		m.want("and does not answer a ping", 'F', "not available", 5*time.Second)
		m.answers(healthy)
		m.a.say("garbage\n")
		m.want("garbage sticks", 'F', "not available due to an error", 0)
		m.want("still", 'F', "not available due to an error", 0)
		m.connect(healthy)
		m.want("reconnected", 'S', "", 0)
	})
}

// Reference: scenario ideas 45, 49, 50, 52: agents that go away.
func TestDisconnect(t *testing.T) {
	inBubble(t, silent, func(m *machine) {
		go func() { time.Sleep(time.Second); m.ch.Disconnect() }()
		m.want("closed during a command", 'F', "Guest agent disappeared while executing command", time.Second)
		m.want("afterwards", 'F', "QEMU guest agent is not connected", 0)
		m.connect(pinged(func(a *agent) { a.say(`{"return"`); a.port.Close() }))
		m.want("closed by the agent", 'F', "Guest agent disappeared", 0)
		if m.ch.Connected() {
			m.t.Error("still connected")
		}
		m.connect(healthy)
		m.want("reconnected", 'S', "", 0)
		m.connect(pinged(func(a *agent) { a.port.fails = errTest; a.port.Close() }))
		m.want("read error", 'F', "Unable to read from agent", 0)
		m.want("sticks", 'F', "not available due to an error", 0)
		m.connect(silent)
		go func() { time.Sleep(time.Second); m.connect(healthy) }()
		m.want("replaced during a command", 'F', "Guest agent disappeared", time.Second)
		m.want("the new connection works", 'S', "", 0)
	})
}

// Over a connection that cannot tell what is buffered every command is
// preceded by a sync, so a surplus reply cannot count either.
func TestPlainConnection(t *testing.T) {
	inBubble(t, healthy, func(m *machine) {
		m.connect(healthy)
		first := m.a
		m.a = &agent{port: newPort(), answer: healthy}
		go m.a.serve()
		m.ch.Connect(plainConn{m.a.port})
		if _, open := <-first.port.closed; open {
			m.t.Error("the first connection is still open")
		}
		for i := range 3 {
			m.want(fmt.Sprint("ping ", i), 'S', "", 0)
			m.a.say("{\"return\": {}}\n")
		}
		want := []string{"guest-sync", "guest-ping", "guest-sync", "guest-ping", "guest-sync", "guest-ping"}
		if diff := cmp.Diff(want, m.a.seen); diff != "" {
			m.t.Errorf("commands (-want +got):\n%s", diff)
		}
	})
}
