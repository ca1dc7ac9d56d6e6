package bridge

import (
	"context"
	"slices"
	"strings"
	"time"

	"sidecar/internal/backoff"
)

// Arrival is a channel that came to us.
type Arrival struct {
	Channel ChannelID
	Up      bool
	Trunk   string // the trunk that it came from, or
	From    DN     // the DN that calls
	Number  string
	Name    string
	Called  string
	Leg     string // of our gateway, for a phone of its
	CallID  CallID // CallUUID that came with the call, empty for none

	UserData UserData // that came with it; what breaks a limit is left out
}

// Arrive begins a call with a channel that came to us. A channel that is known already is ignored.
func (e *Engine) Arrive(in Arrival) {
	e.mu.RLock()
	_, known := e.arrivals[in.Channel]
	e.mu.RUnlock()
	if known {
		return
	}
	now := time.Now()
	var dest Destination
	var refused error
	if in.From != "" {
		dest, refused = e.Plan.Dial(in.From, "", in.Called)
	} else {
		dest, refused = e.Plan.Inbound(in.Trunk, in.Called, now)
	}
	if refused != nil {
		e.log.Info("number_refused", "called", in.Called, "from", in.Number, "trunk", in.Trunk, "reason", refused)
	}
	a := e.start(in.Channel.Server, in.CallID, arrivedLeg{in.Channel, in.Leg})
	a.feed(Arrived{
		Channel: in.Channel, Up: in.Up, From: in.From, Number: in.Number, Name: in.Name, Called: in.Called, Leg: in.Leg,
		Dest: dest, Refused: refused, UserData: e.fitting(in.Channel, in.UserData),
	})
}

// Leg takes a change of a channel. Channels that belong to no interaction are ignored, but one of ours that nobody
// knows is removed.
func (e *Engine) Leg(change LegChanged) {
	if a := e.owner(change.Channel); a != nil {
		a.feed(change)
		return
	}
	if change.Change == LegIsCreated && strings.HasPrefix(change.Channel.ID, e.prefix()) {
		// The request to make it got no answer in time, and its interaction has ended since.
		e.clean("channel", change.Channel.ID, func(ctx context.Context) error {
			return e.Switch.Hangup(ctx, change.Channel, causeNormal)
		})
	}
}

// owner finds the interaction of a channel: ours carry its id in front.
func (e *Engine) owner(ch ChannelID) *actor {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if a := e.arrivals[ch]; a != nil {
		return a
	}
	id, _, ours := strings.Cut(ch.ID, ".")
	if !ours {
		return nil
	}
	return e.actors[InteractionID(id)]
}

// ownerOfBridge finds the interaction of a bridge: it is named after it, those of consultations with a suffix.
func (e *Engine) ownerOfBridge(id string) *actor {
	e.mu.RLock()
	defer e.mu.RUnlock()
	name, _, _ := strings.Cut(id, ".")
	return e.actors[InteractionID(name)]
}

// Referral is a phone's wish to transfer its call.
type Referral struct {
	Channel      ChannelID // or
	Leg          string    // when the phone asked our gateway
	Name         string    // of the leg that Channel reaches, which is at another server where the phone is not at that of its call
	From         DN
	To           string
	Attended     bool      // it names another call of the phone that is to be replaced:
	Replaces     ChannelID // or
	ReplacesLeg  string    // when the phone asked our gateway; both empty: none of its calls
	ReplacesName string    // as Name, of Replaces
}

// Refer takes a phone's REFER: a transfer to a number, or one that makes one call of two.
func (e *Engine) Refer(in Referral) {
	a := e.referOwner(&in)
	if a == nil {
		return
	}
	if in.Attended {
		e.spawn(func() { e.referAttended(a, in) })
		return
	}
	phone := in.Leg != ""
	dest, err := e.Plan.Dial(in.From, "", in.To)
	if err != nil || !dest.Treatment.IsZero() {
		e.log.Info("refer_declined", "dn", in.From, "to", in.To, "error", err)
		a.feed(doReferRefused{Channel: in.Channel, Phone: phone})
		return
	}
	a.feed(doTransfer{By: in.From, Channel: in.Channel, Phone: phone, Dest: dest})
}

// Gap says that events of the server may be missing from now on. Calls stay as they are; commands are refused.
func (e *Engine) Gap(server ServerID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.down[server] = true
}

// Snapshot is what a server has.
type Snapshot struct {
	Server   ServerID
	Channels map[string]ChannelFact
	Bridges  map[string][]string // channels by bridge
}

// Recovered ends a gap: the interactions are compared with what the server has, what nobody knows is taken up or removed.
func (e *Engine) Recovered(snap Snapshot) {
	e.mu.Lock()
	e.down[snap.Server] = false
	e.mu.Unlock()
	for _, a := range e.actorsOn(snap.Server) {
		a.reconcile(snap)
	}
	e.adopt(snap)
	for id, fact := range snap.Channels {
		ch := ChannelID{Server: snap.Server, ID: id}
		switch {
		case e.owner(ch) != nil:
		case fact.Arrived != nil && fact.Arrived.Leg != "" && e.Phones.Lost(fact.Arrived.From, fact.Arrived.Leg):
			// Its phone's side died with our gateway before anybody was told of the call.
			e.clean("channel", id, func(ctx context.Context) error { return e.Switch.Hangup(ctx, ch, causeNormal) })
		case fact.Arrived != nil:
			e.Arrive(*fact.Arrived)
		case strings.HasPrefix(id, e.prefix()):
			e.clean("channel", id, func(ctx context.Context) error { return e.Switch.Hangup(ctx, ch, causeNormal) })
		}
	}
	for id := range snap.Bridges {
		if e.ownerOfBridge(id) == nil && strings.HasPrefix(id, e.prefix()) {
			br := BridgeID{Server: snap.Server, ID: id}
			e.clean("bridge", id, func(ctx context.Context) error { return e.Switch.Destroy(ctx, br) })
		}
	}
}

// clean removes something of ours that no interaction knows.
func (e *Engine) clean(kind, id string, remove func(context.Context) error) {
	e.spawn(func() { e.log.Warn("orphan_removed", "kind", kind, "id", id, "error", e.insist(remove)) })
}

const (
	requestRetry = 2 * time.Second // pause after a failed request to end something
	requestTries = 3               // what stays after so many is removed at the end of the next gap
)

// insist asks for the end of something a few times.
func (e *Engine) insist(remove func(context.Context) error) error {
	for try := 1; ; try++ {
		ctx, cancel := context.WithTimeout(e.ctx, e.EffectTimeout)
		err := remove(ctx)
		cancel()
		if err == nil || try == requestTries || backoff.Sleep(e.ctx, requestRetry) != nil {
			return err
		}
	}
}

// Lost says that the server is out of reach for good: its calls end with events. It returns when they are over, since
// a server that comes back is to find nobody who still believes to own its channels.
func (e *Engine) Lost(server ServerID) {
	list := e.actorsOn(server)
	for _, a := range list {
		a.feed(SwitchLost{})
	}
	for _, a := range list {
		<-a.ended
	}
}

// actorsOn lists a server's interactions. Feeding them needs the lock released: an actor takes it to show its view.
func (e *Engine) actorsOn(server ServerID) []*actor {
	e.mu.RLock()
	defer e.mu.RUnlock()
	var list []*actor
	for _, a := range e.actors {
		if a.server == server {
			list = append(list, a)
		}
	}
	return list
}

// Restore takes up the interactions of the journal. They wait for Recovered; those of a server that is not configured any
// more would wait forever, and end. First the events that the feed may not have kept are told again.
func (e *Engine) Restore(list []Interaction) {
	e.tellAgain(list)
	for _, i := range list {
		e.handOverAgain(&i)
		if i.Finished {
			e.dropRecord(i.ID)
			continue
		}
		e.restore(i)
	}
	e.giveAgain(list)
}

// takeUp counts again what the legs of parties count for.
func (e *Engine) takeUp(parties []Party, id InteractionID) {
	for _, p := range parties {
		if !p.Leg.alive() {
			continue
		}
		if p.DN != "" {
			e.Agents.Occupy(p.DN, id)
		}
		e.caps.hold(p.Leg.Caps, p.Leg.Channel)
	}
}

// forgetReplies lets go of the commands whose clients died with the last engine.
func (c *Call) forgetReplies() {
	if c.Transfer != nil {
		c.Transfer.Reply = 0
	}
	for n := range c.Parties {
		c.Parties[n].Asked, c.Parties[n].Reply, c.Parties[n].Rejoin = Asked{}, 0, 0
	}
}

func (e *Engine) restore(i Interaction) {
	i.MakeReply = 0 // who waited for a reply died with us
	for n := range i.calls() {
		i.nth(n).forgetReplies()
	}
	for n := range i.Watches {
		i.Watches[n].Party.Asked, i.Watches[n].Party.Reply = Asked{}, 0
	}
	a := newActor(e, i)
	a.fresh = true
	e.mu.Lock()
	a.shown = i.views()
	e.actors[i.ID] = a
	for n, view := range a.shown {
		c := i.nth(n)
		if !c.Done {
			e.views[c.ID] = &live{actor: a, state: i, n: n, view: view}
		}
		for _, p := range c.Parties {
			if p.Leg.alive() && p.Leg.Channel.ID != "" && !strings.HasPrefix(p.Leg.Channel.ID, string(i.ID)+".") {
				e.arrivedLocked(a, arrivedLeg{p.Leg.Channel, p.Leg.Name})
			}
		}
	}
	for _, ch := range i.Dropped {
		e.arrivedLocked(a, arrivedLeg{ChannelID: ch})
	}
	e.mu.Unlock()
	for n := range i.calls() {
		e.takeUp(i.nth(n).Parties, i.ID)
	}
	for _, w := range i.Watches {
		e.takeUp([]Party{w.Party}, i.ID)
	}
	a.whenKept(i.Events)
	switch {
	case i.Call.Controller == ControlSwitch: // its leg was in our gateway, and died with it
		a.feed(SwitchLost{})
	case !slices.Contains(e.Servers, i.Server):
		e.log.Warn("server_not_configured", "server", i.Server, "interaction", i.ID)
		a.feed(SwitchLost{})
	}
}
