package attempt

import (
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// The errors whose words an operator knows from net/http and the kubelet.
var (
	errHeaderTimeout = errors.New(context.DeadlineExceeded.Error() +
		" (Client.Timeout exceeded while awaiting headers)")
	errBodyTimeout = errors.New(context.DeadlineExceeded.Error() +
		" (Client.Timeout or context cancellation while reading body)")
	errTLSTimeout   = errors.New("net/http: TLS handshake timeout")
	errSchemeMixup  = errors.New("http: server gave HTTP response to HTTPS client")
	errHeaderCap    = errors.New("net/http: server response headers exceeded " + strconv.Itoa(headerCap) + " bytes; aborted")
	errNoHost       = errors.New("http: no Host in request URL")
	errRedirectLoop = errors.New("stopped after " + strconv.Itoa(maxRequests) + " redirects")
)

// timedOut tells whether an error of a connection is its deadline.
func timedOut(err error) bool {
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// dialError gives a dialer's error the words of package net.
func dialError(address string, err error) error {
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		return err
	}
	if timedOut(err) {
		return errors.New("dial tcp " + address + ": i/o timeout")
	}
	if errno := syscall.Errno(0); errors.As(err, &errno) {
		err = os.NewSyscallError("connect", errno)
	}
	return errors.New("dial tcp " + address + ": " + err.Error())
}

// connError gives an error of a connection the words of package net.
func connError(op string, conn net.Conn, err error) error {
	errno := syscall.Errno(0)
	if oe := (*net.OpError)(nil); errors.As(err, &oe) || !errors.As(err, &errno) {
		return err
	}
	wrapped := &net.OpError{Op: op, Net: "tcp", Err: os.NewSyscallError(op, errno)}
	wrapped.Source, wrapped.Addr = conn.LocalAddr(), conn.RemoteAddr()
	return wrapped
}

// getError is the sentence of http.Client.Do: `Get "url": reason`.
func getError(at string, err error) string {
	return (&url.Error{Op: "Get", URL: at, Err: err}).Error()
}

// publicURL is a URL as http.Client shows it: with the password hidden.
func publicURL(u *url.URL) string {
	if _, set := u.User.Password(); set {
		return strings.Replace(u.String(), u.User.String()+"@", u.User.Username()+":***@", 1)
	}
	return u.String()
}
