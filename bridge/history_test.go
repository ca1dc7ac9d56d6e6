package bridge

import (
	"encoding/json"
	"fmt"
)

// seat is a party of an interaction, whichever of its calls it is in.
type seat struct {
	id    InteractionID
	party PartyID
}

// history is what clients may count on, held against the events as they come.
type history struct {
	list         []string
	seen         map[string]string
	last         map[InteractionID]int
	calls        map[CallID]ConnID
	began, ended map[seat]bool
	told         map[seat]ConnID // as what a DN knows its call
	dns          map[seat]DN
}

// checkHistory holds the events of all interactions against what every client may count on.
func checkHistory(events []Event) []string {
	h := &history{
		seen: map[string]string{}, last: map[InteractionID]int{}, calls: map[CallID]ConnID{},
		began: map[seat]bool{}, ended: map[seat]bool{}, told: map[seat]ConnID{}, dns: map[seat]DN{},
	}
	for _, e := range events {
		h.check(e)
	}
	for who := range h.began {
		if !h.ended[who] {
			h.list = append(h.list, fmt.Sprintf("party %d of %s never saw the end", who.party, who.id))
		}
	}
	return h.list
}

func (h *history) check(e Event) {
	wrong := func(why string) {
		h.list = append(h.list, fmt.Sprintf("%s %s at %s: %s", e.ID, e.Kind, e.This.DN, why))
	}
	text, _ := json.Marshal(e)
	if old, again := h.seen[e.ID]; again {
		if old != string(text) {
			wrong("published again, but not the same")
		}
		return
	}
	h.seen[e.ID] = string(text)
	if e.Call.Interaction == "" { // about the order of a supervisor
		return
	}
	if before := h.last[e.Call.Interaction]; e.N != before+1 {
		wrong(fmt.Sprintf("comes after %d", before))
	}
	h.last[e.Call.Interaction] = e.N
	if known := h.calls[e.Call.ID]; known != 0 && known != e.Call.ConnID {
		wrong("has another ConnID than its call had before")
	}
	h.calls[e.Call.ID] = e.Call.ConnID
	if e.Kind == EventCallChanged || e.This.ID == 0 { // which is a route point's
		return
	}
	who := seat{e.Call.Interaction, e.This.ID}
	if h.ended[who] {
		wrong("comes after the terminal event")
	}
	switch e.Kind {
	case EventDialing, EventRinging:
		h.began[who], h.told[who], h.dns[who] = true, e.Call.ConnID, e.This.DN
	case EventReleased, EventAbandoned:
		h.ended[who] = true
	case EventError:
		h.ended[who] = e.This.State == PartyReleased
		return // of a click-to-dial it is the first and the last
	default:
	}
	if e.Kind == EventPartyChanged && !h.began[who] {
		h.moved(who, e)
	}
	if !h.began[who] {
		wrong("comes before Dialing or Ringing")
	}
	if e.Kind == EventPartyChanged && e.PreviousConnID == h.told[who] {
		h.told[who] = e.Call.ConnID
	}
	if h.told[who] != e.Call.ConnID {
		wrong(fmt.Sprintf("is of %s, and its call is %s", e.Call.ConnID, h.told[who]))
	}
}

// moved takes that a DN has another seat from now on: its call and another one, of another interaction, became one.
func (h *history) moved(who seat, e Event) {
	for old := range h.began {
		if !h.ended[old] && h.dns[old] == e.This.DN && h.told[old] == e.PreviousConnID {
			h.ended[old], h.began[who], h.told[who], h.dns[who] = true, true, e.PreviousConnID, e.This.DN
			return
		}
	}
}
