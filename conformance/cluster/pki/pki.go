// Package pki makes the certificates, keys and kubeconfigs of a cluster. They
// are made anew for each cluster, live as long as it and are worth nothing
// outside it.
package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// validity of every certificate: longer than any cluster lives.
const validity = 365 * 24 * time.Hour

// early is how long before now a certificate is valid, for clocks that differ.
const early = time.Hour

// Authority signs certificates and writes them into a folder, NAME.crt and
// NAME.key each, readable by the owner alone.
type Authority struct {
	dir  string
	now  time.Time
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	// PEM is the authority's own certificate, the file ca.crt.
	PEM []byte
}

// Identity is whom a client certificate is for, in Kubernetes' terms.
type Identity struct {
	User   string   // common name
	Groups []string // organizations
}

// New makes an authority that writes into dir, which is made.
func New(dir string, now time.Time) (*Authority, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	a := &Authority{dir: dir, now: now, key: key}
	template := a.template(pkix.Name{CommonName: "vmprobe-cluster"})
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	if template.SerialNumber, err = serial(); err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	a.PEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return a, os.WriteFile(a.Path("ca.crt"), a.PEM, 0o600)
}

// Path is a file of the authority's folder.
func (a *Authority) Path(name string) string { return filepath.Join(a.dir, name) }

// Server writes the certificate of a server that is known by names and IP
// addresses.
func (a *Authority) Server(name string, hosts ...string) error {
	template := a.template(pkix.Name{CommonName: name})
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	_, _, err := a.issue(name, template)
	return err
}

// Client writes the certificate of a client.
func (a *Authority) Client(name string, who Identity) error {
	_, _, err := a.client(name, who)
	return err
}

func (a *Authority) client(name string, who Identity) (cert, key []byte, err error) {
	template := a.template(pkix.Name{CommonName: who.User, Organization: who.Groups})
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return a.issue(name, template)
}

// SigningKey writes a key pair for tokens: NAME.key and NAME.pub.
func (a *Authority) SigningKey(name string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	if _, err := a.writeKey(name, key); err != nil {
		return err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	return os.WriteFile(a.Path(name+".pub"), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600)
}

// Kubeconfig makes a client certificate and gives the kubeconfig that uses it
// against server, an URL.
func (a *Authority) Kubeconfig(cluster, server, name string, who Identity) ([]byte, error) {
	cert, key, err := a.client(name, who)
	if err != nil {
		return nil, err
	}
	return kubeconfig(cluster, server, who.User, a.PEM, cert, key), nil
}

func (a *Authority) template(name pkix.Name) *x509.Certificate {
	return &x509.Certificate{
		Subject: name, NotBefore: a.now.Add(-early), NotAfter: a.now.Add(validity),
		KeyUsage: x509.KeyUsageDigitalSignature,
	}
}

func serial() (*big.Int, error) { return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)) }

func (a *Authority) issue(name string, template *x509.Certificate) (cert, key []byte, err error) {
	if template.SerialNumber, err = serial(); err != nil {
		return nil, nil, err
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, private.Public(), a.key)
	if err != nil {
		return nil, nil, fmt.Errorf("certificate %s: %w", name, err)
	}
	cert = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(a.Path(name+".crt"), cert, 0o600); err != nil {
		return nil, nil, err
	}
	key, err = a.writeKey(name, private)
	return cert, key, err
}

func (a *Authority) writeKey(name string, private crypto.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	return text, os.WriteFile(a.Path(name+".key"), text, 0o600)
}
