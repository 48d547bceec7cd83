package pki

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

func authority(t *testing.T) *Authority {
	t.Helper()
	a, err := New(t.TempDir(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// get asks server as a client of the authority.
func get(t *testing.T, a *Authority, server string) error {
	t.Helper()
	text, err := a.Kubeconfig("x", server, "admin", Identity{"system:node:a", []string{"system:nodes"}})
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(text)
	if err != nil {
		t.Fatal(err)
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Get(server)
	if err == nil {
		answer.Body.Close()
	}
	return err
}

// TestServerAndClientTrustEachOther: a client made from the kubeconfig reaches
// a server with the certificate, and the server learns who it is; a client of
// another authority does not get in.
func TestServerAndClientTrustEachOther(t *testing.T) {
	a := authority(t)
	if err := a.Server("apiserver", "127.0.0.1", "kubernetes.default"); err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(a.PEM)
	pair, err := tls.LoadX509KeyPair(a.Path("apiserver.crt"), a.Path("apiserver.key"))
	if err != nil {
		t.Fatal(err)
	}
	who := make(chan *x509.Certificate, 1)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		who <- r.TLS.PeerCertificates[0]
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	server.StartTLS()
	defer server.Close()

	if err := get(t, a, server.URL); err != nil {
		t.Fatal(err)
	}
	if got := (<-who).Subject; got.CommonName != "system:node:a" || len(got.Organization) != 1 || got.Organization[0] != "system:nodes" {
		t.Errorf("the server takes the client for %v", got)
	}
	if err := get(t, authority(t), server.URL); err == nil {
		t.Error("a client of another authority gets in")
	}
}

// TestKeysAreSecret: nobody else can read what is written.
func TestKeysAreSecret(t *testing.T) {
	a := authority(t)
	if err := a.Client("admin", Identity{User: "x"}); err != nil {
		t.Fatal(err)
	}
	if err := a.SigningKey("sa"); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(a.dir)
	if err != nil || len(files) != 5 {
		t.Fatalf("%v %v", files, err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", f.Name(), info.Mode(), err)
		}
	}
}
