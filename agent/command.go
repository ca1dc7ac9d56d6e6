package agent

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Verb is what an agent, or a supervisor for one, asks for.
type Verb string

// The verbs.
const (
	VerbLogin         Verb = "login"
	VerbLogout        Verb = "logout"
	VerbReady         Verb = "ready"
	VerbNotReady      Verb = "not-ready"
	VerbAfterCallWork Verb = "after-call-work"
	VerbDNDOn         Verb = "dnd-on"
	VerbDNDOff        Verb = "dnd-off"
	VerbSetForward    Verb = "set-forward"
	VerbCancelForward Verb = "cancel-forward"
)

// Command is one thing asked for. Fields that a verb doesn't name are not looked at.
type Command struct {
	DN      string
	Verb    Verb
	AgentID string        // VerbLogin
	Mode    WorkMode      // VerbLogin, VerbReady: AutoIn or ManualIn; VerbNotReady: one of the others, or ModeUnknown; empty: the usual one
	Reason  string        // VerbNotReady, VerbLogout
	For     time.Duration // VerbAfterCallWork: so long from now; 0: the policy's, without end for who works ManualIn
	To      string        // VerbSetForward
	Force   bool          // VerbLogin: log out whoever is in the way
}

// What keeps a value of a command in bounds.
const (
	maxReason  = 64
	maxWrapUp  = 4 * time.Hour
	maxForward = 64
)

// Do does what a command asks for and gives the DN as it is then. It fails with ErrUnknownDN, ErrNotLoggedIn,
// *LoggedInError or *FieldError, and then has changed nothing.
func (r *Registry) Do(cmd Command) (View, error) {
	if err := r.check(cmd); err != nil {
		return View{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.dns[cmd.DN]
	if d == nil {
		return View{}, fmt.Errorf("%s: %w", cmd.DN, ErrUnknownDN)
	}
	var err error
	switch cmd.Verb {
	case VerbLogin:
		err = r.login(d, cmd)
	case VerbLogout:
		err = r.run(d, Input{Kind: InputLogout, Reason: cmd.Reason})
	case VerbReady:
		err = r.run(d, Input{Kind: InputReady, Mode: cmd.Mode})
	case VerbNotReady:
		err = r.run(d, Input{Kind: InputNotReady, Mode: cmd.Mode, Reason: cmd.Reason, For: r.duration(d, 0)})
	case VerbAfterCallWork:
		err = r.run(d, Input{Kind: InputAfterCallWork, For: r.duration(d, cmd.For)})
	case VerbDNDOn, VerbDNDOff:
		r.setDND(d, cmd.Verb == VerbDNDOn)
	case VerbSetForward:
		r.setForward(d, cmd.To)
	case VerbCancelForward:
		r.setForward(d, "")
	default:
		err = fmt.Errorf("%q: %w", cmd.Verb, ErrVerb)
	}
	if err != nil {
		return View{}, err
	}
	return d.view(), nil
}

// run gives the machine an input that it may refuse.
func (r *Registry) run(d *dn, in Input) (err error) {
	r.change(d, func(now time.Time) (kinds []EventKind) {
		in.At = now
		var status Status
		if status, kinds, err = Next(d.status, in); err == nil {
			d.status = status
		}
		return kinds
	})
	if err != nil {
		return fmt.Errorf("%s: %w", d.number, err)
	}
	return nil
}

// login keeps one agent on one DN.
func (r *Registry) login(d *dn, cmd Command) error {
	inWay := func(other *dn) error {
		switch {
		case other == nil || other.status.State == LoggedOut:
			return nil
		case other == d && strings.EqualFold(d.status.AgentID, cmd.AgentID):
			return nil
		case !cmd.Force:
			return &LoggedInError{AgentID: other.status.AgentID, DN: other.number}
		}
		return nil
	}
	elsewhere := r.agents[strings.ToLower(cmd.AgentID)]
	for _, other := range []*dn{d, elsewhere} {
		if err := inWay(other); err != nil {
			return err
		}
	}
	for _, other := range []*dn{d, elsewhere} {
		if other != nil && other.status.State != LoggedOut && (other != d || !strings.EqualFold(d.status.AgentID, cmd.AgentID)) {
			if err := r.run(other, Input{Kind: InputLogout, Reason: ReasonForced}); err != nil {
				return err
			}
		}
	}
	return r.run(d, Input{Kind: InputLogin, AgentID: cmd.AgentID, Mode: cmd.Mode})
}

// duration is how long after-call work lasts when it was asked for.
func (r *Registry) duration(d *dn, asked time.Duration) time.Duration {
	switch {
	case asked > 0:
		return asked
	case d.status.Login == ManualIn:
		return 0
	}
	return r.policy.WrapUp
}

func (r *Registry) setDND(d *dn, on bool) {
	r.change(d, func(time.Time) []EventKind {
		switch {
		case d.dnd == on:
			return nil
		case on:
			d.dnd = true
			return []EventKind{DNDOn}
		}
		d.dnd = false
		return []EventKind{DNDOff}
	})
}

func (r *Registry) setForward(d *dn, to string) {
	r.change(d, func(time.Time) []EventKind {
		switch {
		case d.forward == to:
			return nil
		case to == "":
			d.forward = ""
			return []EventKind{ForwardCanceled}
		}
		d.forward = to
		return []EventKind{ForwardSet}
	})
}

// check judges the fields of a command.
func (r *Registry) check(cmd Command) error {
	switch cmd.Verb {
	case VerbLogin:
		if cmd.AgentID == "" {
			return &FieldError{Field: "agentId", Rule: "must name the agent"}
		}
		return checkMode(cmd.Mode, AutoIn, ManualIn)
	case VerbReady:
		return checkMode(cmd.Mode, AutoIn, ManualIn)
	case VerbNotReady:
		if cmd.Mode != ModeUnknown {
			if err := checkMode(cmd.Mode, AuxWork, ModeAfterCallWork, LegalGuard, NoCallDisconnect, WalkAway); err != nil {
				return err
			}
		}
		return r.checkReason(cmd.Reason)
	case VerbAfterCallWork:
		if cmd.For < 0 || cmd.For > maxWrapUp {
			return &FieldError{Field: "seconds", Rule: fmt.Sprintf("must be from 0 to %d", int(maxWrapUp.Seconds()))}
		}
	case VerbSetForward:
		if cmd.To == "" || len(cmd.To) > maxForward || cmd.To == cmd.DN {
			return &FieldError{Field: "to", Rule: "must be a number other than the DN's own"}
		}
	case VerbLogout:
		return plainReason(cmd.Reason)
	case VerbDNDOn, VerbDNDOff, VerbCancelForward:
	}
	return nil
}

func checkMode(mode WorkMode, allowed ...WorkMode) error {
	if mode == "" || slices.Contains(allowed, mode) {
		return nil
	}
	names := make([]string, 0, len(allowed))
	for _, m := range allowed {
		names = append(names, string(m))
	}
	return &FieldError{Field: "workMode", Rule: "must be one of " + strings.Join(names, ", ")}
}

func (r *Registry) checkReason(reason string) error {
	if reason != "" && len(r.policy.Reasons) > 0 && !slices.Contains(r.policy.Reasons, reason) {
		return &FieldError{Field: "reason", Rule: "must be one of " + strings.Join(r.policy.Reasons, ", ")}
	}
	return plainReason(reason)
}

func plainReason(reason string) error {
	if len(reason) > maxReason || !utf8.ValidString(reason) || strings.ContainsFunc(reason, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return &FieldError{Field: "reason", Rule: fmt.Sprintf("must be at most %d bytes of valid UTF-8 without control characters", maxReason)}
	}
	return nil
}
