package v3

import (
	"sync"
	"time"

	"sidecar/bridge"
	"sidecar/cti"
)

// operationLife is how long the event that a command causes may take: a phone has to answer, or to hold.
const operationLife = 30 * time.Second

// operations remembers which command of a desktop an event is the effect of, where the event itself does not say: agents'
// commands carry no id, and what a phone does comes as a fact. The zero value is ready.
type operations struct {
	mu   sync.Mutex
	list map[effect]operation
}

// effect is what a command leads to.
type effect struct {
	user  string // who gave the command
	dn    string
	call  bridge.CallID // empty: about the agent or the DN
	event string
}

type operation struct {
	id    string
	at    time.Time
	event string // id of the event that it was found to be the cause of
}

// expect says that the next such event is the effect of a command.
func (o *operations) expect(id string, now time.Time, effects ...effect) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.list == nil {
		o.list = map[effect]operation{}
	}
	for known, op := range o.list {
		if now.Sub(op.at) > operationLife {
			delete(o.list, known)
		}
	}
	for _, e := range effects {
		o.list[e] = operation{id: id, at: now}
	}
}

// cause finds the command of a user. Several desktops ask about the same event, so it is only taken by another event.
func (o *operations) cause(user string, e *cti.Event) string {
	if e.Snapshot {
		return ""
	}
	of := effect{user: user, dn: string(e.DN), event: string(e.Kind())}
	if e.Call != nil {
		of.call = e.Call.ID
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	op, found := o.list[of]
	if !found || op.event != "" && op.event != e.ID || e.Time.Sub(op.at) > operationLife {
		return ""
	}
	op.event = e.ID
	o.list[of] = op
	return op.id
}
