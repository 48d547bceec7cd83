package bubble

import (
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// Stuck says that a bubble stood still: a goroutine in it waits for something
// that is no part of it, or never gives way.
type Stuck struct {
	Patience   time.Duration // of real time
	Goroutines []string      // stacks of those that are not durably blocked
}

// Error shows the goroutines at fault.
func (s *Stuck) Error() string {
	return fmt.Sprintf("virtual time has stood still for %v: the prober waits for something outside of the bubble "+
		"(a mutex, a system call, a real socket, a channel made elsewhere) or is busy without end. Not durably blocked:\n\n%s",
		s.Patience, strings.Join(s.Goroutines, "\n\n"))
}

// Leak says that goroutines were left when the prober had to be gone, or that
// all of them wait for one another.
type Leak struct {
	Reason     string
	Goroutines []string // stacks of those that are left
}

// Error shows the goroutines that are left.
func (l *Leak) Error() string {
	return fmt.Sprintf("%s. The prober was told to end (its ctx is done, its connections are closed). Left are:\n\n%s",
		l.Reason, strings.Join(l.Goroutines, "\n\n"))
}

// watch waits for the end of the run, in real time.
func (r *run) watch() error {
	patience := r.bed.Patience
	if patience <= 0 {
		patience = DefaultPatience
	}
	tick := time.NewTicker(max(patience/10, time.Millisecond))
	defer tick.Stop()
	seen, since := r.progress.Load(), time.Now()
	for {
		select {
		case err := <-r.done:
			return err
		case <-tick.C:
		}
		if n := r.progress.Load(); n != seen {
			seen, since = n, time.Now()
			continue
		}
		if time.Since(since) < patience {
			continue
		}
		// Nothing can end these goroutines; the run is given up with them.
		return &Stuck{Patience: patience, Goroutines: r.goroutines(func(head string) bool {
			return !strings.Contains(head, "(durable)")
		})}
	}
}

// goroutines are the stacks of the bubble's goroutines whose head line is
// wanted; those of this package alone are left out.
func (r *run) goroutines(want func(head string) bool) []string {
	name := r.root.Load()
	if name == nil {
		return nil
	}
	var list []string
	for one := range strings.SplitSeq(allStacks(), "\n\n") {
		head, _, _ := strings.Cut(one, "\n")
		if bubbleOf(one) != *name || strings.Contains(one, "internal/synctest.Run(") {
			continue
		}
		if want == nil || want(head) {
			list = append(list, strings.TrimSpace(one))
		}
	}
	return list
}

// inBubble finds the name of a bubble in the head line of a stack, as package
// runtime writes it.
var inBubble = regexp.MustCompile(`^goroutine \d+ \[.*(synctest bubble \d+).*\]:`)

// bubbleOf is the bubble of a stack; empty: none.
func bubbleOf(stack string) string {
	if m := inBubble.FindStringSubmatch(stack); m != nil {
		return m[1]
	}
	return ""
}

func ownStack() string {
	buf := make([]byte, 4<<10)
	return string(buf[:runtime.Stack(buf, false)])
}

// mostStacks bounds what is looked at, bytes.
const mostStacks = 16 << 20

func allStacks() string {
	buf := make([]byte, 1<<20)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) || len(buf) >= mostStacks {
			return string(buf[:n])
		}
		buf = make([]byte, 2*len(buf))
	}
}
