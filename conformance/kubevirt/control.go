package kubevirt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/vmprobe/vmprobe/conformance/kubevirt/observe"
	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/fakevm/guestd"
	"github.com/vmprobe/vmprobe/scenarios"
)

// control is the harness's side of the guest of one launcher pod: it waits for
// the guest, tells it what it is and what time it is, and again after a reboot.
// The guest is asked through the API's proxy of its pod.
type control struct {
	run   *run
	vm    *scenarios.VM
	uid   string
	pod   string
	boots int
	stood bool // the VM was paused since the clock was compared
	off   time.Duration
}

const (
	// askPatience is how long a guest may take for an answer.
	askPatience = 2 * time.Second
	// askPause is how long to wait before a guest that does not answer is asked
	// again, and timekeeping how often the clock of one that does is compared.
	askPause    = 200 * time.Millisecond
	timekeeping = 2 * time.Second
	// measurements of the clock are taken, of which the shortest counts.
	measurements = 5
	// drift of the guest's clock that is mended.
	drift = 5 * time.Millisecond
)

// attendGuest leads the guest of a pod until the run, or the pod, is over.
func (r *run) attendGuest(v *scenarios.VM, uid, pod string, poke <-chan struct{}) {
	c := &control{run: r, vm: v, uid: uid, pod: pod}
	for r.ctx.Err() == nil && !r.isOver(uid) {
		wait := askPause
		err := c.lead()
		r.connected("the guest in pod "+pod, err)
		switch {
		case err == nil:
			wait = timekeeping
		case errors.Is(err, observe.ErrBusy), errors.Is(err, errRefused):
			r.fail(err)
			return
		case permanent(err):
			r.fail(explain("create pods/proxy", err))
			return
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-poke: // it goes on after a pause
			timer.Stop()
			c.stood = true
		case <-r.ctx.Done():
			timer.Stop()
		}
	}
}

// errRefused says that the guest does not do what it has to.
var errRefused = errors.New("the guest refuses")

// ask sends a request to the guest.
func (c *control) ask(q guestd.Request) (guestd.Message, error) {
	var m guestd.Message
	body, err := json.Marshal(q)
	if err != nil {
		return m, err
	}
	ctx, cancel := context.WithTimeout(c.run.ctx, askPatience)
	defer cancel()
	path := fmt.Sprintf("/api/v1/namespaces/%s/pods/%s:%d/proxy/", c.run.namespace, c.pod, guestd.ConsolePort)
	answer, err := c.run.bed.Raw(ctx, http.MethodPost, path, body)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(answer, &m); err != nil {
		return m, fmt.Errorf("the answer of the guest: %w", err)
	}
	return m, nil
}

// measure compares the clocks: what is to be added to the VM's own for the time
// since the VM's zero.
func (c *control) measure(zero time.Time) (offset time.Duration, boot int, err error) {
	shortest := time.Duration(-1)
	for range measurements {
		before := time.Since(zero)
		m, err := c.ask(guestd.Request{ID: 1, Op: guestd.OpClock})
		if err != nil {
			return 0, 0, err
		}
		if took := time.Since(zero) - before; shortest < 0 || took < shortest {
			shortest, offset = took, before+took/2-m.Clock
		}
		boot = m.Boot
	}
	return offset, boot, nil
}

// lead does what is to be done to the guest now.
func (c *control) lead() error {
	c.run.mu.Lock()
	zero, begun, ok := c.run.observer.Zero(c.vm.Name, c.uid)
	progress := slices.Clone(c.run.progress[c.vm.Name])
	c.run.mu.Unlock()
	if !ok {
		return errors.New("its container has not begun")
	}
	stood := c.stood
	offset, boot, err := c.measure(zero)
	switch {
	case err != nil:
		return err
	case boot == 0:
		return c.boot(zero, begun, offset, progress)
	case stood, offset-c.off > drift, c.off-offset > drift:
		m, err := c.ask(guestd.Request{ID: 1, Op: guestd.OpAdjust, Offset: offset, Paused: stood})
		if err == nil && m.Error == "" {
			c.off, c.stood = offset, false
		}
		return err
	}
	return nil
}

// boot lets the guest begin: with the container, or now if it has been there
// before.
func (c *control) boot(zero, begun time.Time, offset time.Duration, progress []fakevm.Progress) error {
	at := begun.Sub(zero)
	if c.boots > 0 {
		at = time.Since(zero)
	}
	config := guestOf(c.run.c, c.vm)
	m, err := c.ask(guestd.Request{
		ID: 1, Op: guestd.OpBoot, Offset: offset,
		Load: &guestd.Load{
			Address: guestd.ConsoleAddress, Program: config.Program, EveryBoot: config.EveryBoot, Commands: config.Commands,
		},
		Boot: &guestd.Boot{At: at, Number: c.boots + 1, Zero: &zero, Progress: progress},
	})
	if err != nil {
		return err
	}
	if m.Error != "" {
		return fmt.Errorf("%w: VM %s: %s", errRefused, c.vm.Name, m.Error)
	}
	c.boots++
	c.off, c.stood = offset, false
	took, need := time.Since(begun), needsGuest(c.run.c)
	if c.boots == 1 && took > need {
		return fmt.Errorf("VM %s: its guest came %.1f s after its container, and the case needs it after %v: %w", c.vm.Name, took.Seconds(), need, observe.ErrBusy)
	}
	c.run.guestCame(c.vm.Name, time.Now())
	return nil
}
