package bridge

import "slices"

// Watch is a supervisor at a call: a party that is no party of the conversation. It counts for nothing there, and the
// call ends without asking it.
//
//	mute, coach   bridge of its own: supervisor's leg + snoop ···> leg of the target
//	connect       bridge of the call: supervisor's leg
type Watch struct {
	Order   MonitorID
	Call    CallID // that the supervisor is a party of
	Party   Party
	Target  DN // who is supervised; empty while only outside parties are left
	Mode    MonitorMode
	Scope   MonitorScope
	Hidden  bool      // agents are not told
	Seen    []DN      // who was told that the supervisor is there
	Heard   ChannelID // whom Snoop hears
	Lost    ChannelID // whom it can't hear any more
	Whisper bool
	Snoop   Leg
	Stale   []Leg // snoops that have made place for another one
	Bridge  BridgeID
	Bridged bool     // it was asked for
	In      BridgeID // where the supervisor's leg was put
	Ended   WatchEnd
	Done    bool // ended, and nothing is left of it at the switch
}

// WatchEnd says why a supervisor left a call.
type WatchEnd string

// The reasons.
const (
	WatchGoesOn  WatchEnd = ""
	WatchLeft    WatchEnd = "left"    // the supervisor hung up
	WatchStopped WatchEnd = "stopped" // by command
	WatchOver    WatchEnd = "over"    // the agent left, or the call ended
	WatchFailed  WatchEnd = "failed"  // the supervisor could not be had, or not hear
)

func (w *Watch) active() bool { return w.Party.State == PartyEstablished || w.Party.State == PartyHeld }

// legs are its channels, the supervisor's first.
func (w *Watch) legs() []*Leg {
	list := []*Leg{&w.Party.Leg, &w.Snoop}
	for i := range w.Stale {
		list = append(list, &w.Stale[i])
	}
	return list
}

// snoop finds one of its snoops.
func (w *Watch) snoop(ch ChannelID) *Leg {
	for _, l := range w.legs()[1:] {
		if l.State != LegNone && l.Channel == ch {
			return l
		}
	}
	return nil
}

// shownTo are the DNs that may know of the supervisor; nil is nobody.
func (w *Watch) shownTo(c *Call) []DN {
	var dns []DN
	if w.Party.DN != "" {
		dns = append(dns, w.Party.DN)
	}
	return append(dns, w.told(c)...)
}

// told are the agents who are told of the supervisor: the supervised one, and whoever can hear him.
func (w *Watch) told(c *Call) []DN {
	if w.Hidden || w.Party.JoinedAt.IsZero() {
		return nil
	}
	var dns []DN
	for _, p := range c.Parties {
		if p.Told && p.watchable() && (p.DN == w.Target || w.Mode == MonitorConnect) && !slices.Contains(dns, p.DN) {
			dns = append(dns, p.DN)
		}
	}
	return dns
}

// watchBy finds the watch that is, nil when there is none.
func (i *Interaction) watchBy(is func(*Watch) bool) *Watch {
	for n := range i.Watches {
		if is(&i.Watches[n]) {
			return &i.Watches[n]
		}
	}
	return nil
}

// watchOf finds the latest watch of an order.
func (i *Interaction) watchOf(order MonitorID) *Watch {
	for n := len(i.Watches) - 1; n >= 0; n-- {
		if i.Watches[n].Order == order {
			return &i.Watches[n]
		}
	}
	return nil
}

// watching finds the watch whose party has an id.
func (i *Interaction) watching(id PartyID) *Watch {
	return i.watchBy(func(w *Watch) bool { return w.Party.ID == id })
}

// watchOn finds the watch that a channel belongs to: the supervisor's, or a snoop.
func (i *Interaction) watchOn(ch ChannelID) *Watch {
	return i.watchBy(func(w *Watch) bool { return w.Party.Leg.Channel == ch || w.snoop(ch) != nil })
}

// observer is the party of a supervisor's DN in a call, nil when it supervises nobody there.
func (i *Interaction) observer(n int, dn DN) *Party {
	call := i.nth(n).ID
	w := i.watchBy(func(w *Watch) bool { return dn != "" && w.Party.DN == dn && w.Call == call && w.Party.alive() })
	if w == nil {
		return nil
	}
	return &w.Party
}

// legAt is the leg on a channel, a party's or a watch's; nil when there is none.
func (i *Interaction) legAt(ch ChannelID) *Leg {
	if p := i.byChannel(ch); p != nil {
		return &p.Leg
	}
	if w := i.watchOn(ch); w != nil {
		if w.Party.Leg.Channel == ch {
			return &w.Party.Leg
		}
		return w.snoop(ch)
	}
	for n := range i.calls() {
		c := i.nth(n)
		for k := range c.Recordings {
			for _, side := range c.Recordings[k].sides() {
				if side.Leg.Channel == ch {
					return &side.Leg
				}
			}
		}
	}
	return nil
}

// unwatched reports whether nothing is left of any watch at the switch.
func (i *Interaction) unwatched() bool {
	return i.watchBy(func(w *Watch) bool { return !w.Done }) == nil
}

// unshare gives the watch copies of its own of what its copy would share with it.
func (w *Watch) unshare() {
	w.Seen, w.Stale = slices.Clone(w.Seen), slices.Clone(w.Stale)
	w.Party.Asked.Replies = slices.Clone(w.Party.Asked.Replies)
}

// whyObserver says why a supervisor can't do something, nothing if he can.
func (i *Interaction) whyObserver(p *Party, verb Capability) string {
	mode, switches := modeOf(verb)
	w := i.watching(p.ID)
	switch {
	case verb == CanRelease:
		return ""
	case verb == CanAnswer:
		_, why := p.may(PhoneAnswer)
		return why
	case !switches:
		return "a supervisor is no party of the conversation"
	case w == nil || !w.active():
		return needsAnswer
	case w.Mode == mode:
		return "it is so already"
	}
	return ""
}

// modeOf is the mode that a capability stands for, if it does for one.
func modeOf(verb Capability) (mode MonitorMode, ok bool) {
	if verb == CanSwitchToListenIn {
		return MonitorMute, true
	}
	if verb == CanSwitchToCoaching {
		return MonitorCoach, true
	}
	return MonitorConnect, verb == CanSwitchToBargeIn
}
