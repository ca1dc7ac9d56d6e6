package agent

import (
	"fmt"
	"time"
)

// State is what an agent says about being there.
type State string

// The states.
const (
	LoggedOut     State = "LoggedOut"
	NotReady      State = "NotReady"
	Ready         State = "Ready"
	AfterCallWork State = "AfterCallWork"
)

// WorkMode is T-Library's AgentWorkMode.
type WorkMode string

// The modes. The first two go with Ready: in ManualIn the agent ends after-call work, in AutoIn the timer does.
const (
	AutoIn            WorkMode = "AutoIn"
	ManualIn          WorkMode = "ManualIn"
	ModeAfterCallWork WorkMode = "AfterCallWork"
	AuxWork           WorkMode = "AuxWork"
	LegalGuard        WorkMode = "LegalGuard"
	NoCallDisconnect  WorkMode = "NoCallDisconnect"
	WalkAway          WorkMode = "WalkAway"

	// ModeUnknown asks to be not ready in none of these modes, which T-Server tells from AuxWork. The state has no mode then.
	ModeUnknown WorkMode = "Unknown"
)

// Reasons that are ours, not the agent's.
const (
	ReasonAbsence  = "absence"
	ReasonForced   = "forced"
	ReasonNoAnswer = "no_answer"
)

// Status is the state of the machine.
type Status struct {
	State   State
	AgentID string    // empty while LoggedOut
	Login   WorkMode  // AutoIn or ManualIn, empty while LoggedOut
	Mode    WorkMode  // of the present state: that of Login while Ready, empty while LoggedOut, or NotReady in none
	Reason  string    // why NotReady or LoggedOut
	Since   time.Time // of the present state, mode and reason
	Until   time.Time // end of AfterCallWork; zero when the agent ends it
}

// InputKind says what the machine is told.
type InputKind string

// What happens to an agent.
const (
	InputLogin         InputKind = "Login"
	InputLogout        InputKind = "Logout"
	InputReady         InputKind = "Ready"
	InputNotReady      InputKind = "NotReady"
	InputAfterCallWork InputKind = "AfterCallWork" // the agent asks for it, or for more of it
	InputCallEnded     InputKind = "CallEnded"     // the last call ended, and one of them counts for after-call work
	InputTimeout       InputKind = "Timeout"       // of AfterCallWork
	InputNoAnswer      InputKind = "NoAnswer"      // a call that was offered rang out
)

// Input is one thing that happens.
type Input struct {
	Kind    InputKind
	At      time.Time
	AgentID string        // Login
	Mode    WorkMode      // Login, Ready, NotReady; empty: as it is, or the usual one
	Reason  string        // NotReady, Logout
	For     time.Duration // of after-call work, whatever leads to it; 0: until the agent ends it
	Then    State         // NoAnswer: NotReady, LoggedOut, or empty for no change
}

// Next is the machine. It gives the new state and the events that the change is told by, in their order.
//
//	              Login                Ready
//	LoggedOut ------------> NotReady <--------> Ready
//	    ^                     |  ^   NotReady    |  ^
//	    | Logout              |  |   NoAnswer    |  | Ready
//	    | NoAnswer            |  |               |  | Timeout
//	    +-- from every state  |  | NotReady      |  |
//	                          v  |               v  |
//	                         AfterCallWork ---------+
//	                         (AfterCallWork, CallEnded)
//
// After a login the agent is NotReady with AuxWork and says when to begin, as with T-Server. CallEnded changes nothing
// for an agent who asked to be NotReady during the call. A command that asks for what is so already changes nothing
// and is no error; a command for nobody is ErrNotLoggedIn.
func Next(s Status, in Input) (Status, []EventKind, error) {
	if s.State == LoggedOut {
		return nextLoggedOut(s, in)
	}
	switch in.Kind {
	case InputLogin:
		s.Login = orMode(in.Mode, s.Login)
		if s.State == Ready {
			return s.ready(in)
		}
		return s, nil, nil
	case InputLogout:
		return s.logout(in)
	case InputReady:
		s.Login = orMode(in.Mode, s.Login)
		return s.ready(in)
	case InputNotReady:
		return s.notReady(in)
	case InputAfterCallWork:
		return s.afterCallWork(in)
	case InputCallEnded:
		if s.State == NotReady {
			return s, nil, nil
		}
		return s.afterCallWork(in)
	case InputTimeout:
		if s.State != AfterCallWork {
			return s, nil, nil
		}
		return s.ready(in)
	case InputNoAnswer:
		return s.noAnswer(in)
	}
	return s, nil, fmt.Errorf("input %q: %w", in.Kind, ErrInput)
}

func nextLoggedOut(s Status, in Input) (Status, []EventKind, error) {
	switch in.Kind {
	case InputLogin:
		login := orMode(in.Mode, AutoIn)
		return Status{State: NotReady, AgentID: in.AgentID, Login: login, Mode: AuxWork, Since: in.At}, []EventKind{Login, BecameNotReady}, nil
	case InputLogout, InputReady, InputNotReady, InputAfterCallWork:
		return s, nil, ErrNotLoggedIn
	case InputCallEnded, InputTimeout, InputNoAnswer:
		return s, nil, nil
	}
	return s, nil, fmt.Errorf("input %q: %w", in.Kind, ErrInput)
}

func (s Status) logout(in Input) (Status, []EventKind, error) {
	return Status{State: LoggedOut, Reason: in.Reason, Since: in.At}, []EventKind{Logout}, nil
}

func (s Status) ready(in Input) (Status, []EventKind, error) {
	if s.State == Ready && s.Mode == s.Login {
		return s, nil, nil
	}
	if s.State != Ready { // another mode doesn't make the agent wait anew
		s.Since = in.At
	}
	s.State, s.Mode, s.Reason, s.Until = Ready, s.Login, "", time.Time{}
	return s, []EventKind{BecameReady}, nil
}

func (s Status) notReady(in Input) (Status, []EventKind, error) {
	mode := orMode(in.Mode, AuxWork)
	if mode == ModeAfterCallWork {
		return s.afterCallWork(in)
	}
	if mode == ModeUnknown {
		mode = ""
	}
	if s.State == NotReady && s.Mode == mode && s.Reason == in.Reason {
		return s, nil, nil
	}
	s.State, s.Mode, s.Reason, s.Since, s.Until = NotReady, mode, in.Reason, in.At, time.Time{}
	return s, []EventKind{BecameNotReady}, nil
}

func (s Status) afterCallWork(in Input) (Status, []EventKind, error) {
	if s.State != AfterCallWork {
		s.Since = in.At
	}
	s.State, s.Mode, s.Reason, s.Until = AfterCallWork, ModeAfterCallWork, in.Reason, time.Time{}
	if in.For > 0 {
		s.Until = in.At.Add(in.For)
	}
	return s, []EventKind{BecameAfterCallWork}, nil
}

// noAnswer spares an agent who is not ready already: the call was for the person, not for who takes the next one.
func (s Status) noAnswer(in Input) (Status, []EventKind, error) {
	switch {
	case s.State == NotReady, in.Then == "":
		return s, nil, nil
	case in.Then == LoggedOut:
		return s.logout(in)
	default:
		in.Mode = AuxWork
		return s.notReady(in)
	}
}

func orMode(mode, otherwise WorkMode) WorkMode {
	if mode == "" {
		return otherwise
	}
	return mode
}
