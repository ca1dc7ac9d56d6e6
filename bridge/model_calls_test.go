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
		"record", "record", "record stop", "record pause", "record resume",
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
	case "record":
		return e.StartRecording(ctx, cmd)
	case "record stop":
		return e.StopRecording(ctx, cmd)
	case "record pause":
		return e.PauseRecording(ctx, cmd)
	case "record resume":
		return e.ResumeRecording(ctx, cmd)
	default:
		return e.AttachData(ctx, AttachData{PartyCommand: cmd, Data: UserDataOf(map[string]string{"k": to})})
	}
}

// unsettled reports calls that neither talk, wait in a queue nor end when everybody has had their time: who is established
// hears the others of its call and nobody else, who is held by us hears nobody, music plays to whom waits alone, and what is
// recorded is written.
func (s *sim) unsettled(media bool) []string {
	s.mu.Lock()
	e := s.e
	s.mu.Unlock()
	calls := e.Calls()
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	placed, waiting := map[string]bool{}, map[CallID]bool{}
	for _, view := range calls {
		if view.Controller == ControlSwitch {
			continue
		}
		l := e.views[view.ID]
		u := unsettled{sim: s, i: &l.state, c: l.state.nth(l.n), media: media, placed: placed}
		u.check()
		list = append(list, u.list...)
		if u.c.Queue != nil {
			waiting[view.ID] = true
		}
	}
	for id := range s.chans {
		if !placed[id] {
			list = append(list, id+" is in no call")
		}
	}
	if told := slices.Collect(maps.Keys(s.studio.waits)); len(told) != len(waiting) || slices.ContainsFunc(told, func(id CallID) bool { return !waiting[id] }) {
		list = append(list, fmt.Sprintf("in queues wait %v, and were told %v", waiting, told))
	}
	return list
}

// unsettled looks at one call.
type unsettled struct {
	*sim
	i      *Interaction
	c      *Call
	media  bool
	placed map[string]bool // channels that have their place
	list   []string
}

func (u *unsettled) wrong(format string, args ...any) {
	u.list = append(u.list, string(u.c.ID)+": "+fmt.Sprintf(format, args...))
}

func (u *unsettled) check() {
	want := map[string]bool{}
	for _, p := range u.c.Parties {
		id := p.Leg.Channel.ID
		switch {
		case !p.alive():
			continue
		case !p.talks() && u.c.Queue == nil:
			u.wrong("party %d is %s for minutes", p.ID, p.State)
		case p.Away:
			continue
		case u.chans[id] == nil:
			u.wrong("party %d has no channel", p.ID)
			continue
		case u.chans[id].state != LegIsUp:
			u.wrong("%s talks and was never answered", id)
		case u.chans[id].mute != p.Leg.Mute && u.media:
			u.wrong("%s is muted %q instead of %q", id, u.chans[id].mute, p.Leg.Mute)
		}
		u.placed[id] = true
		if p.Leg.Hold != HoldEngine {
			want[id] = true
		}
	}
	switch q := u.c.Queue; {
	case q == nil && u.c.talking() < 2:
		u.wrong("%d parties talk", u.c.talking())
	case q != nil && (q.Offer != 0 || q.Playing != "" || len(u.c.others(0)) != 1):
		u.wrong("does not just wait: %+v %+v", q, u.c.Parties)
	}
	u.watches(want)
	u.recordings()
	b := u.bridges[u.c.Bridge.ID]
	switch {
	case b == nil:
		u.wrong("there is no bridge")
	case !maps.Equal(b.members, want) && u.media:
		u.wrong("in its bridge are %v instead of %v", slices.Sorted(maps.Keys(b.members)), slices.Sorted(maps.Keys(want)))
	case b.music != u.c.wantsMusic() && u.media:
		u.wrong("music plays: %t, wanted: %t", b.music, u.c.wantsMusic())
	}
}

// watches finds the place of supervisors; whoever barges in is in the bridge.
func (u *unsettled) watches(want map[string]bool) {
	for _, w := range u.i.Watches {
		u.placed[w.Party.Leg.Channel.ID], u.placed[w.Snoop.Channel.ID] = true, true
		if w.Call == u.c.ID && w.Mode == MonitorConnect && w.Ended == WatchGoesOn {
			want[w.Party.Leg.Channel.ID] = true
		}
	}
}

// recordings looks at what is written of a call.
func (u *unsettled) recordings() {
	for _, r := range u.c.Recordings {
		for _, side := range r.sides() {
			f, ch := u.studio.files[side.Name], u.chans[side.Leg.Channel.ID]
			switch {
			case !r.running() && ch != nil:
				u.wrong("%s is recorded for nobody", side.Leg.Channel.ID)
			case !r.running() && !r.Told:
				u.wrong("recording %d is %s, and not handed over", r.Segment, r.State)
			case !r.running():
			case ch == nil || f == nil || !f.open:
				u.wrong("recording %d is %s, of a channel %+v in a file %+v", r.Segment, r.State, ch, f)
			case u.c.party(r.Of) == nil || ch.snoops != u.c.party(r.Of).Leg.Channel.ID:
				u.wrong("recording %d hears %s", r.Segment, ch.snoops)
			case f.paused != (r.State == RecordingPaused) && u.media:
				u.wrong("recording %d is %s, and the file's pause is %t", r.Segment, r.State, f.paused)
			}
			u.placed[side.Leg.Channel.ID] = true
		}
	}
}
