package agent

import (
	"slices"
	"time"
)

// dn is one DN; guarded by Registry.mu.
type dn struct {
	number   string
	maxCalls int
	online   map[string]bool // servers that a phone is registered at
	since    time.Time       // of the present service state
	calls    []call          // in the order in which they came

	status      Status
	dnd         bool
	forward     string
	lastCallEnd time.Time
	wrapDue     bool        // a call that counts has ended, and others go on
	timer       *time.Timer // of after-call work, nil when none runs
	absent      time.Time   // since when nobody was seen there, zero while somebody is
}

// call is a call of a DN.
type call struct {
	id    string
	phase phase
	kind  CallKind
	wraps bool // it counts for after-call work
}

// phase is how far a DN is in a call.
type phase int

const (
	offered   phase = iota // to the DN, by somebody else
	initiated              // by the DN
	talking
	held
)

func (d *dn) inService() bool { return len(d.online) > 0 }

func (d *dn) find(id string) *call {
	i := slices.IndexFunc(d.calls, func(c call) bool { return c.id == id })
	if i < 0 {
		return nil
	}
	return &d.calls[i]
}

// add counts a call, once.
func (d *dn) add(id string, p phase) {
	if d.find(id) == nil {
		d.calls = append(d.calls, call{id: id, phase: p})
	}
}

func (d *dn) remove(id string) {
	d.calls = slices.DeleteFunc(d.calls, func(c call) bool { return c.id == id })
}

func (d *dn) activity() Activity {
	all := make([]Activity, len(d.calls))
	for i, c := range d.calls {
		all[i] = c.activity()
	}
	return Foremost(all)
}

func (c *call) activity() Activity {
	switch c.phase {
	case offered:
		return ReceivingCall
	case initiated:
		return InitiatingCall
	case held:
		return CallOnHold
	case talking:
	}
	return Handling(c.kind)
}

func (d *dn) view() View {
	v := View{
		Number: d.number, InService: d.inService(), Since: d.since, Calls: len(d.calls), Agent: d.status,
		DND: d.dnd, Forward: d.forward, Activity: d.activity(), LastCallEnd: d.lastCallEnd,
	}
	v.Reserved = d.status.State != LoggedOut && slices.ContainsFunc(d.calls, func(c call) bool { return c.phase == offered })
	if d.status.State == Ready {
		v.ReadySince = d.status.Since
		if d.lastCallEnd.After(v.ReadySince) {
			v.ReadySince = d.lastCallEnd
		}
	}
	return v
}
