package v3

import (
	"sync"
	"time"

	"sidecar/agent"
	"sidecar/bridge"
	"sidecar/cti"
)

// tally counts what the agents' DNs have done since midnight. It is fed with every event, in order.
type tally struct {
	mu  sync.Mutex
	day time.Time // its beginning
	dns map[string]*dnTally
}

// dnTally is what one DN has done.
type dnTally struct {
	calls   map[bridge.CallType]int // that were answered
	spent   map[string]time.Duration
	state   string // Ready, NotReady, AfterCallWork, LoggedOut
	since   time.Time
	open    map[bridge.CallID]*openCall
	served  int           // calls that were answered and have ended
	handled time.Duration // in those
}

// openCall is a call that the DN is in.
type openCall struct {
	state    cti.CallState
	since    time.Time
	answered time.Time
}

const (
	spentTalking = "Talk"
	spentHolding = "Hold"
)

func newTally() *tally { return &tally{dns: map[string]*dnTally{}} }

// take counts an event.
func (t *tally) take(e *cti.Event) {
	if e.Topic != cti.TopicAgent || e.DN == "" || e.Snapshot {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn(e.Time.Time)
	d := t.dn(string(e.DN), e.Time.Time)
	if e.DNState != nil || e.Agent != nil {
		state := agent.LoggedOut
		if e.Agent != nil && e.Name != string(agent.Logout) {
			state = e.Agent.State
		}
		d.change(string(state), e.Time.Time)
		return
	}
	if e.Call != nil {
		d.call(e)
	}
}

// turn begins a new day: what lasts is counted from midnight on.
func (t *tally) turn(now time.Time) {
	year, month, day := now.Local().Date()
	midnight := time.Date(year, month, day, 0, 0, 0, 0, time.Local) //nolint:gosmopolitan // the day of those who work here
	if !midnight.After(t.day) {
		return
	}
	t.day = midnight
	for _, d := range t.dns {
		d.calls, d.spent, d.served, d.handled = map[bridge.CallType]int{}, map[string]time.Duration{}, 0, 0
		d.since = midnight
		for _, c := range d.open {
			c.since = midnight
		}
	}
}

func (t *tally) dn(number string, now time.Time) *dnTally {
	d := t.dns[number]
	if d == nil {
		d = &dnTally{
			calls: map[bridge.CallType]int{}, spent: map[string]time.Duration{}, open: map[bridge.CallID]*openCall{},
			state: string(agent.LoggedOut), since: now,
		}
		t.dns[number] = d
	}
	return d
}

func (d *dnTally) change(state string, now time.Time) {
	d.spent[d.state] += span(d.since, now)
	d.state, d.since = state, now
}

func (d *dnTally) call(e *cti.Event) {
	now := e.Time.Time
	c := d.open[e.Call.ID]
	if c == nil {
		if e.Call.State == cti.StateReleased {
			return
		}
		c = &openCall{since: now}
		d.open[e.Call.ID] = c
	}
	d.spent[c.spending()] += span(c.since, now)
	c.since = now
	if e.Call.State == cti.StateEstablished && c.answered.IsZero() {
		c.answered = now
		d.calls[e.Call.Type]++
	}
	c.state = e.Call.State
	if c.state == cti.StateReleased {
		if !c.answered.IsZero() {
			d.served++
			d.handled += span(c.answered, now)
		}
		delete(d.open, e.Call.ID)
	}
}

// spending is what the time in the call counts as.
func (c *openCall) spending() string {
	switch c.state {
	case cti.StateEstablished:
		return spentTalking
	case cti.StateHeld:
		return spentHolding
	case cti.StateDialing, cti.StateRinging, cti.StateReleased:
	}
	return ""
}

func span(from, to time.Time) time.Duration { return max(0, to.Sub(from)) }

// value is a statistic of a DN at a time; false for a name that is none.
func (t *tally) value(number, name string, now time.Time) (value int, known bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn(now)
	d := t.dns[number]
	if d == nil {
		d = &dnTally{}
	}
	switch name {
	case "InboundCalls":
		return d.calls[bridge.CallInbound], true
	case "OutboundCalls":
		return d.calls[bridge.CallOutbound], true
	case "InternalCalls":
		return d.calls[bridge.CallInternal], true
	case "ConsultCalls":
		return d.calls[bridge.CallConsult], true
	case "TotalCalls":
		total := 0
		for _, n := range d.calls {
			total += n
		}
		return total, true
	case "ReadyDuration":
		return d.seconds(string(agent.Ready), now), true
	case "NotReadyDuration":
		return d.seconds(string(agent.NotReady), now), true
	case "AfterCallWorkDuration":
		return d.seconds(string(agent.AfterCallWork), now), true
	case "TalkDuration":
		return d.seconds(spentTalking, now), true
	case "HoldDuration":
		return d.seconds(spentHolding, now), true
	case "AverageHandlingTime":
		if d.served == 0 {
			return 0, true
		}
		return int(d.handled / time.Duration(d.served) / time.Second), true
	}
	return 0, false
}

// seconds is the time spent, what lasts included.
func (d *dnTally) seconds(at string, now time.Time) int {
	total := d.spent[at]
	if d.state == at && !d.since.IsZero() {
		total += span(d.since, now)
	}
	for _, c := range d.open {
		if c.spending() == at {
			total += span(c.since, now)
		}
	}
	return int(total / time.Second)
}
