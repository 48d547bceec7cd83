//go:build libvirt

package virt

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"libvirt.org/go/libvirt"

	"github.com/vmprobe/vmprobe/probes/guestagent"
)

const built = true

// loop starts libvirt's event loop once in the life of the process. It has to
// be there before the first connection.
var loop = sync.OnceValue(func() error { //nolint:gochecknoglobals // libvirt has one, and cannot end it
	if err := libvirt.EventRegisterDefaultImpl(); err != nil {
		return converted(err)
	}
	go func() {
		for libvirt.EventRunDefaultImpl() == nil {
		}
	}()
	return nil
})

// A daemon that answers nothing for keepAlive seconds, so often, has gone.
const (
	keepAlive      = 3
	keepAliveCount = 3
)

// conn implements Conn.
type conn struct {
	uri       string
	lib       *libvirt.Connect
	lines     lines
	mail      *mailbox // nil: nobody listens
	callbacks []int
	closed    chan struct{}
	once      sync.Once

	gate  sync.RWMutex   // whoever uses lib or begins a command holds it
	shut  bool           // neither must be used any more
	under sync.WaitGroup // commands under way
}

// errClosed is what a connection says that is closed.
var errClosed = errors.New("the connection to libvirt is closed")

// enter keeps the connection open until leave is called.
func (c *conn) enter() (leave func(), err error) {
	c.gate.RLock()
	if c.shut {
		c.gate.RUnlock()
		return nil, errClosed
	}
	return c.gate.RUnlock, nil
}

func open(uri string, listen func(Event)) (Conn, error) {
	if err := loop(); err != nil {
		return nil, err
	}
	lib, err := libvirt.NewConnect(uri)
	if err != nil {
		return nil, converted(err)
	}
	c := &conn{uri: uri, lib: lib, closed: make(chan struct{})}
	if listen != nil {
		c.mail = newMailbox(listen)
	}
	if err := c.attend(); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// attend registers everything that libvirt tells by itself.
func (c *conn) attend() error {
	if err := c.lib.RegisterCloseCallback(func(*libvirt.Connect, libvirt.ConnectCloseReason) { c.lost() }); err != nil {
		return converted(err)
	}
	// An embedded driver has no daemon that could be asked.
	_ = c.lib.SetKeepAlive(keepAlive, keepAliveCount)
	if c.mail == nil {
		return nil
	}
	for _, register := range []func() (int, error){
		func() (int, error) {
			return c.lib.DomainEventLifecycleRegister(nil, func(_ *libvirt.Connect, d *libvirt.Domain, e *libvirt.DomainEventLifecycle) {
				c.tell(d, Lifecycle, int(e.Event), e.Detail)
			})
		},
		func() (int, error) {
			return c.lib.DomainEventAgentLifecycleRegister(nil, func(_ *libvirt.Connect, d *libvirt.Domain, e *libvirt.DomainEventAgentLifecycle) {
				c.tell(d, AgentPort, int(e.State), int(e.Reason))
			})
		},
		func() (int, error) {
			return c.lib.DomainEventRebootRegister(nil, func(_ *libvirt.Connect, d *libvirt.Domain) { c.tell(d, Reboot, 0, 0) })
		},
		func() (int, error) {
			return c.lib.DomainEventWatchdogRegister(nil, func(_ *libvirt.Connect, d *libvirt.Domain, e *libvirt.DomainEventWatchdog) {
				c.tell(d, Watchdog, int(e.Action), 0)
			})
		},
	} {
		id, err := register()
		if err != nil {
			return converted(err)
		}
		c.callbacks = append(c.callbacks, id)
	}
	return nil
}

func (c *conn) tell(d *libvirt.Domain, kind EventKind, code, detail int) {
	name, err := d.GetName()
	if err == nil {
		c.mail.post(Event{Domain: name, Kind: kind, Code: code, Detail: detail})
	}
}

func (c *conn) lost() { c.once.Do(func() { close(c.closed) }) }

// Closed implements Conn.
func (c *conn) Closed() <-chan struct{} { return c.closed }

// Close implements Conn. Commands under way go on, on their own connections.
func (c *conn) Close() error {
	c.gate.Lock()
	defer c.gate.Unlock()
	if c.shut {
		return nil
	}
	c.shut = true
	for _, id := range c.callbacks {
		_ = c.lib.DomainEventDeregister(id) // of a daemon that has gone
	}
	c.callbacks = nil
	_ = c.lib.UnregisterCloseCallback()
	_, err := c.lib.Close()
	go func() {
		c.under.Wait()
		c.lines.closeAll()
	}()
	c.lost()
	if c.mail != nil {
		c.mail.close()
	}
	return converted(err)
}

// Version implements Conn.
func (c *conn) Version() (string, error) {
	leave, err := c.enter()
	if err != nil {
		return "", err
	}
	defer leave()
	n, err := c.lib.GetLibVersion()
	if err != nil {
		return "", converted(err)
	}
	return fmt.Sprintf("%d.%d.%d", n/1000000, n/1000%1000, n%1000), nil
}

// Domains implements Conn.
func (c *conn) Domains() ([]string, error) {
	leave, err := c.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	list, err := c.lib.ListAllDomains(0)
	if err != nil {
		return nil, converted(err)
	}
	names := make([]string, 0, len(list))
	for i := range list {
		if name, err := list[i].GetName(); err == nil {
			names = append(names, name)
		}
		_ = list[i].Free()
	}
	slices.Sort(names)
	return names, nil
}

// Lookup implements Conn.
func (c *conn) Lookup(name string) (Domain, error) {
	leave, err := c.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	d, err := c.lib.LookupDomainByName(name)
	if err != nil {
		return nil, converted(err)
	}
	return &domain{conn: c, name: name, lib: d}, nil
}

// Create implements Conn.
func (c *conn) Create(xml string) (Domain, error) {
	leave, err := c.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	d, err := c.lib.DomainCreateXML(xml, libvirt.DOMAIN_START_AUTODESTROY)
	if err != nil {
		return nil, converted(err)
	}
	name, err := d.GetName()
	if err != nil {
		return nil, converted(err)
	}
	return &domain{conn: c, name: name, lib: d}, nil
}

// domain implements Domain.
type domain struct {
	conn *conn
	name string
	lib  *libvirt.Domain
}

func (d *domain) Name() string   { return d.name }
func (d *domain) Suspend() error { return converted(d.lib.Suspend()) }
func (d *domain) Resume() error  { return converted(d.lib.Resume()) }
func (d *domain) Destroy() error {
	err := d.lib.Destroy()
	d.conn.lines.close(d.name)
	return converted(err)
}
func (d *domain) Start() error   { return converted(d.lib.Create()) }
func (d *domain) Close()         { _ = d.lib.Free() }
func (d *domain) PowerButton() error {
	return converted(d.lib.ShutdownFlags(libvirt.DOMAIN_SHUTDOWN_ACPI_POWER_BTN))
}

// State implements Domain: the numbers of package guestagent are libvirt's.
func (d *domain) State() (guestagent.RunState, guestagent.PauseReason, error) {
	state, reason, err := d.lib.GetState()
	if err != nil {
		return 0, 0, converted(err)
	}
	return guestagent.RunState(state), guestagent.PauseReason(reason), nil //nolint:gosec // small numbers
}

// Persistent implements Domain.
func (d *domain) Persistent() (bool, error) {
	persistent, err := d.lib.IsPersistent()
	return persistent, converted(err)
}

// XML implements Domain.
func (d *domain) XML() (string, error) {
	text, err := d.lib.GetXMLDesc(0)
	return text, converted(err)
}

// Agent implements Domain.
func (d *domain) Agent(command string, timeout int) (string, error) {
	leave, err := d.conn.enter()
	if err != nil {
		return "", err
	}
	d.conn.under.Add(1)
	defer d.conn.under.Done()
	leave()
	line, err := d.conn.lines.of(d.conn.uri, d.name)
	if err != nil {
		return "", converted(err)
	}
	defer func() { _, _ = line.Close() }()
	lib, err := line.LookupDomainByName(d.name)
	if err != nil {
		return "", converted(err)
	}
	defer func() { _ = lib.Free() }()
	reply, err := lib.QemuAgentCommand(command, libvirt.DomainQemuAgentCommandTimeout(timeout), 0)
	return reply, converted(err)
}

// SetAgentTimeout implements Domain.
func (d *domain) SetAgentTimeout(seconds int) error {
	return converted(d.lib.AgentSetResponseTimeout(seconds, 0))
}

// AgentAddresses implements Domain.
func (d *domain) AgentAddresses() ([]string, error) {
	return d.addresses(libvirt.DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT)
}

// LeaseAddresses implements Domain.
func (d *domain) LeaseAddresses() ([]string, error) {
	return d.addresses(libvirt.DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE)
}

func (d *domain) addresses(from libvirt.DomainInterfaceAddressesSource) (list []string, err error) {
	interfaces, err := d.lib.ListAllInterfaceAddresses(from)
	if err != nil {
		return nil, converted(err)
	}
	for _, i := range interfaces {
		for _, a := range i.Addrs {
			ip, err := netip.ParseAddr(a.Addr)
			if err == nil && !ip.IsLoopback() && !ip.IsLinkLocalUnicast() {
				list = append(list, a.Addr)
			}
		}
	}
	return list, nil
}

// converted makes an error of the binding one of ours.
func converted(err error) error {
	if e, ok := errors.AsType[libvirt.Error](err); ok {
		return &Error{Code: int(e.Code), Domain: int(e.Domain), Message: e.Message}
	}
	return err
}
