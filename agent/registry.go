package agent

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Registry holds the state of every DN and of the agents on them. Its methods return at once.
type Registry struct {
	node   string
	sink   Sink
	policy Policy // constant once DNs are there

	work sync.WaitGroup // timers that run

	mu     sync.Mutex
	dns    map[string]*dn
	agents map[string]*dn // by agent, without regard to case
	n      int            // events published
	closed bool
}

// NewRegistry makes a registry without DNs and with the zero Policy. Node goes into the ids of its events.
func NewRegistry(node string, sink Sink) *Registry {
	return &Registry{
		node: fmt.Sprintf("%s-dn-%x", node, time.Now().UnixMilli()), sink: sink, dns: map[string]*dn{}, agents: map[string]*dn{},
	}
}

// SetPolicy says how agents work. It comes before Restore and all use.
func (r *Registry) SetPolicy(p Policy) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.policy = p
}

// Add makes a DN known. It begins out of service, with nobody logged in. maxCalls is how many calls it may have at once.
func (r *Registry) Add(number string, maxCalls int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	r.dns[number] = &dn{
		number: number, maxCalls: maxCalls, since: now, online: map[string]bool{},
		status: Status{State: LoggedOut, Since: now},
	}
}

// Close stops the timers and waits for those that run. What is asked for afterwards is still done, but nothing ends by
// time any more.
func (r *Registry) Close() {
	r.mu.Lock()
	r.closed = true
	for _, d := range r.dns {
		r.disarm(d)
	}
	r.mu.Unlock()
	r.work.Wait()
}

// SetService takes the registration state that a DN's phone has at one server. The DN is in service while a phone is
// registered at any of them. Numbers that are no DNs are ignored, since a switch has other endpoints too. What
// changes nothing for the DN is no event.
func (r *Registry) SetService(server, number string, inService bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.dns[number]
	if d == nil {
		return
	}
	r.change(d, func(now time.Time) []EventKind {
		before := d.inService()
		if inService {
			d.online[server] = true
		} else {
			delete(d.online, server)
		}
		if d.inService() == before {
			return nil
		}
		d.since = now
		if inService {
			return []EventKind{InService}
		}
		return []EventKind{OutOfService}
	})
}

// Servers are those that a phone of the DN is registered at, sorted.
func (r *Registry) Servers(number string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d := r.dns[number]; d != nil {
		return slices.Sorted(maps.Keys(d.online))
	}
	return nil
}

// All lists the DNs by number.
func (r *Registry) All() []View { return r.list(func(*dn) bool { return true }) }

// LoggedIn lists the DNs where an agent is logged in, by number.
func (r *Registry) LoggedIn() []View {
	return r.list(func(d *dn) bool { return d.status.State != LoggedOut })
}

func (r *Registry) list(wanted func(*dn) bool) []View {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := []View{}
	for _, d := range r.dns {
		if wanted(d) {
			list = append(list, d.view())
		}
	}
	slices.SortFunc(list, func(a, b View) int { return cmp.Compare(a.Number, b.Number) })
	return list
}

// View gives one DN, and false for a number that is none.
func (r *Registry) View(number string) (View, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.dns[number]
	if d == nil {
		return View{}, false
	}
	return d.view(), true
}

// AgentOf is who is logged in on the DN, empty if nobody is.
func (r *Registry) AgentOf(number string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d := r.dns[number]; d != nil {
		return d.status.AgentID
	}
	return ""
}

// change is the one door through which a DN changes: it publishes what fn names, and what only shows. The lock is held.
func (r *Registry) change(d *dn, fn func(now time.Time) []EventKind) {
	now := time.Now()
	before := d.view()
	kinds := fn(now)
	r.arm(d, now)
	after := d.view()
	r.index(d, before.Agent.AgentID)
	if after.Reserved && !before.Reserved {
		kinds = append(kinds, Reserved)
	}
	if len(kinds) == 0 && after != before {
		kinds = []EventKind{ActivityChanged}
	}
	for _, kind := range kinds {
		e := Event{Time: now, Kind: kind, AgentID: after.Agent.AgentID, DN: after}
		if kind == Logout {
			e.AgentID = before.Agent.AgentID
		}
		r.n++
		e.ID = fmt.Sprintf("%s-%d", r.node, r.n)
		r.sink.PublishDN(e)
	}
}

// index keeps the way from an agent to the DN.
func (r *Registry) index(d *dn, before string) {
	if before == d.status.AgentID {
		return
	}
	if before != "" {
		delete(r.agents, strings.ToLower(before))
	}
	if d.status.AgentID != "" {
		r.agents[strings.ToLower(d.status.AgentID)] = d
	}
}

// arm lets the timer of after-call work fit the state.
func (r *Registry) arm(d *dn, now time.Time) {
	r.disarm(d)
	if r.closed || d.status.State != AfterCallWork || d.status.Until.IsZero() {
		return
	}
	until := d.status.Until
	r.work.Add(1)
	d.timer = time.AfterFunc(until.Sub(now), func() {
		defer r.work.Done()
		r.timeout(d, until)
	})
}

func (r *Registry) disarm(d *dn) {
	if d.timer != nil && d.timer.Stop() {
		r.work.Done()
	}
	d.timer = nil
}

// timeout ends after-call work, unless it was extended or left meanwhile.
func (r *Registry) timeout(d *dn, until time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || !d.status.Until.Equal(until) {
		return
	}
	r.change(d, func(now time.Time) []EventKind { return d.next(Input{Kind: InputTimeout, At: now}) })
}

// next runs the machine with an input that no state refuses.
func (d *dn) next(in Input) []EventKind {
	status, kinds, err := Next(d.status, in)
	if err != nil {
		return nil
	}
	d.status = status
	return kinds
}
