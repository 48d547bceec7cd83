package fakevm

import (
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"sync"
	"time"
)

// certificateTime is what the TLS server takes for now: no wall clock.
var certificateTime = time.Unix(1_700_000_000, 0).UTC()

// tlsConfigs holds one configuration per kind of certificate; they never
// change once made.
var tlsConfigs = map[string]func() *tls.Config{
	"":          sync.OnceValue(func() *tls.Config { return newTLSConfig("vmprobe", 2100) }),
	"expired":   sync.OnceValue(func() *tls.Config { return newTLSConfig("vmprobe", 2021) }),
	"wrongname": sync.OnceValue(func() *tls.Config { return newTLSConfig("elsewhere.invalid", 2100) }),
}

func tlsConfig(kind string) *tls.Config {
	if c, ok := tlsConfigs[kind]; ok {
		return c()
	}
	return tlsConfigs[""]()
}

// newTLSConfig makes a self-signed Ed25519 certificate from a fixed seed: the
// same bytes in every run.
func newTLSConfig(name string, lastYear int) *tls.Config {
	seed := make([]byte, ed25519.SeedSize)
	copy(seed, "vmprobe fake guest certificate")
	key := ed25519.NewKeyFromSeed(seed)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: name},
		DNSNames:     []string{name},
		NotBefore:    time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:     time.Date(lastYear, 1, 1, 0, 0, 0, 0, time.UTC),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		panic(fmt.Sprintf("fakevm: self-signed certificate: %v", err))
	}
	return &tls.Config{
		Certificates:           []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		Time:                   func() time.Time { return certificateTime },
		MinVersion:             tls.VersionTLS12,
		SessionTicketsDisabled: true,
		CurvePreferences:       []tls.CurveID{tls.X25519, tls.CurveP256},
		NextProtos:             []string{"http/1.1"},
	}
}
