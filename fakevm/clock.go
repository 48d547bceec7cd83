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
	cancel  func()        // the one host timer, armed for timers[0]
	armedAt time.Duration
	firing  bool
}

// guestTimer is one pending callback.
type guestTimer struct {
	due time.Duration // guest time
	fn  func()
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
	t := &guestTimer{due: due, fn: fn}
	i := len(c.timers)
	for i > 0 && c.timers[i-1].due > due {
		i--
	}
	c.timers = append(c.timers, nil)
	copy(c.timers[i+1:], c.timers[i:])
	c.timers[i] = t
	c.arm()
	return t
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
	if c.cancel != nil {
		if c.armedAt == at {
			return
		}
		c.disarm()
	}
	c.armedAt = at
	c.cancel = c.host.At(at, c.fire)
}

func (c *guestClock) disarm() {
	if c.cancel != nil {
		c.cancel()
		c.cancel = nil
	}
}

func (c *guestClock) fire() {
	c.cancel = nil
	c.firing = true
	for c.still == 0 && c.mute == 0 && len(c.timers) > 0 && c.timers[0].due <= c.now() {
		t := c.timers[0]
		c.timers = append(c.timers[:0], c.timers[1:]...)
		t.fn()
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
