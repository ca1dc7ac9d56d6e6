package agent

import (
	"slices"
	"time"
)

// Policy is how agents work. The zero value has no after-call work, leaves agents ready who don't answer, and logs
// nobody out.
type Policy struct {
	WrapUp      time.Duration // after-call work after a call that counts; 0: only for who works ManualIn
	WrapUpKinds []CallKind    // calls that count
	NoAnswer    State         // of an agent who let a call ring out: NotReady, LoggedOut, or empty for no change
	Reason      string        // given with NoAnswer, empty: ReasonNoAnswer
	Absence     time.Duration // without phone, desktop and call for so long: logged out; 0: never
	Reasons     []string      // that NotReady may give, besides none; empty: any
}

func (p Policy) wraps(kind CallKind) bool { return slices.Contains(p.WrapUpKinds, kind) }

func (p Policy) noAnswer(at time.Time) Input {
	reason := p.Reason
	if reason == "" {
		reason = ReasonNoAnswer
	}
	return Input{Kind: InputNoAnswer, At: at, Then: p.NoAnswer, Reason: reason}
}
