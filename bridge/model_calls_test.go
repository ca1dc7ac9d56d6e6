package bridge

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// partyDeeds are what parties do with their calls.
func partyDeeds() []string {
	return []string{
		"consult", "consult", "consult", "mute transfer", "complete transfer", "complete transfer", "complete conference", "complete conference",
		"alternate", "alternate", "reconnect", "add", "add", "drop", "release", "redirect", "mute", "dtmf", "data",
	}
}

// partyDoes lets a party of the call do something with it, or with the other one that it has.
func partyDoes(ctx context.Context, e *Engine, call CallView, d deed) (CallView, error) {
	var dns []DN
	for _, p := range call.Parties {
		if p.DN != "" && p.State != PartyReleased {
			dns = append(dns, p.DN)
		}
	}
	cmd := PartyCommand{Call: call.ID}
	if len(dns) > 0 {
		cmd.By = dns[d.B%len(dns)]
	}
	to := modelNumbers()[(d.A+d.B)%len(modelNumbers())]
	switch d.Kind {
	case "consult":
		return e.Consult(ctx, Consult{PartyCommand: cmd, To: to, Purpose: ConsultTransfer})
	case "mute transfer":
		return e.MuteTransfer(ctx, MuteTransfer{PartyCommand: cmd, To: to})
	case "complete transfer":
		return e.CompleteTransfer(ctx, cmd)
	case "complete conference":
		return e.CompleteConference(ctx, cmd)
	case "alternate":
		return e.Alternate(ctx, cmd)
	case "reconnect":
		return e.Reconnect(ctx, cmd)
	case "add":
		return e.SingleStepConference(ctx, SingleStepConference{PartyCommand: cmd, To: to})
	case "drop":
		return e.DropMember(ctx, DropMember{PartyCommand: cmd, Member: to})
	case "release":
		return e.Release(ctx, cmd)
	case "redirect":
		return e.Redirect(ctx, Redirect{PartyCommand: cmd, To: to})
	case "mute":
		return e.SetMute(ctx, SetMute{PartyCommand: cmd, Direction: MuteIn, On: d.A%2 == 0})
	case "dtmf":
		return e.SendDTMF(ctx, SendDTMF{PartyCommand: cmd, Digits: "12"})
	default:
		return e.AttachData(ctx, AttachData{PartyCommand: cmd, Data: UserDataOf(map[string]string{"k": to})})
	}
}

// unsettled reports calls that neither talk nor end when everybody has had their time: who is established hears the
// others of its call and nobody else, who is held by us hears nobody, and music plays to whom waits alone.
func (s *sim) unsettled(media bool) []string {
	s.mu.Lock()
	e := s.e
	s.mu.Unlock()
	calls := e.Calls()
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	placed := map[string]bool{}
	for _, view := range calls {
		if view.Controller == ControlSwitch {
			continue
		}
		l := e.views[view.ID]
		c := l.state.nth(l.n)
		list = append(list, s.unsettledCall(c, placed, media)...)
	}
	for id := range s.chans {
		if !placed[id] {
			list = append(list, id+" is in no call")
		}
	}
	return list
}

// unsettledCall is unsettled for one call; placed are the channels that have their place.
func (s *sim) unsettledCall(c *Call, placed map[string]bool, media bool) []string {
	var list []string
	wrong := func(format string, args ...any) { list = append(list, string(c.ID)+": "+fmt.Sprintf(format, args...)) }
	want := map[string]bool{}
	for _, p := range c.Parties {
		id := p.Leg.Channel.ID
		switch {
		case !p.alive():
			continue
		case !p.talks():
			wrong("party %d is %s for minutes", p.ID, p.State)
		case p.Away:
			continue
		case s.chans[id] == nil:
			wrong("party %d has no channel", p.ID)
			continue
		case s.chans[id].state != LegIsUp:
			wrong("%s talks and was never answered", id)
		case s.chans[id].mute != p.Leg.Mute && media:
			wrong("%s is muted %q instead of %q", id, s.chans[id].mute, p.Leg.Mute)
		}
		placed[id] = true
		if p.Leg.Hold != HoldEngine {
			want[id] = true
		}
	}
	if c.talking() < 2 {
		wrong("%d parties talk", c.talking())
	}
	b := s.bridges[c.Bridge.ID]
	switch {
	case b == nil:
		wrong("there is no bridge")
	case !maps.Equal(b.members, want) && media:
		wrong("in its bridge are %v instead of %v", slices.Sorted(maps.Keys(b.members)), slices.Sorted(maps.Keys(want)))
	case b.music != c.wantsMusic() && media:
		wrong("music plays: %t, wanted: %t", b.music, c.wantsMusic())
	}
	return list
}
