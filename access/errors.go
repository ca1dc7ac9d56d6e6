package access

import (
	"errors"
	"fmt"

	"sidecar/bridge"
)

// What can be wrong with a command besides what the engine says. Test with errors.Is.
var (
	ErrUnknownDN = errors.New("not a DN of this sidecar: see dns in the configuration")
	ErrOpTaken   = bridge.ErrOpTaken
	ErrVerb      = errors.New("not a command for a party of a call")
)

// ElsewhereError refuses a command for a call that another sidecar runs, which shares the feed: what it tells of a call is
// seen everywhere, but only it controls the call.
type ElsewhereError struct {
	Call bridge.CallID
	Node string
}

func (e *ElsewhereError) Error() string {
	return fmt.Sprintf("call %s is run by the sidecar with node %s: give the command to that one", e.Call, e.Node)
}

// DNError is a number that a field names and that is no DN of ours: ErrUnknownDN.
type DNError struct{ Field string }

func (e *DNError) Error() string { return ErrUnknownDN.Error() }

// Unwrap makes it an ErrUnknownDN.
func (e *DNError) Unwrap() error { return ErrUnknownDN }

// FieldError is what a field of a command is about, when the error itself can't tell: ErrCallNotFound of another call than
// the one that is commanded, for example.
type FieldError struct {
	Field string
	Rule  string // in other words than those of Err; may be empty
	Err   error
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Err.Error() }

// Unwrap gives what is wrong.
func (e *FieldError) Unwrap() error { return e.Err }

// fieldTargetError is a TargetError about another field than the number to be called.
type fieldTargetError struct {
	target *bridge.TargetError
	field  string
}

func (e *fieldTargetError) Error() string { return e.target.Error() }

func (e *fieldTargetError) Unwrap() error { return e.target }

// aboutFrom tells whether a TargetError is about the calling DN.
func aboutFrom(err error, cmd bridge.MakeCall) error {
	e, ok := errors.AsType[*bridge.TargetError](err)
	if ok && e.Number == string(cmd.From) && e.Unreachable {
		return &fieldTargetError{e, "from"}
	}
	return err
}

// aboutMonitor tells which phone a TargetError is about.
func aboutMonitor(err error, cmd bridge.Monitor) error {
	e, ok := errors.AsType[*bridge.TargetError](err)
	switch {
	case !ok:
		return err
	case cmd.SupervisorNumber != "" && e.Number == cmd.SupervisorNumber:
		return &fieldTargetError{e, "supervisorNumber"}
	case cmd.Supervisor != "" && e.Number == string(cmd.Supervisor):
		return &fieldTargetError{e, "supervisor"}
	}
	return &fieldTargetError{e, "target"}
}
