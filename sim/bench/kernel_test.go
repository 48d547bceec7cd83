package bench

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/attempt"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/network"
)

// kernelVM is one VM: its prober's timer and its server.
type kernelVM struct {
	fleet    *kernelFleet
	id       int
	actor    sim.Actor
	address  string
	attempts int
	next     *sim.Timer
	request  *http.Request
	target   attempt.Target
	env      kernelEnv
	free     []*kernelServer
}

type kernelFleet struct {
	k              *sim.Kernel
	prober         *network.Host
	try            func(*kernelVM, *sim.Task) bool
	attempts, good int
	over           bool
}

// runKernel runs the scenario on a kernel, each try by the function.
func runKernel(try func(*kernelVM, *sim.Task) bool) func(time.Duration) (int, int) {
	return func(virtual time.Duration) (int, int) {
		k := sim.New(1)
		defer k.Close()
		n := network.New(k)
		f := &kernelFleet{k: k, prober: n.AddHost("prober"), try: try}
		for id := range VMs {
			vm := newKernelVM(f, n, id)
			k.Set(vm.next, offset(id))
		}
		if err := k.Run(virtual - 1); err != nil {
			panic(err)
		}
		f.over = true // let those under way end
		if err := k.Run(virtual + Timeout); err != nil {
			panic(err)
		}
		return f.attempts, f.good
	}
}

func newKernelVM(f *kernelFleet, n *network.Network, id int) *kernelVM {
	host := n.AddHost(fmt.Sprintf("vm-%d", id))
	vm := &kernelVM{fleet: f, id: id, actor: f.k.Name(fmt.Sprintf("probe-%d", id)), address: host.Addr().String() + ":80"}
	probe := &probes.Probe{
		Kind: probes.Readiness, Handler: probes.HTTPGet, Timeout: Timeout,
		HTTP: probes.HTTPRequest{Scheme: "HTTP", Port: probes.Port{Number: 80}, Path: "/healthz"},
	}
	vm.target = attempt.Target{Probe: probe, Address: host.Addr().String()}
	vm.request, _ = http.NewRequest(http.MethodGet, "http://"+vm.address+"/healthz", nil)
	task := func(t *sim.Task) {
		if f.try(vm, t) {
			f.good++
		}
	}
	vm.next = f.k.NewTimer(vm.actor, func() {
		if f.over {
			return
		}
		f.attempts++
		vm.attempts++
		f.k.Go(vm.actor, task)
		f.k.Set(vm.next, f.k.Now()+Period)
	})
	decision := network.Decision{Handler: vm.serve}
	if _, err := host.Listen(80, func(string) network.Decision { return decision }); err != nil {
		panic(err)
	}
	return vm
}

var answer = []byte(response)

// kernelServer answers a request after the latency of its attempt.
type kernelServer struct {
	vm    *kernelVM
	s     network.Session
	timer sim.Timer
}

func (vm *kernelVM) serve(s network.Session) network.Handler {
	if n := len(vm.free); n > 0 {
		v := vm.free[n-1]
		vm.free = vm.free[:n-1]
		v.s = s
		return v
	}
	v := &kernelServer{vm: vm, s: s}
	vm.fleet.k.Init(&v.timer, vm.actor, func() {
		v.s.Send(answer)
		v.s.Close()
	})
	return v
}

func (v *kernelServer) OnData([]byte) {
	k := v.vm.fleet.k
	k.Set(&v.timer, k.Now()+latency(v.vm.id, v.vm.attempts))
}
func (v *kernelServer) OnClose(error) { v.vm.free = append(v.vm.free, v) }
func (v *kernelServer) OnDrained()    {}

var (
	readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 4096) }}
	writers = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, 4096) }}
)

// codec is a try through net/http's writer and parser.
func codec(vm *kernelVM, t *sim.Task) bool {
	deadline := t.Now() + Timeout
	c, err := vm.fleet.prober.Dial(t, vm.address, deadline)
	if err != nil {
		return false
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(sim.Epoch.Add(deadline)); err != nil {
		return false
	}
	return roundTrip(c, vm.request)
}

func roundTrip(c net.Conn, request *http.Request) bool {
	w := writers.Get().(*bufio.Writer)
	defer writers.Put(w)
	w.Reset(c)
	if request.Write(w) != nil || w.Flush() != nil {
		return false
	}
	r := readers.Get().(*bufio.Reader)
	defer readers.Put(r)
	r.Reset(c)
	resp, err := http.ReadResponse(r, request)
	if err != nil {
		return false
	}
	defer func() { _ = resp.Body.Close() }()
	_, err = io.Copy(io.Discard, resp.Body)
	return err == nil && resp.StatusCode == http.StatusOK
}

// fast is a try of probes/attempt.
func fast(vm *kernelVM, t *sim.Task) bool {
	vm.env = kernelEnv{t, vm.fleet.prober}
	return attempt.Try(&vm.env, &vm.target).Class == probes.Success
}

type kernelEnv struct {
	task *sim.Task
	from *network.Host
}

func (e *kernelEnv) Now() time.Time         { return sim.Epoch.Add(e.task.Now()) }
func (e *kernelEnv) SleepUntil(t time.Time) { e.task.SleepUntil(t.Sub(sim.Epoch)) }
func (e *kernelEnv) Dial(address string, deadline time.Time) (net.Conn, error) {
	return e.from.Dial(e.task, address, deadline.Sub(sim.Epoch))
}
