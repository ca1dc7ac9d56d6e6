package bridge

import (
	"context"
	"strings"
)

// switchPrefix makes the name of a switch that mixes itself one that no server of ours has.
const switchPrefix = "switch:"

// PhoneChange is what our gateway tells of one of its legs.
type PhoneChange struct {
	Leg    string
	Change LegChange
	Cause  int // Q.850, for LegIsGone
}

// Phone takes a change of a leg of our gateway. Legs that belong to no interaction are ignored.
func (e *Engine) Phone(in PhoneChange) {
	if a, ch := e.legOwner(in.Leg); a != nil {
		a.feed(LegChanged{Channel: ch, Change: in.Change, Cause: in.Cause, Phone: true})
	}
}

// SwitchCall is a call that came to our gateway from a switch which mixes itself, or goes there.
type SwitchCall struct {
	Switch  string // its name
	Leg     string
	DN      DN
	Number  string // of the other party
	Inbound bool   // to the DN
	CallID  CallID // the switch's name of the call, empty for none
}

// SwitchCall begins a call of a switch that mixes itself. What becomes of it is told by Phone.
func (e *Engine) SwitchCall(in SwitchCall) {
	server := ServerID(switchPrefix + in.Switch)
	ch := ChannelID{Server: server, ID: in.Leg}
	dest, err := e.Plan.Dial(in.DN, "", in.Number)
	a := e.start(server, in.CallID, arrivedLeg{ch, in.Leg})
	a.feed(SwitchCalled{
		Channel: ch, Leg: in.Leg, DN: in.DN, Number: in.Number, Inbound: in.Inbound, Internal: err == nil && dest.Endpoint.DN != "",
	})
}

// legOwner finds the interaction and channel of a leg of our gateway: its phones name those that they begin, we name the
// others after our channels.
func (e *Engine) legOwner(leg string) (*actor, ChannelID) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if ch, known := e.legs[leg]; known {
		return e.arrivals[ch], ch
	}
	id, _, ours := strings.Cut(leg, ".")
	a := e.actors[InteractionID(id)]
	if !ours || a == nil {
		return nil, ChannelID{}
	}
	return a, ChannelID{Server: a.server, ID: leg}
}

// referAtSwitch finds whose REFER it is that a switch took. The phone may be at another server than its call: that one's
// channel is then the one to be told the result.
func (e *Engine) referAtSwitch(in *Referral) *actor {
	if a := e.owner(in.Channel); a != nil {
		return a
	}
	a, ch := e.legOwner(in.Name)
	switch {
	case a != nil:
		a.feed(referredAt{Channel: ch, At: in.Channel})
		in.Channel = ch
	case strings.HasPrefix(in.Name, e.prefix()): // of a call that ended meanwhile
		at := in.Channel
		e.spawn(func() {
			ctx, cancel := context.WithTimeout(e.ctx, e.EffectTimeout)
			defer cancel()
			e.log.Info("refer_declined", "leg", in.Name, "to", in.To, "error", e.Switch.ReferResult(ctx, at, false))
		})
	}
	return a
}

// referOwner finds whose REFER it is. One that came to our gateway for a call that nobody knows is declined at once.
func (e *Engine) referOwner(in *Referral) *actor {
	if in.Leg == "" {
		return e.referAtSwitch(in)
	}
	a, ch := e.legOwner(in.Leg)
	if a == nil {
		e.spawn(func() {
			ctx, cancel := context.WithTimeout(e.ctx, e.EffectTimeout)
			defer cancel()
			e.log.Info("refer_declined", "leg", in.Leg, "to", in.To, "error", e.Phones.ReferResult(ctx, in.Leg, false))
		})
	}
	in.Channel = ch
	return a
}
