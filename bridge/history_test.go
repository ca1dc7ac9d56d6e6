package bridge

import (
	"encoding/json"
	"fmt"
)

// history holds the events of all interactions against what every client may count on.
type history struct {
	wrong []string
	seen  map[string]string
	last  map[InteractionID]int
	conns map[CallID]ConnID
	open  map[seat]bool // a DN that was told of a call, and not of its end
}

// seat is a DN in a call, by the id that its desktop keeps the call under.
type seat struct {
	dn   DN
	conn ConnID
}

func checkHistory(events []Event) []string {
	h := &history{seen: map[string]string{}, last: map[InteractionID]int{}, conns: map[CallID]ConnID{}, open: map[seat]bool{}}
	for _, e := range events {
		h.take(e)
	}
	for who := range h.open {
		h.wrong = append(h.wrong, fmt.Sprintf("%s never saw the end of %s", who.dn, who.conn))
	}
	return h.wrong
}

func (h *history) take(e Event) {
	complain := func(why string) {
		h.wrong = append(h.wrong, fmt.Sprintf("%s %s at %s: %s", e.ID, e.Kind, e.This.DN, why))
	}
	text, _ := json.Marshal(e)
	if old, again := h.seen[e.ID]; again {
		if old != string(text) {
			complain("published again, but not the same")
		}
		return
	}
	h.seen[e.ID] = string(text)
	if e.Call.Interaction == "" { // about the order of a supervisor
		return
	}
	if before := h.last[e.Call.Interaction]; e.N != before+1 {
		complain(fmt.Sprintf("comes after %d", before))
	}
	h.last[e.Call.Interaction] = e.N
	if conn, known := h.conns[e.Call.ID]; known && conn != e.Call.ConnID {
		complain("has another ConnID than before")
	}
	h.conns[e.Call.ID] = e.Call.ConnID
	if e.Kind == EventCallChanged || e.This.ID == 0 { // which is a route point's
		return
	}
	who := seat{e.This.DN, e.Call.ConnID}
	switch e.Kind {
	case EventDialing, EventRinging:
		if h.open[who] {
			complain("begins twice")
		}
		h.open[who] = true
		return
	case EventPartyChanged: // the desktop moves its entry from the old id to the new one
		if old := (seat{who.dn, e.PreviousConnID}); h.open[old] && e.PreviousConnID != e.Call.Parent {
			delete(h.open, old)
			h.open[who] = true
		}
	case EventError:
		if e.This.State != PartyReleased {
			break
		}
		delete(h.open, who)
		return
	default:
	}
	if !h.open[who] {
		complain("comes before Dialing or Ringing, or after the end")
	}
	if e.Kind == EventReleased || e.Kind == EventAbandoned {
		delete(h.open, who)
	}
}
