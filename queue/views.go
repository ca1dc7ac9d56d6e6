package queue

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"sidecar/bridge"
)

// View is a queue as it stands.
type View struct {
	Name      string
	Number    string
	External  bool
	Open      bool
	Waiting   int           // calls, those that are being offered too
	Longest   time.Duration // that one of them has waited
	Callbacks int           // who wait to be called back
	LoggedIn  int           // agents who serve it
	Ready     int
	Total     Figures // since they are kept
	Today     Figures
	Recent    Figures // of the last 30 minutes
}

// CallView is a call that waits.
type CallView struct {
	Call     bridge.CallView
	Since    time.Time
	Position int // from 1; callbacks count too
	Priority int
	Offered  bridge.DN // whose phone rings for it, empty: nobody's
	Last     bridge.DN // the offer that failed last, and why
	Failed   error
	Leaving  bool      // it is on its way out
	DecideBy time.Time // when it goes to the default target, of an external queue
}

// All lists the queues by name.
func (r *Router) All() []View {
	agents := r.o.Agents.LoggedIn()
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]View, 0, len(r.board.settings))
	for _, name := range slices.Sorted(maps.Keys(r.board.settings)) {
		list = append(list, r.board.view(name, agents, now))
	}
	return list
}

// View gives one queue.
func (r *Router) View(name string) (View, error) {
	agents := r.o.Agents.LoggedIn()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.board.settings[name] == nil {
		return View{}, ErrUnknownQueue
	}
	return r.board.view(name, agents, time.Now()), nil
}

// Calls lists those that wait in a queue, the next to be served first.
func (r *Router) Calls(name string) ([]CallView, error) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.board.settings[name]
	if s == nil {
		return nil, ErrUnknownQueue
	}
	place := map[string]int{}
	for i, o := range r.board.ordered(s, now) {
		place[o.key] = i + 1
	}
	var list []CallView
	for _, c := range r.board.callersInOrder() {
		if c.queue != s {
			continue
		}
		v := CallView{
			Call: c.call, Since: c.since, Position: place[string(c.call.ID)], Priority: c.candidate(now).priority,
			Offered: c.to, Last: c.last, Failed: c.why, Leaving: c.phase == leaving || c.exit != nil,
		}
		if s.External {
			v.DecideBy = c.decideBy
		}
		list = append(list, v)
	}
	slices.SortStableFunc(list, func(a, b CallView) int { return cmp.Compare(a.Position, b.Position) })
	return list, nil
}

func (b *board) view(name string, agents []Agent, now time.Time) View {
	s, l := b.settings[name], b.ledgers[name]
	v := View{
		Name: name, Number: s.Number, External: s.External, Open: s.open(now),
		Recent: l.last(now), Today: l.Today, Total: l.Total,
	}
	for _, c := range b.in(s) {
		v.Waiting++
		v.Longest = max(v.Longest, now.Sub(c.since))
	}
	for _, cb := range b.callbacks {
		if cb.Queue == name {
			v.Callbacks++
		}
	}
	for _, a := range agents {
		if !s.serves(a, skillsOf(b.skills, a.ID, a.DN), 0) {
			continue
		}
		v.LoggedIn++
		if a.Ready {
			v.Ready++
		}
	}
	return v
}
