package agent

import (
	"errors"
	"fmt"
)

// Why a DN can't take a call, or an agent's command is refused. Test with errors.Is.
var (
	ErrUnknownDN    = errors.New("not a DN of ours")
	ErrOutOfService = errors.New("no phone is registered on the DN")
	ErrMaxCalls     = errors.New("the DN has as many calls as it may have")
	ErrDND          = errors.New("do not disturb is on at the DN")
	ErrForwarded    = errors.New("the DN's calls are forwarded")
	ErrNotReady     = errors.New("no agent is ready and without a call at the DN")
	ErrNotLoggedIn  = errors.New("no agent is logged in on the DN")
	ErrLoggedIn     = errors.New("an agent is logged in already")
	ErrInput        = errors.New("not an input of the machine")
	ErrVerb         = errors.New("not a command of an agent")
)

// ForwardedError says where the calls of a DN go instead.
type ForwardedError struct{ DN, To string }

// Error names both numbers.
func (e *ForwardedError) Error() string {
	return fmt.Sprintf("%s: its calls are forwarded to %s", e.DN, e.To)
}

// Unwrap makes it an ErrForwarded.
func (e *ForwardedError) Unwrap() error { return ErrForwarded }

// LoggedInError is a login that would put two agents on a DN, or an agent on two DNs.
type LoggedInError struct{ AgentID, DN string }

// Error says who is logged in where.
func (e *LoggedInError) Error() string {
	return fmt.Sprintf("agent %s is logged in on DN %s: log out there first, or have a supervisor force the login", e.AgentID, e.DN)
}

// Unwrap makes it an ErrLoggedIn.
func (e *LoggedInError) Unwrap() error { return ErrLoggedIn }

// FieldError is a field of a command that breaks a rule.
type FieldError struct{ Field, Rule string }

// Error names field and rule.
func (e *FieldError) Error() string { return e.Field + ": " + e.Rule }
