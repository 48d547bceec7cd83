package guestd

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// serialConsole is the VM's first serial port, whose output KubeVirt logs.
const serialConsole = "/dev/ttyS0"

// onConsole is Main where no host has a control port.
func onConsole() error {
	out, err := openSerial(serialConsole)
	if err != nil {
		return err
	}
	agentPort, err := findPort("/sys/class/virtio-ports", AgentPort, 10*time.Second)
	if err != nil {
		return err
	}
	if err := up("lo", ""); err != nil {
		return err
	}
	if err := up("eth0", ConsoleAddress); err != nil {
		return err
	}
	if err := routeBy(consoleGateway); err != nil {
		return err
	}
	l, err := net.Listen("tcp", net.JoinHostPort(ConsoleAddress, strconv.Itoa(ConsolePort)))
	if err != nil {
		return err
	}
	d := newDaemon(&networked{}, agentPort)
	d.alone = true
	d.agent = newAgent(d, "/run")
	if err := d.agent.begin(); err != nil {
		return err
	}
	d.watchButton()
	_, _ = fmt.Fprintf(out, "\nvmprobe: the guest waits on port %d\n", ConsolePort)
	return newConsole(d, out).serve(l)
}

// networked is a machine that has its address already.
type networked struct{ hardware }

// Network implements machine.
func (*networked) Network(address string) error {
	if address != ConsoleAddress {
		return fmt.Errorf("the address is %s, not %s", ConsoleAddress, address)
	}
	return nil
}

// openSerial opens a serial port that passes everything as it is.
func openSerial(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	t, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
	t.Cflag = unix.CS8 | unix.CREAD | unix.CLOCAL | unix.B115200
	if err := unix.IoctlSetTermios(int(f.Fd()), unix.TCSETS, t); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

// routeBy sends what is for other networks to a gateway.
func routeBy(gateway string) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer unix.Close(fd) //nolint:errcheck // its answer was read
	message := routeRequest(net.ParseIP(gateway).To4())
	if err := unix.Sendto(fd, message, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("route by %s: %w", gateway, err)
	}
	b := make([]byte, unix.Getpagesize())
	n, _, err := unix.Recvfrom(fd, b, 0)
	if err != nil {
		return fmt.Errorf("route by %s: %w", gateway, err)
	}
	if n < unix.NLMSG_HDRLEN+4 {
		return fmt.Errorf("route by %s: an answer of %d bytes", gateway, n)
	}
	if code := int32(binary.NativeEndian.Uint32(b[unix.NLMSG_HDRLEN:])); code != 0 { //nolint:gosec // it is one
		return fmt.Errorf("route by %s: %w", gateway, unix.Errno(-code))
	}
	return nil
}

// routeRequest is the netlink message that adds a default route (rtnetlink(7)).
func routeRequest(gateway net.IP) []byte {
	const size = unix.NLMSG_HDRLEN + unix.SizeofRtMsg + unix.SizeofRtAttr + net.IPv4len
	b := make([]byte, 0, size)
	n := binary.NativeEndian
	b = n.AppendUint32(b, size)
	b = n.AppendUint16(b, unix.RTM_NEWROUTE)
	b = n.AppendUint16(b, unix.NLM_F_REQUEST|unix.NLM_F_ACK|unix.NLM_F_CREATE)
	b = n.AppendUint32(b, 1) // sequence
	b = n.AppendUint32(b, 0) // from the kernel's port
	b = append(b, unix.AF_INET, 0, 0, 0, unix.RT_TABLE_MAIN, unix.RTPROT_BOOT, unix.RT_SCOPE_UNIVERSE, unix.RTN_UNICAST)
	b = n.AppendUint32(b, 0) // flags
	b = n.AppendUint16(b, unix.SizeofRtAttr+net.IPv4len)
	b = n.AppendUint16(b, unix.RTA_GATEWAY)
	return append(b, gateway...)
}
