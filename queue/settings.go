package queue

import (
	"time"

	"sidecar/bridge"
)

// Levels are skills with their levels.
type Levels map[string]int

// Settings are those of one queue. Durations of 0 turn off what they are for.
type Settings struct {
	Name         string
	Number       string // of the route point
	External     bool   // a program decides, not we
	Within       time.Duration
	Default      Exit // of an external queue, when nobody has decided within that time
	Agents       map[string]bool
	Skills       Levels
	RelaxAfter   time.Duration // the levels fall by 1 each time a call has waited this long
	Base         int           // priority
	ByNumber     map[string]int
	RaiseEvery   time.Duration
	RingTimeout  time.Duration
	Announce     Announce
	Open         func(time.Time) bool // nil: always
	Closed       Exit
	Overflow     Overflow
	Callback     CallbackOffer
	ServiceLevel time.Duration
	Class        string // of the dial rules
}

// Exit is where a call goes that leaves the queue: to a number, or after a message nowhere. The zero value hangs up.
type Exit struct {
	To      string
	Message string // sound
}

// Announce is what callers are told. Sounds that are empty are left out.
type Announce struct {
	Every    time.Duration
	Position bool
	WaitTime bool

	Next, ThereAre, CallsWaiting, HoldTime, Minutes, Thanks string
}

// Overflow says when calls go elsewhere.
type Overflow struct {
	After    time.Duration
	Waiting  int
	NoAgents bool
	To       string
}

// CallbackOffer is the offer to be called back. After 0 there is none.
type CallbackOffer struct {
	After            time.Duration
	Prompt, Accepted string
	Attempts         int
	Pause, Lifetime  time.Duration
}

// priority is that of a call to a number which has waited so long.
func (s *Settings) priority(dnis string, waited time.Duration) int {
	p := s.Base + s.ByNumber[dnis]
	if s.RaiseEvery > 0 && waited > 0 {
		p += int(waited / s.RaiseEvery)
	}
	return p
}

// serves reports whether an agent with these skills may take a call that has waited so long.
func (s *Settings) serves(a Agent, has Levels, waited time.Duration) bool {
	if len(s.Agents) > 0 && !s.Agents[string(a.DN)] && !s.Agents[a.ID] {
		return false
	}
	relaxed := 0
	if s.RelaxAfter > 0 && waited > 0 {
		relaxed = int(waited / s.RelaxAfter)
	}
	for skill, level := range s.Skills {
		if has[skill] < level-relaxed {
			return false
		}
	}
	return true
}

// open reports whether new calls may wait.
func (s *Settings) open(now time.Time) bool { return s.Open == nil || s.Open(now) }

// skillsOf finds an agent's levels: those of the agent, else those of the DN.
func skillsOf(all map[string]Levels, id string, dn bridge.DN) Levels {
	if levels, ok := all[id]; ok && id != "" {
		return levels
	}
	return all[string(dn)]
}
