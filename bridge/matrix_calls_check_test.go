package bridge

import (
	"errors"
	"fmt"
	"slices"
)

// checkEvents holds each event against what its DN was told before.
func (t *tour) checkEvents(m *place, before int) {
	if m.state.Events == before {
		return
	}
	for i, e := range m.state.Outbox {
		id := e.This.ID
		wrong := func(why string) { t.fail(*m, fmt.Sprintf("%s at %s: %s", e.Kind, e.This.DN, why)) }
		if e.N != before+i+1 {
			wrong(fmt.Sprintf("is numbered %d instead of %d", e.N, before+i+1))
		}
		if e.Kind == EventCallChanged {
			continue
		}
		if m.ended[id] {
			wrong("comes after the terminal event")
		}
		if e.Call.Parent != 0 && e.PreviousConnID == 0 {
			wrong("is of a consultation and says not of which")
		}
		begins := e.Kind == EventDialing || e.Kind == EventRinging
		switch {
		case begins && m.begun[id]:
			wrong("begins again")
		case begins:
			m.begun[id] = true
		case !m.begun[id]:
			wrong("comes before Dialing or Ringing")
		case e.Kind == EventPartyChanged && e.PreviousConnID != 0 && e.PreviousConnID != e.Call.Parent:
			if m.told[id] != e.PreviousConnID {
				wrong(fmt.Sprintf("says that its call was %s, and it was %s", e.PreviousConnID, m.told[id]))
			}
		case m.told[id] != e.Call.ConnID:
			wrong(fmt.Sprintf("is of %s, and its call is %s", e.Call.ConnID, m.told[id]))
		}
		m.told[id] = e.Call.ConnID
		switch e.Kind {
		case EventReleased, EventAbandoned, EventError:
			if e.This.State != PartyReleased && e.Kind != EventError {
				wrong("shows it as " + string(e.This.State))
			}
			m.ended[id] = e.This.State == PartyReleased
		case EventHeld:
			if e.This.State != PartyHeld {
				wrong("shows it as " + string(e.This.State))
			}
		case EventEstablished, EventRetrieved:
			if e.This.State != PartyEstablished {
				wrong("shows it as " + string(e.This.State))
			}
		default:
		}
	}
}

// checkEffects lets nothing be done to what is gone, and each command be answered once.
func (t *tour) checkEffects(m *place, before Interaction, effects []Effect) {
	for _, e := range effects {
		var channels []ChannelID
		switch e := e.(type) {
		case Reply:
			if e.Token != 0 && !m.pending[e.Token] {
				t.fail(*m, fmt.Sprintf("token %d is answered twice", e.Token))
			}
			delete(m.pending, e.Token)
		case JoinLegs:
			channels = e.Channels
			m.queue = append(m.queue, e)
		case LeaveLegs:
			channels = e.Channels
			m.queue = append(m.queue, e)
		case PlayMusic:
			m.music[e.Bridge.ID] = e.On
		case DestroyBridge:
			delete(m.music, e.Bridge.ID)
			m.queue = append(m.queue, e)
		case DialLeg:
			channels = []ChannelID{e.Channel}
		case AnswerLeg:
			channels = []ChannelID{e.Channel}
		case RingLeg:
			channels = []ChannelID{e.Channel}
		case MuteLeg:
			channels = []ChannelID{e.Channel}
		case SendDigits:
			channels = []ChannelID{e.Channel}
		case ReferLeg:
			channels = []ChannelID{e.Channel}
		default:
		}
		for _, id := range channels {
			was, is := before.byChannel(id), m.state.byChannel(id)
			if id.ID == "" || (was == nil || !was.Leg.alive()) && (is == nil || !is.Leg.alive()) {
				t.fail(*m, fmt.Sprintf("%s for %q, which is gone", effectName(e), id.ID))
			}
		}
	}
}

// checkState holds what is true of every state.
func (t *tour) checkState(p place) {
	owner := map[string]PartyID{}
	for n := range p.state.calls() {
		c := p.state.nth(n)
		living := 0
		seats := map[DN]int{}
		for _, q := range c.Parties {
			if id := q.Leg.Channel.ID; id != "" && owner[id] != 0 {
				t.fail(p, id+" is of two parties")
			} else if id != "" {
				owner[id] = q.ID
			}
			if !q.alive() {
				if p.begun[q.ID] && !p.ended[q.ID] {
					t.fail(p, fmt.Sprintf("party %d left without a terminal event", q.ID))
				}
				continue
			}
			living++
			seats[q.DN]++
			if q.DN != "" && seats[q.DN] > 1 {
				t.fail(p, string(q.DN)+" is in a call twice")
			}
			t.checkParty(p, n, q)
		}
		if (living == 0) != !c.EndedAt.IsZero() {
			t.fail(p, fmt.Sprintf("%d live in a call that ended at %s", living, c.EndedAt))
		}
		t.checkMedia(p, c)
	}
	if p.state.Finished && len(p.pending) > 0 {
		t.fail(p, fmt.Sprintf("finished, and the commands %v wait", p.pending))
	}
}

// checkParty checks a living one.
func (t *tour) checkParty(p place, n int, q Party) {
	switch {
	case p.state.Finished:
		t.fail(p, fmt.Sprintf("finished with party %d", q.ID))
	case q.Away && q.Leg.alive():
		t.fail(p, fmt.Sprintf("party %d is away and has a leg", q.ID))
	case q.Away && q.State != PartyHeld:
		t.fail(p, fmt.Sprintf("party %d is away and %s", q.ID, q.State))
	case q.Away && !p.state.servedElsewhere(q):
		t.fail(p, fmt.Sprintf("party %d waits for a leg that nobody has", q.ID))
	case !q.Away && !q.Leg.alive():
		t.fail(p, fmt.Sprintf("party %d lives without a leg", q.ID))
	}
	can := q.capabilities(&p.state, n)
	if q.DN == "" {
		return
	}
	for _, verb := range listed() {
		in := p.command(n, q, verb, 999, "5099")
		if in == nil {
			continue
		}
		_, effects := next(p.state, stamped{At: p.at, Call: p.state.nth(n).ID, Input: in})
		err := replied(effects, 999)
		done, _ := q.may(PhoneVerb(verb))
		done = done || verb == CanMuteOff || verb == CanMuteOn && q.Leg.Mute == MuteIn
		if listed := slices.Contains(can, verb); listed && err != nil || !listed && err == nil && !done {
			t.fail(p, fmt.Sprintf("%s by a %s party: listed %t, answered %v", verb, q.State, listed, err))
		}
		var state *StateError
		if err != nil && (!errors.As(err, &state) || state.Why == "") {
			t.fail(p, fmt.Sprintf("%s is refused without a reason: %v", verb, err))
		}
	}
}

// servedElsewhere reports whether the leg of a party that is away is in another call.
func (i *Interaction) servedElsewhere(away Party) bool {
	return i.find(func(c *Call) bool {
		at := c.livingDN(away.DN)
		return at != nil && at.ID != away.ID && at.Leg.usable()
	}) >= 0
}

func replied(effects []Effect, token int) error {
	for _, e := range effects {
		if r, ok := e.(Reply); ok && r.Token == token {
			return r.Err
		}
	}
	return nil
}

// checkMedia holds who is in which bridge against who talks to whom, once the switch has done what it was told.
func (t *tour) checkMedia(p place, c *Call) {
	if len(p.queue) > 0 {
		return
	}
	here, away := 0, 0
	for _, q := range c.Parties {
		if !q.alive() || q.Leg.State == LegLeaving {
			continue
		}
		in := p.bridges[q.Leg.Channel.ID]
		if in != "" && in != c.Bridge.ID {
			t.fail(p, fmt.Sprintf("party %d of %s is in the bridge %s", q.ID, c.ID, in))
		}
		switch out := q.Away || q.Leg.Hold == HoldEngine; {
		case !q.talks():
		case out:
			away++
			if !q.Away && in != "" {
				t.fail(p, fmt.Sprintf("party %d is held and hears the call", q.ID))
			}
		case q.State == PartyHeld: // by its phone, which stays in the bridge
			away++
		default:
			here++
			if q.Leg.State == LegUp && in != c.Bridge.ID {
				t.fail(p, fmt.Sprintf("party %d is %s and hears nobody", q.ID, q.State))
			}
		}
	}
	want := c.Transfer != nil && c.Transfer.Committed || away > 0 && here == 1
	if c.EndedAt.IsZero() && c.Bridged && here > 0 && p.music[c.Bridge.ID] != want {
		t.fail(p, fmt.Sprintf("music %t, %d talk, %d are away", p.music[c.Bridge.ID], here, away))
	}
}
