package guestagent

import (
	"fmt"
	"strings"
)

// Code is a libvirt error number.
type Code int

// The codes that an agent command can end with.
const (
	InternalError       Code = 1
	SystemError         Code = 38
	NoDomain            Code = 42
	OperationInvalid    Code = 55
	OperationTimeout    Code = 68
	ArgumentUnsupported Code = 74
	AgentUnresponsive   Code = 86
)

// LookupCode finds a code by the name that scenarios use, such as
// AGENT_UNRESPONSIVE.
func LookupCode(name string) (Code, bool) {
	for _, c := range []Code{
		InternalError, NoDomain, OperationInvalid, OperationTimeout, ArgumentUnsupported, AgentUnresponsive,
	} {
		if c.String() == name {
			return c, true
		}
	}
	return 0, false
}

// String gives libvirt's name without VIR_ERR_.
func (c Code) String() string {
	switch c {
	case InternalError:
		return "INTERNAL_ERROR"
	case SystemError:
		return "SYSTEM_ERROR"
	case NoDomain:
		return "NO_DOMAIN"
	case OperationInvalid:
		return "OPERATION_INVALID"
	case OperationTimeout:
		return "OPERATION_TIMEOUT"
	case ArgumentUnsupported:
		return "ARGUMENT_UNSUPPORTED"
	case AgentUnresponsive:
		return "AGENT_UNRESPONSIVE"
	}
	return fmt.Sprintf("code(%d)", int(c))
}

func (c Code) prefix() string {
	switch c {
	case InternalError:
		return "internal error: "
	case SystemError:
		return ""
	case NoDomain:
		return "Domain not found: "
	case OperationInvalid:
		return "Requested operation is not valid: "
	case OperationTimeout:
		return "Timed out during operation: "
	case ArgumentUnsupported:
		return "argument unsupported: "
	case AgentUnresponsive:
		return "Guest agent is not responding: "
	}
	return ""
}

// Error is an error of libvirt.
type Error struct {
	Code Code
	Text string
}

// Error gives the words of libvirt's Go binding.
func (e *Error) Error() string {
	return fmt.Sprintf("virError(Code=%d, Domain=10, Message='%s')", int(e.Code), strings.TrimSuffix(e.Code.prefix()+e.Text, ": "))
}

// The errors of GA-ORDER, in libvirt's words.
var (
	errNotRunning    = &Error{OperationInvalid, "domain is not running"}
	errJobLock       = &Error{OperationTimeout, "cannot acquire state change lock"}
	errBroken        = &Error{AgentUnresponsive, "QEMU guest agent is not available due to an error"}
	errNotConnected  = &Error{AgentUnresponsive, "QEMU guest agent is not connected"}
	errNotConfigured = &Error{ArgumentUnsupported, "QEMU guest agent is not configured"}
	errNotNow        = &Error{AgentUnresponsive, "Guest agent not available for now"}
	errDisappeared   = &Error{AgentUnresponsive, "Guest agent disappeared while executing command"}
	errMissingReply  = &Error{InternalError, "Missing agent reply object"}
	errTooLong       = &Error{SystemError, fmt.Sprintf("No complete agent response found in %d bytes: Numerical result out of range", maxResponse)}
)

// NewError is an error that libvirt itself has told. A code of its message is
// put in words once only.
func NewError(code Code, message string) *Error {
	return &Error{code, strings.TrimPrefix(strings.TrimPrefix(message, code.prefix()), strings.TrimSuffix(code.prefix(), ": "))}
}
