//go:build libvirt

package virt

import (
	"sync"

	"libvirt.org/go/libvirt"
)

// lines are connections for the agent commands of one domain each: any call may
// have to wait until a command that is under way on its connection ends.
// KubeVirt's launchers have a daemon each.
type lines struct {
	mu   sync.Mutex
	open map[string]*libvirt.Connect // by the name of the domain
}

// of gives that of a domain, made when it is first used. The caller closes what
// he gets; the line stays.
func (l *lines) of(uri, name string) (*libvirt.Connect, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	line := l.open[name]
	if line == nil {
		var err error
		if line, err = libvirt.NewConnect(uri); err != nil {
			return nil, err
		}
		if l.open == nil {
			l.open = map[string]*libvirt.Connect{}
		}
		l.open[name] = line
	}
	return line, line.Ref()
}

// close ends the line of a domain that has gone.
func (l *lines) close(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if line := l.open[name]; line != nil {
		delete(l.open, name)
		_, _ = line.Close()
	}
}

func (l *lines) closeAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, line := range l.open {
		delete(l.open, name)
		_, _ = line.Close()
	}
}
