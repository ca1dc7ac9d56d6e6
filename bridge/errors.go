package bridge

import (
	"errors"
	"fmt"
)

// What can go wrong with a command. Test with errors.Is.
var (
	ErrConnID            = errors.New("not a ConnID: 16 hex digits are expected")
	ErrCallNotFound      = errors.New("no such call")
	ErrSwitchUnavailable = errors.New("the switch can't be reached at the moment")
	ErrDraining          = errors.New("the sidecar is stopping and takes no new calls")
	ErrAmbiguousParty    = errors.New("several DNs are in this call: name the one that acts")
	ErrUnreachable       = errors.New("no phone is registered there")
	ErrBusy              = errors.New("the DN takes no further call")
	ErrNoAnswer          = errors.New("nobody answered")
	// ErrUnknownOutcome is wrapped by a Switch around what is no answer of the server: the request may have been done.
	ErrUnknownOutcome = errors.New("nobody knows whether it was done")
	ErrNotAParty      = errors.New("that DN is not a party of this call")
	ErrPhoneSilent    = errors.New("the phone did not acknowledge the command in time")
	ErrNoRecorder     = errors.New("this sidecar does not record: see recording.enabled in its configuration")
	ErrNotPlayed      = errors.New("the announcement could not be played: is there such a sound?")
	ErrPhoneRefused   = errors.New("the phone did not do it")
)

// doneBySwitch is why commands are refused for calls that a switch with call control of its own mixes.
const doneBySwitch = "done by the SIP Server"

// ForwardedError is a DN that sends its calls on.
type ForwardedError struct {
	DN DN
	To string
}

func (e *ForwardedError) Error() string {
	return fmt.Sprintf("%s sends its calls on to %s", e.DN, e.To)
}

// StateError is a command that the call's present state does not allow.
type StateError struct {
	Call  CallID
	Verb  string
	State PartyState // of the acting party
	Why   string
}

func (e *StateError) Error() string {
	text := fmt.Sprintf("%s is not possible while the call is %s", e.Verb, e.State)
	if e.Why != "" {
		text += ": " + e.Why
	}
	return text
}

// TargetError is a destination that can't be called: the dial rules refuse it, or nobody is there.
type TargetError struct {
	Number      string
	Rule        string // the rule or fact, such as "dial_rules.classes.default" or "registration"
	Why         string
	Cause       int  // Q.850, with which the caller is hung up; 0: the usual one
	Unreachable bool // allowed, but nobody can be had there at the moment
}

func (e *TargetError) Error() string { return fmt.Sprintf("%q can't be called: %s", e.Number, e.Why) }
