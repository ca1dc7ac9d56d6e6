package cti

import (
	"time"

	"sidecar/bridge"
)

// Ended gives the last words about calls that the feed still has and that are younger than since: a client whose
// session is gone, with it the events in between, and that names no cursor learns by them that a call it knows has
// ended. Clients that know them already tell by the event id.
func (f *Feed) Ended(since time.Time, wants Filter) []*Entry {
	f.mu.Lock()
	entries := f.ring.after(f.ring.floor)
	f.mu.Unlock()
	var out []*Entry
	for _, e := range entries {
		if terminal(&e.Event) && e.Event.Time.After(since) && wants(&e.Event) {
			out = append(out, e)
		}
	}
	return out
}

func terminal(e *Event) bool {
	switch e.Name {
	case string(bridge.EventReleased), string(bridge.EventAbandoned):
		return true
	default:
		return false
	}
}
