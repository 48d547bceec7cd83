package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/vmprobe/vmprobe/hack/mutation/internal/protocol"
)

// campaign tries mutants on a woven driver.
type campaign struct {
	*woven
	parallel int
	seeds    int
	jobs     []protocol.Job
	file     string // of the jobs
}

// survey lets the original program run once, with the sites marked.
func (c *campaign) survey() error {
	begin := time.Now()
	cmd := exec.Command(c.binary, "-mutants", strconv.Itoa(len(c.mutants)), "-seeds", strconv.Itoa(c.seeds))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("run without mutants: %w", err)
	}
	if err := json.Unmarshal(out, &c.jobs); err != nil {
		return err
	}
	c.file = filepath.Join(c.dir, "jobs.json")
	if err := os.WriteFile(c.file, out, 0o644); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "mutation: %d runs without mutants in %v\n", len(c.jobs), time.Since(begin).Round(time.Second))
	for _, j := range c.jobs {
		if j.Bad != "" {
			fmt.Fprintf(os.Stderr, "mutation: left out, does not pass without mutants: %s seed %d: %s\n", j.Case, j.Seed, j.Bad)
		}
	}
	return nil
}

// run tries mutants and returns the results by number.
func (c *campaign) run(mutants []*mutant) (map[int]protocol.Result, error) {
	queue := make(chan *mutant)
	results := map[int]protocol.Result{}
	var mu sync.Mutex
	var failure error
	var workers sync.WaitGroup
	for range c.parallel {
		workers.Go(func() {
			var d *driver
			for m := range queue {
				r, err := c.try(&d, m)
				mu.Lock()
				results[m.number] = r
				failure = firstError(failure, err)
				n := len(results)
				mu.Unlock()
				switch {
				case r.Verdict == protocol.Survived && r.Reaching > 0:
					fmt.Fprintf(os.Stderr, "mutation: %d of %d: survives %d runs: %s\n", n, len(mutants), r.Reaching, m.key())
				case n%50 == 0:
					fmt.Fprintf(os.Stderr, "mutation: %d of %d\n", n, len(mutants))
				}
			}
			d.stop()
		})
	}
	for _, m := range mutants {
		queue <- m
	}
	close(queue)
	workers.Wait()
	return results, failure
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// try asks the driver, and a new one when the last has died.
func (c *campaign) try(d **driver, m *mutant) (protocol.Result, error) {
	if *d == nil {
		var err error
		if *d, err = c.start(); err != nil {
			return protocol.Result{}, err
		}
	}
	r, err := (*d).ask(protocol.Task{Mutant: m.number, Clean: m.pkg != "probes/engine"})
	if err != nil { // the mutant has killed the process
		(*d).stop()
		*d = nil
		return protocol.Result{Mutant: m.number, Verdict: protocol.Panicked, Message: "the process died: " + err.Error()}, nil
	}
	if r.Verdict == protocol.Hung || r.Verdict == protocol.Ballooned {
		(*d).stop()
		*d = nil
	}
	return r, nil
}

// driver is one process.
type driver struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func (c *campaign) start() (*driver, error) {
	d := &driver{cmd: exec.Command(c.binary, "-jobs", c.file)}
	var err error
	if d.in, err = d.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	d.out = bufio.NewReader(out)
	return d, d.cmd.Start()
}

func (d *driver) ask(t protocol.Task) (r protocol.Result, err error) {
	line, err := json.Marshal(t)
	if err != nil {
		return r, err
	}
	if _, err := d.in.Write(append(line, '\n')); err != nil {
		return r, err
	}
	answer, err := d.out.ReadBytes('\n')
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(answer, &r)
}

// stop ends the process, if there is one.
func (d *driver) stop() {
	if d == nil {
		return
	}
	_ = d.in.Close()
	_, _ = io.Copy(io.Discard, d.out)
	_ = d.cmd.Wait() // a mutant may have killed it
}
