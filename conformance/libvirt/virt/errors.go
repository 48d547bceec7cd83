package virt

import (
	"errors"
	"fmt"
	"strings"

	"github.com/vmprobe/vmprobe/probes/guestagent"
)

// Error is an error of libvirt.
type Error struct {
	Code    int // virErrorNumber
	Domain  int // virErrorDomain: the part of libvirt that it is from
	Message string
}

// Error gives the words of libvirt's Go binding, as virt-launcher logs them.
func (e *Error) Error() string {
	return fmt.Sprintf("virError(Code=%d, Domain=%d, Message='%s')", e.Code, e.Domain, e.Message)
}

// Numbers of errors that are acted on.
const (
	noConnect = 5
	noDomain  = 42
)

// NoDomain tells whether an error says that there is no such domain.
func NoDomain(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Code == noDomain
}

// Gone tells whether an error says that the daemon has gone.
func Gone(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && (e.Code == noConnect || strings.Contains(e.Message, "client socket is closed") ||
		strings.Contains(e.Message, "End of file while reading data") || strings.Contains(e.Message, "connection closed due to keepalive"))
}

// AgentError is an error of a command as package guestagent has it; nil for
// nil.
func AgentError(err error) *guestagent.Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return guestagent.NewError(guestagent.Code(e.Code), e.Message)
	}
	return guestagent.NewError(guestagent.InternalError, err.Error())
}
