package v3

import (
	"time"

	"sidecar/agent"
	"sidecar/auth"
	"sidecar/bridge"
	"sidecar/cti"
)

// ParseCommand says what is wrong with a body.
func ParseCommand(text []byte) error {
	_, err := parseCommand(text)
	return err
}

// Encode is what a desktop at the event's DN is told.
func Encode(e bridge.Event) (Notification, bool) {
	told := cti.Encode(e)
	x := encoder{switchName: "sw", operation: func(*cti.Event) string { return "op" }}
	return x.encode(&told)
}

// Completed is what follows the end of a call that its desktop puts away.
func Completed(n Notification) Notification { return completed(&n) }

// EncodeDN is what a desktop at the DN is told.
func EncodeDN(e agent.Event) Notification {
	told := cti.EncodeDN(e)
	x := encoder{switchName: "sw", operation: func(*cti.Event) string { return "" }}
	n, _ := x.encode(&told)
	return n
}

// Codes are the authorization codes.
type Codes struct{ codes }

// Issue gives a code.
func (c *Codes) Issue(redirect string, now time.Time) (string, bool) {
	return c.issue(grant{token: "t", redirect: redirect}, now)
}

// Redeem reports whether a code is good.
func (c *Codes) Redeem(code, redirect string, now time.Time) bool {
	_, ok := c.redeem(code, redirect, now)
	return ok
}

// Operations knows what events are the effects of.
type Operations struct{ operations }

// Expect says that the next such event of a call is caused by a command.
func (o *Operations) Expect(id, dn, call, event string, now time.Time) {
	o.expect(id, now, effect{user: "1", dn: dn, call: bridge.CallID(call), event: event})
}

// Cause finds the command.
func (o *Operations) Cause(e *cti.Event) string { return o.cause("1", e) }

// Tally counts.
type Tally struct{ *tally }

// NewTally counts nothing yet.
func NewTally() Tally { return Tally{newTally()} }

// Take counts an event.
func (t Tally) Take(e cti.Event) { t.take(&e) }

// Value is a figure.
func (t Tally) Value(dn, name string, now time.Time) (int, bool) { return t.value(dn, name, now) }

// Logins are the sessions.
type Logins struct{ *sessions }

// NewLogins has none.
func NewLogins(life time.Duration) Logins { return Logins{newSessions(life)} }

// Open begins a session.
func (l Logins) Open(user auth.UserID, expires, now time.Time) (id string, ok bool) {
	s, ok := l.open(user, "token", expires, now)
	if !ok {
		return "", false
	}
	return s.id, true
}

// Touch uses a session.
func (l Logins) Touch(id string, now time.Time) bool {
	_, _, ok := l.touch(id, now)
	return ok
}

// Sit gives a user a DN to work at.
func (l Logins) Sit(user auth.UserID, dn string, autoComplete bool) {
	l.sit(user, &seat{dn: dn, autoComplete: autoComplete})
}

// Sits reports whether a user works somewhere.
func (l Logins) Sits(user auth.UserID) bool {
	_, ok := l.seat(user)
	return ok
}

// AutoCompletes reports whether calls of a DN are put away for those who work there.
func (l Logins) AutoCompletes(dn string) bool { return l.autoCompletes(dn) }

// Sweep ends those that nobody uses.
func (l Logins) Sweep(now time.Time) { l.sweep(now) }

// Activities follow what DNs do.
type Activities struct{ activities }

// NewActivities knows of none.
func NewActivities() Activities { return Activities{activities{}} }

// Take gives what the DN does from the event on, if it is something else than was told.
func (a Activities) Take(e cti.Event) (agent.View, bool) { return a.take(&e) }
