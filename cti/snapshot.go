package cti

import (
	"strconv"
	"time"

	"sidecar/agent"
	"sidecar/bridge"
)

// Snapshotter tells how things stand. Its answers must hold every change whose event has been published before
// it was asked; later changes may show too.
type Snapshotter interface {
	Calls() []bridge.CallView // the living calls
	DNs() []agent.View
}

// Snapshot tells a subscriber of one topic, whose events follow from cursor at, how things stand now: for
// TopicAgent the state of each DN and of the agent there, then the calls it is in, for TopicCall each call.
//
// Only what sees lets through is in it. The messages carry Snapshot, and the position at, in place of a number
// of their own.
func Snapshot(from Snapshotter, topic Topic, at Cursor, now time.Time, sees func(bridge.DN) bool) []Event {
	s := snapshot{at: at, now: now}
	calls := from.Calls()
	if topic == TopicCall {
		for i := range calls {
			shown := calls[i].For(sees)
			s.call(&shown, sees)
		}
		return s.out
	}
	for _, dn := range from.DNs() {
		if !sees(bridge.DN(dn.Number)) {
			continue
		}
		s.dn(&dn)
		for i := range calls {
			shown := calls[i].For(func(seen bridge.DN) bool { return seen == bridge.DN(dn.Number) })
			s.party(&shown, bridge.DN(dn.Number))
		}
	}
	return s.out
}

// Reset tells a subscriber whose cursor could not be continued from, that it is to forget what it knows of the
// topic: a snapshot follows, which may be empty.
func Reset(topic Topic, at Cursor, now time.Time) Event {
	e := Event{
		Name: "Reset", MessageType: "Reset", Topic: topic, Snapshot: true,
		ID: snapshotID(at, "reset", now), Time: Time{now}, Attributes: Attributes{Time: stamp(now)},
	}
	e.place(at)
	return e
}

// snapshotID differs between two snapshots of one position, since what has changed meanwhile shows in the second.
func snapshotID(at Cursor, about string, now time.Time) string {
	return "s-" + at.Epoch + "-" + strconv.FormatUint(at.Seq, 10) + "-" + strconv.FormatInt(now.UnixNano(), 36) + "-" + about
}

type snapshot struct {
	at  Cursor
	now time.Time
	out []Event
}

func (s *snapshot) add(e Event, kind Kind, about string) {
	e.Name, e.MessageType, e.MessageID, e.Topic = kind.Name, kind.MessageType, kind.MessageID, kind.Topic
	e.ID = snapshotID(s.at, about, s.now)
	e.Snapshot = true
	e.Time = Time{s.now}
	e.place(s.at)
	s.out = append(s.out, e)
}

func (s *snapshot) call(c *bridge.CallView, sees func(bridge.DN) bool) {
	if ended(c) {
		return
	}
	e := Event{Attributes: callAttributes(c, s.now), Call: wholeCall(c, s.now)}
	for i := range c.Parties {
		// A DN that is not ringing yet does not know of the call.
		p := &c.Parties[i]
		if p.DN != "" && p.State != bridge.PartyReleased && p.State != bridge.PartyAlerting && sees(p.DN) {
			e.Audience = append(e.Audience, p.DN)
		}
	}
	if len(e.Audience) > 0 {
		s.add(e, kindOfChange(c), string(c.ID))
	}
}

func (s *snapshot) dn(v *agent.View) {
	kind := kindOfDN(agent.OutOfService)
	if v.InService {
		kind = kindOfDN(agent.InService)
	}
	s.state(v, kind, v.Number)
	if of, ok := stateKind(v.Agent.State); ok {
		s.state(v, kindOfDN(of), v.Number+"-agent")
	}
}

func (s *snapshot) state(v *agent.View, kind Kind, about string) {
	e := Event{Attributes: Attributes{Time: stamp(s.now)}}
	e.aboutDN(v, v.Agent.AgentID)
	s.add(e, kind, about)
}

// party tells where dn stands in the call, as the event that brought it there would have told it.
func (s *snapshot) party(c *bridge.CallView, dn bridge.DN) {
	if ended(c) {
		return
	}
	for i := range c.Parties {
		p := &c.Parties[i]
		name, ok := snapshotKind(p.State)
		if p.DN != dn || !ok {
			continue
		}
		e := Event{
			DN: dn, Audience: []bridge.DN{dn}, Attributes: callAttributes(c, s.now),
		}
		e.Attributes.ThisDN, e.Attributes.ThisDNRole = p.Number, p.Role
		e.Attributes.CallState = bridge.CallStateOK
		if p.Observes != nil {
			e.Attributes.CallState = bridge.CallStateBridged
			e.Attributes.Extensions = &Extensions{MonitorMode: p.Observes.Mode, MonitorScope: p.Observes.Scope, MonitoredDN: p.Observes.Target}
		}
		if other, found := soleOther(c, p); found {
			e.Attributes.OtherDN, e.Attributes.OtherDNRole = other.Number, other.Role
		}
		e.Call = callOf(c, p, e.Attributes.OtherDN, s.now)
		s.add(e, kindNamed(name), string(c.ID)+"-"+p.Number)
	}
}

// snapshotKind is the event that a party's state is told by; none for a party that has left and for one whose
// phone does not ring yet, which will get its first event when it does.
func snapshotKind(s bridge.PartyState) (name bridge.EventKind, ok bool) {
	switch s {
	case bridge.PartyInitiated, bridge.PartyDialing:
		return bridge.EventDialing, true
	case bridge.PartyRinging:
		return bridge.EventRinging, true
	case bridge.PartyEstablished:
		return bridge.EventEstablished, true
	case bridge.PartyHeld:
		return bridge.EventHeld, true
	case bridge.PartyAlerting, bridge.PartyReleased:
		return "", false
	}
	return "", false
}

// place gives the event its position in the feed.
func (e *Event) place(at Cursor) {
	e.Cursor, e.Seq = at, at.Seq
	e.Attributes.EventSequenceNumber = at.Seq
}
