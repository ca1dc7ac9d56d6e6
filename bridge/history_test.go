package bridge

import (
	"encoding/json"
	"fmt"
)

// checkHistory holds the events of all interactions against what every client may count on.
func checkHistory(events []Event) []string {
	var list []string
	seen := map[string]string{}
	last := map[InteractionID]Event{}
	type seat struct {
		id    InteractionID
		party PartyID
	}
	began, ended := map[seat]bool{}, map[seat]bool{}
	for _, e := range events {
		wrong := func(why string) { list = append(list, fmt.Sprintf("%s %s at %s: %s", e.ID, e.Kind, e.This.DN, why)) }
		text, _ := json.Marshal(e)
		if old, again := seen[e.ID]; again {
			if old != string(text) {
				wrong("published again, but not the same")
			}
			continue
		}
		seen[e.ID] = string(text)
		if e.Call.Interaction == "" { // about the order of a supervisor
			continue
		}
		before, known := last[e.Call.Interaction]
		if e.N != before.N+1 {
			wrong(fmt.Sprintf("comes after %d", before.N))
		}
		if known && (before.Call.ConnID != e.Call.ConnID || before.Call.ID != e.Call.ID) {
			wrong("has other ids than before")
		}
		last[e.Call.Interaction] = e
		who := seat{e.Call.Interaction, e.This.ID}
		if e.Kind == EventCallChanged {
			continue
		}
		if ended[who] {
			wrong("comes after the terminal event")
		}
		switch e.Kind {
		case EventDialing, EventRinging:
			began[who] = true
		case EventReleased, EventAbandoned, EventError:
			ended[who] = true
		case EventNetworkReached, EventDestinationBusy, EventEstablished, EventHeld, EventRetrieved, EventPartyChanged,
			EventPartyAdded, EventPartyDeleted, EventPrivateInfo, EventCallChanged:
			if !began[who] {
				wrong("comes before Dialing or Ringing")
			}
		}
	}
	for who := range began {
		if !ended[who] {
			list = append(list, fmt.Sprintf("party %d of %s never saw the end", who.party, who.id))
		}
	}
	return list
}
