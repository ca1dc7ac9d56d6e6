package config

import (
	"fmt"
	"strings"
	"time"
)

// What becomes of an agent who lets a call ring out.
const (
	NoAnswerNotReady  = "not_ready"
	NoAnswerLoggedOut = "logged_out"
	NoAnswerUnchanged = "unchanged"
)

// Kinds of calls that after-call work may follow.
const (
	CallInbound  = "inbound"
	CallInternal = "internal"
	CallOutbound = "outbound"
	CallConsult  = "consult"
)

// Agents is how agents work.
type Agents struct {
	WrapUp         time.Duration `mapstructure:"wrap_up"`          // after-call work; 0: none, but for who ends it by hand (ManualIn)
	WrapUpAfter    []string      `mapstructure:"wrap_up_after"`    // inbound, internal, outbound, consult
	NoAnswer       string        `mapstructure:"no_answer"`        // not_ready | logged_out | unchanged: who let a call ring out
	NoAnswerReason string        `mapstructure:"no_answer_reason"` // given with it
	AbsenceLogout  time.Duration `mapstructure:"absence_logout"`   // without phone, desktop and call for so long; 0: never
	Reasons        []string      `mapstructure:"reasons"`          // of not ready; empty: any
}

func defaultAgents() Agents {
	return Agents{
		WrapUpAfter: []string{CallInbound}, NoAnswer: NoAnswerNotReady, NoAnswerReason: "no_answer",
		AbsenceLogout: 10 * time.Minute, Reasons: []string{},
	}
}

const (
	maxWrapUp = 4 * time.Hour // as much as an agent may ask for
	maxReason = 64
)

func (c *checker) agents() {
	a := &c.cfg.Agents
	if a.WrapUp < 0 || a.WrapUp > maxWrapUp {
		c.add("agents.wrap_up", a.WrapUp.String(), "must be from 0s, for none, to 4h")
	}
	for i, kind := range a.WrapUpAfter {
		c.oneOf(indexed("agents.wrap_up_after", i), kind, CallInbound, CallInternal, CallOutbound, CallConsult)
	}
	c.oneOf("agents.no_answer", a.NoAnswer, NoAnswerNotReady, NoAnswerLoggedOut, NoAnswerUnchanged)
	c.reason("agents.no_answer_reason", a.NoAnswerReason)
	if a.AbsenceLogout != 0 && a.AbsenceLogout < time.Second {
		c.add("agents.absence_logout", a.AbsenceLogout.String(), "must be 0s, for never, or 1s at least")
	}
	for i, reason := range a.Reasons {
		c.reason(indexed("agents.reasons", i), reason)
	}
}

func (c *checker) reason(key, value string) {
	if value == "" || len(value) > maxReason || strings.ContainsFunc(value, isControl) {
		c.add(key, value, fmt.Sprintf("write 1 to %d bytes without control characters", maxReason))
	}
}
