package fakevm

import "time"

// guestClock is the time that the guest's own timers live on. It stands still
// while the guest is paused or suspended, so that a reply due in 300 ms is
// still due in 300 ms after the pause. While the guest hangs it goes on but
// nothing fires: what became due fires at once, in order, on resume.
type guestClock struct {
	host    Host
	still   int           // number of reasons for which time stands still
	mute    int           // number of reasons for which nothing fires
	stillAt time.Duration // host instant of the first of them
	lost    time.Duration // host time that the guest did not live through
	timers  []*guestTimer // ascending by due, then by arming
	alarm   Alarm         // the one host timer, for timers[0]; made when needed
	armed   bool
	armedAt time.Duration
	firing  bool
}

// guestTimer is one pending callback. What is made for each connection keeps
// its timer as a field and arms it with set.
type guestTimer struct {
	due time.Duration // guest time
	on  alarmed
}

// alarmed is told that its time has come.
type alarmed interface{ alarm() }

// callback is a function as alarmed.
type callback func()

func (f callback) alarm() { f() }

// onceAlarm makes an Alarm of a host that has none.
type onceAlarm struct {
	host   Host
	fn     func()
	cancel func()
}

func newAlarm(h Host, fn func()) Alarm {
	if a, ok := h.(Alarmer); ok {
		return a.Alarm(fn)
	}
	return &onceAlarm{host: h, fn: fn}
}

func (a *onceAlarm) Set(t time.Duration) {
	a.Stop()
	a.cancel = a.host.At(t, func() { a.cancel = nil; a.fn() })
}

func (a *onceAlarm) Stop() {
	if a.cancel != nil {
		a.cancel()
		a.cancel = nil
	}
}

// now is the guest's time: host time less what it did not live through.
func (c *guestClock) now() time.Duration {
	if c.still > 0 {
		return c.stillAt - c.lost
	}
	return c.host.Now() - c.lost
}

// at calls fn at the guest instant due.
func (c *guestClock) at(due time.Duration, fn func()) *guestTimer {
	t := &guestTimer{on: callback(fn)}
	c.set(t, due)
	return t
}

// set arms an idle timer for the guest instant due.
func (c *guestClock) set(t *guestTimer, due time.Duration) {
	t.due = due
	i := len(c.timers)
	for i > 0 && c.timers[i-1].due > due {
		i--
	}
	c.timers = append(c.timers, nil)
	copy(c.timers[i+1:], c.timers[i:])
	c.timers[i] = t
	c.arm()
}

// after calls fn when d of guest time has passed; never reentrantly.
func (c *guestClock) after(d time.Duration, fn func()) *guestTimer {
	return c.at(c.now()+max(d, 0), fn)
}

// stop removes a timer; nil and fired ones are fine.
func (c *guestClock) stop(t *guestTimer) {
	if t == nil {
		return
	}
	for i := range c.timers {
		if c.timers[i] == t {
			c.timers = append(c.timers[:i], c.timers[i+1:]...)
			c.arm()
			return
		}
	}
}

// clear drops every timer: the boot that set them is over.
func (c *guestClock) clear() {
	c.timers = c.timers[:0]
	c.disarm()
}

func (c *guestClock) arm() {
	if c.firing {
		return
	}
	if c.still > 0 || c.mute > 0 || len(c.timers) == 0 {
		c.disarm()
		return
	}
	at := c.timers[0].due + c.lost
	if c.armed && c.armedAt == at {
		return
	}
	if c.alarm == nil {
		c.alarm = newAlarm(c.host, c.fire)
	}
	c.armed, c.armedAt = true, at
	c.alarm.Set(at)
}

func (c *guestClock) disarm() {
	if c.armed {
		c.alarm.Stop()
		c.armed = false
	}
}

func (c *guestClock) fire() {
	c.armed = false
	c.firing = true
	for c.still == 0 && c.mute == 0 && len(c.timers) > 0 && c.timers[0].due <= c.now() {
		t := c.timers[0]
		c.timers = append(c.timers[:0], c.timers[1:]...)
		t.on.alarm()
	}
	c.firing = false
	c.arm()
}

// freeze stops time (pause, suspend).
func (c *guestClock) freeze() {
	if c.still == 0 {
		c.stillAt = c.host.Now()
	}
	c.still++
	c.arm()
}

// thaw ends one freeze.
func (c *guestClock) thaw() {
	if c.still == 1 {
		c.lost += c.host.Now() - c.stillAt
	}
	c.still--
	c.arm()
}

// gag lets time go on with nothing happening (hang).
func (c *guestClock) gag() { c.mute++; c.arm() }

// ungag ends one gag.
func (c *guestClock) ungag() { c.mute--; c.arm() }
