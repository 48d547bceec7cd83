package kubelet

import (
	"context"
	"net"
	"net/http"
	"reflect"
	"sync"
	"time"
	"unsafe"

	"k8s.io/kubernetes/pkg/probe"

	"github.com/vmprobe/vmprobe/conformance/door/bubble"
)

// dialer is the way into the bubble that runs; one at a time.
var dialer struct {
	sync.Mutex
	dial bubble.Dial
}

func reach(dial bubble.Dial) (unhook func()) {
	dialer.Lock()
	dialer.dial = dial
	dialer.Unlock()
	return func() {}
}

func dialBubble(ctx context.Context, network, address string) (net.Conn, error) {
	dialer.Lock()
	dial := dialer.dial
	dialer.Unlock()
	return dial(ctx, network, address)
}

// redial gives the kubelet's HTTP transport another dialer: a field that it
// exports, of a value that it does not.
func redial(h httpProber) {
	v := reflect.New(reflect.TypeOf(h)).Elem()
	v.Set(reflect.ValueOf(h))
	for _, name := range []string{"transport", "h2cTransport"} {
		f := v.FieldByName(name)
		(*(**http.Transport)(unsafe.Pointer(f.UnsafeAddr()))).DialContext = dialBubble
	}
}

// bubbleTCP is DoTCPProbe of the kubelet over the bubble's network.
func bubbleTCP(address string, timeout time.Duration) (probe.Result, string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	conn, err := dialBubble(ctx, "tcp", address)
	if err != nil {
		return probe.Failure, err.Error(), nil
	}
	_ = conn.Close()
	return probe.Success, "", nil
}
