package attempt_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"time"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/attempt"
)

// A try over real sockets: the Env is the wall clock and a dialer.
func ExampleTry() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	host, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	number, _ := strconv.Atoi(port)
	kubevirt, _ := probes.LookupProfile(probes.KubeVirt)

	for _, path := range []string{"/healthz", "/"} {
		t := &attempt.Target{
			Profile: &kubevirt,
			Address: host,
			Probe: &probes.Probe{
				Handler: probes.HTTPGet, Timeout: time.Second,
				HTTP: probes.HTTPRequest{Scheme: "HTTP", Port: probes.Port{Number: number}, Path: path},
			},
		}
		r := attempt.Try(sockets{}, t)
		fmt.Printf("%v: %q\n", r.Class, r.Message)
	}
	// Output:
	// success: ""
	// failure: "HTTP probe failed with statuscode: 503"
}
