package agent

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Why a DN can't take a call. Test with errors.Is.
var (
	ErrUnknownDN    = errors.New("not a DN of ours")
	ErrOutOfService = errors.New("no phone is registered on the DN")
	ErrMaxCalls     = errors.New("the DN has as many calls as it may have")
)

// Sink takes the events of all DNs; those of one DN come in order. It must not wait.
type Sink interface {
	PublishDN(e Event)
}

// Registry holds the state of every DN. Its methods return at once.
type Registry struct {
	node string
	sink Sink

	mu  sync.Mutex
	dns map[string]*dn
	n   int // events published
}

// dn is one DN; guarded by Registry.mu.
type dn struct {
	number   string
	maxCalls int
	online   map[string]bool // servers that a phone is registered at
	since    time.Time
	calls    map[string]bool
}

// NewRegistry makes a registry without DNs. Node goes into the ids of its events.
func NewRegistry(node string, sink Sink) *Registry {
	return &Registry{node: fmt.Sprintf("%s-dn-%x", node, time.Now().UnixMilli()), sink: sink, dns: map[string]*dn{}}
}

// Add makes a DN known. It begins out of service. maxCalls is how many calls it may have at once.
func (r *Registry) Add(number string, maxCalls int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dns[number] = &dn{number: number, maxCalls: maxCalls, since: time.Now(), online: map[string]bool{}, calls: map[string]bool{}}
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
	before := d.inService()
	if inService {
		d.online[server] = true
	} else {
		delete(d.online, server)
	}
	if d.inService() == before {
		return
	}
	d.since = time.Now()
	kind := OutOfService
	if inService {
		kind = InService
	}
	r.n++
	// Published under the lock: that is what keeps the events of a DN in order.
	r.sink.PublishDN(Event{ID: fmt.Sprintf("%s-%d", r.node, r.n), Time: d.since, Kind: kind, DN: d.view()})
}

// Reserve counts a call at the DN, unless it can't take one.
func (r *Registry) Reserve(number, call string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.dns[number]
	switch {
	case d == nil:
		return fmt.Errorf("%s: %w", number, ErrUnknownDN)
	case !d.inService():
		return fmt.Errorf("%s: %w", number, ErrOutOfService)
	case len(d.calls) >= d.maxCalls && !d.calls[call]:
		return fmt.Errorf("%s: %w", number, ErrMaxCalls)
	}
	d.calls[call] = true
	return nil
}

// Occupy counts a call that the DN has already.
func (r *Registry) Occupy(number, call string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d := r.dns[number]; d != nil {
		d.calls[call] = true
	}
}

// Free ends what Reserve or Occupy counted; a second time does nothing.
func (r *Registry) Free(number, call string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d := r.dns[number]; d != nil {
		delete(d.calls, call)
	}
}

// All lists the DNs by number.
func (r *Registry) All() []View {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]View, 0, len(r.dns))
	for _, d := range r.dns {
		list = append(list, d.view())
	}
	slices.SortFunc(list, func(a, b View) int { return cmp.Compare(a.Number, b.Number) })
	return list
}

func (d *dn) inService() bool { return len(d.online) > 0 }

func (d *dn) view() View {
	return View{Number: d.number, InService: d.inService(), Since: d.since, Calls: len(d.calls)}
}
