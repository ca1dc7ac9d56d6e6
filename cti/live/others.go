package live

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"sidecar/agent"
	"sidecar/bridge"
	"sidecar/internal/backoff"
)

// listen takes what others tell until ctx ends.
func (s *State) listen(ctx context.Context) {
	pause := backoff.New(backoff.Policy{Min: pace, Max: beat})
	for ctx.Err() == nil {
		first := true
		err := s.o.Store.Watch(ctx, func(entries []Entry) {
			s.take(entries, first)
			if first {
				pause.Reset()
			}
			first = false
		})
		if ctx.Err() == nil {
			s.o.Logger.Debug("live state can't be watched, trying again", "error", err)
		}
		_ = backoff.Sleep(ctx, pause.Next()) // the loop looks at ctx
	}
}

func (s *State) take(entries []Entry, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if first { // they are all there are: what is not among them has gone meanwhile
		for _, o := range s.others {
			o.calls, o.dns = map[string]bridge.CallView{}, map[string]agent.View{}
		}
		s.stock = stock{all: true, twin: s.stock.twin}
	}
	alone := len(s.livingLocked()) == 0
	for i := range entries {
		if entries[i].Node == s.o.Node {
			s.ownLocked(&entries[i], first)
		} else {
			s.otherLocked(&entries[i], first)
		}
	}
	if first || alone && len(s.livingLocked()) > 0 {
		s.nudge()
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

// ownLocked looks at what goes by our name: what an earlier run or a twin has left, and signs of life that aren't ours.
func (s *State) ownLocked(e *Entry, first bool) {
	var l lease
	switch {
	case len(e.Value) == 0:
	case e.Kind == KindLease && !first && json.Unmarshal(e.Value, &l) == nil && l.Instance != s.instance:
		if !s.twinLocked() {
			s.o.Logger.Error("another sidecar that shares the feed has our node", "node", s.o.Node)
		}
		s.twin, s.stock.twin = time.Now(), true
	case e.Kind != KindLease: // those that we have told, too: tell knows them
		if s.stock.keys == nil {
			s.stock.keys = map[key]bool{}
		}
		s.stock.keys[key{e.Kind, e.ID}] = true
	}
}

func (s *State) otherLocked(e *Entry, first bool) {
	if e.Kind == KindLease && len(e.Value) == 0 { // the last of a sidecar's entries to go
		delete(s.others, e.Node)
		return
	}
	o := s.others[e.Node]
	if o == nil {
		o = &other{calls: map[string]bridge.CallView{}, dns: map[string]agent.View{}}
		s.others[e.Node] = o
	}
	var err error
	switch {
	case e.Kind == KindLease:
		var l lease
		if err = json.Unmarshal(e.Value, &l); err == nil {
			o.heard, o.at = time.Now(), l.At
			if first && e.Written.Before(o.heard) { // that of a sidecar that died long ago, for example
				o.heard = e.Written
			}
		}
	case e.Kind == KindCall && len(e.Value) == 0:
		delete(o.calls, e.ID)
	case e.Kind == KindCall:
		var c bridge.CallView
		if err = json.Unmarshal(e.Value, &c); err == nil {
			o.calls[e.ID] = c
		}
	case e.Kind == KindDN && len(e.Value) == 0:
		delete(o.dns, e.ID)
	case e.Kind == KindDN:
		var v agent.View
		if err = json.Unmarshal(e.Value, &v); err == nil {
			o.dns[e.ID] = v
		}
	}
	if err != nil {
		s.o.Logger.Warn("live state of another sidecar is left out", "node", e.Node, "kind", e.Kind, "error", err)
	}
}

// livingLocked are the others whose lease has not ended, by name.
func (s *State) livingLocked() []string {
	var names []string
	for name, o := range s.others {
		if time.Since(o.heard) < leaseFor {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Nodes are the other sidecars that live.
func (s *State) Nodes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.livingLocked()
}

// await waits until the others have told what led to the events that were handed out here. One that died in between
// does not, hence the bound.
func (s *State) await() {
	seen := s.o.Feed.Nodes()
	timeout := time.NewTimer(catchUp)
	defer timeout.Stop()
	for {
		s.mu.Lock()
		behind := slices.ContainsFunc(s.livingLocked(), func(name string) bool { return s.others[name].at < seen[name] })
		changed := s.changed
		s.mu.Unlock()
		if !behind {
			return
		}
		select {
		case <-changed:
		case <-timeout.C:
			return
		}
	}
}

// Calls implements cti.Snapshotter.
func (s *State) Calls() []bridge.CallView {
	s.await()
	calls := s.o.Local.Calls()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range s.livingLocked() {
		for id := range s.others[name].calls {
			calls = append(calls, s.others[name].calls[id])
		}
	}
	return calls
}

// DNs implements cti.Snapshotter. A DN that several sidecars know is shown as the one tells it where its phone is, or its
// agent.
func (s *State) DNs() []agent.View {
	s.await()
	byNumber := map[string]agent.View{}
	for _, v := range s.o.Local.DNs() {
		byNumber[v.Number] = v
	}
	s.mu.Lock()
	for _, name := range s.livingLocked() {
		for number, v := range s.others[name].dns {
			known, ok := byNumber[number]
			if !ok || weight(&v) > weight(&known) {
				byNumber[number] = v
			}
		}
	}
	s.mu.Unlock()
	views := make([]agent.View, 0, len(byNumber))
	for _, v := range byNumber {
		views = append(views, v)
	}
	slices.SortFunc(views, func(a, b agent.View) int { return cmp.Compare(a.Number, b.Number) })
	return views
}

func weight(v *agent.View) int {
	w := 0
	if v.InService {
		w += 2
	}
	if v.Agent.State != agent.LoggedOut && v.Agent.State != "" {
		w++
	}
	return w
}

// Elsewhere gives the calls that the other sidecars run, with the node of each, in no order. It does not wait for what they have
// yet to tell.
func (s *State) Elsewhere(yield func(node string, call bridge.CallView) bool) {
	type found struct {
		node string
		call bridge.CallView
	}
	var all []found
	s.mu.Lock()
	for _, name := range s.livingLocked() {
		for id := range s.others[name].calls {
			all = append(all, found{name, s.others[name].calls[id]})
		}
	}
	s.mu.Unlock()
	for i := range all {
		if !yield(all[i].node, all[i].call) {
			return
		}
	}
}
