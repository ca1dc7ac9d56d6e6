package cti

import (
	"time"

	"sidecar/bridge"
)

// Encode says what happened to a call, or to a DN in a call, in T-Library's words.
func Encode(e bridge.Event) Event {
	kind := kindOfCall(&e)
	out := Event{
		Name: kind.Name, MessageType: kind.MessageType, MessageID: kind.MessageID, Topic: kind.Topic,
		ID: e.ID, Time: Time{e.Time}, Audience: e.Audience,
		Attributes: callAttributes(&e.Call, e.Time),
	}
	out.Attributes.CallState = e.CallState
	out.Attributes.PreviousConnID = e.PreviousConnID
	out.Attributes.Cause = e.Cause
	out.Attributes.ReferenceID = e.Reference
	out.Attributes.ErrorMessage = e.Error
	out.Attributes.DTMFDigits = e.Digits
	if kind.Topic == TopicCall {
		out.Call = wholeCall(&e.Call, e.Time)
		return out
	}
	out.DN = e.This.DN
	addParties(&out.Attributes, &e)
	out.Attributes.Extensions = extensions(&e)
	out.Attributes.MonitorNextCallType = nextCallType(e.Next)
	if e.Call.ID == "" { // the order of a supervisor, for calls to come
		return out
	}
	out.Call = callOf(&e.Call, &e.This, out.Attributes.OtherDN, e.Time)
	return out
}

// extensions say how a supervisor takes part, where the event is by or about one.
func extensions(e *bridge.Event) *Extensions {
	x := Extensions{MonitorMode: e.Mode}
	for _, p := range []*bridge.PartyView{&e.This, &e.Other} {
		if o := p.Observes; o != nil {
			x = Extensions{MonitorMode: o.Mode, MonitorScope: o.Scope, MonitoredDN: o.Target}
		}
	}
	if x.MonitorMode == "" {
		return nil
	}
	return &x
}

func nextCallType(n bridge.MonitorNext) string {
	switch n {
	case bridge.MonitorOne:
		return "OneCall"
	case bridge.MonitorAll:
		return "AllCalls"
	}
	return ""
}

func callAttributes(c *bridge.CallView, at time.Time) Attributes {
	return Attributes{
		ConnID: c.ConnID, CallUUID: c.ID, CallType: c.Type, ANI: c.ANI, DNIS: c.DNIS, Time: stamp(at),
	}
}

// addParties fills in who is who. The role of ThisDN is the one it came into the call with, so that Held and
// Retrieved repeat that of Ringing, as T-Library does.
func addParties(a *Attributes, e *bridge.Event) {
	a.ThisDN, a.ThisDNRole = e.This.Number, e.This.Role
	if other, ok := otherParty(e); ok {
		a.OtherDN, a.OtherDNRole = other.Number, other.Role
	}
	third := RoleTransferredBy
	if e.Kind == bridge.EventPartyAdded {
		third = RoleConferencedBy
		if e.Other.Role != bridge.RoleObserver {
			a.OtherDNRole = bridge.RoleNewParty
		}
	}
	if e.Kind == bridge.EventPartyDeleted {
		third = RoleDeletedBy
		a.OtherDNRole = RoleDeletedParty
	}
	if !e.Third.IsZero() {
		a.ThirdPartyDN, a.ThirdPartyDNRole = e.Third.Number, third
	}
}

// otherParty is the one that the event names. A PartyChanged of a transfer that names none gets the only other
// party of the call, since clients take a PartyChanged without OtherDN for a conference.
func otherParty(e *bridge.Event) (party bridge.PartyView, ok bool) {
	if !e.Other.IsZero() || e.Other.Number != "" { // who is supervised in calls to come is no party of one
		return e.Other, true
	}
	if e.Kind != bridge.EventPartyChanged || e.CallState != bridge.CallStateTransferred {
		return bridge.PartyView{}, false
	}
	return soleOther(&e.Call, &e.This)
}

// soleOther is the one whom a party talks to. Supervisors are none; a supervisor has the partner of the supervised one.
func soleOther(c *bridge.CallView, this *bridge.PartyView) (party bridge.PartyView, ok bool) {
	for i := range c.Parties {
		p := &c.Parties[i]
		if p.ID == this.ID || p.State == bridge.PartyReleased || p.Role == bridge.RoleObserver ||
			this.Observes != nil && p.DN != "" && p.DN == this.Observes.Target {
			continue
		}
		if ok {
			return bridge.PartyView{}, false
		}
		party, ok = *p, true
	}
	return party, ok
}

// callOf is the call as one of its DNs sees it.
func callOf(c *bridge.CallView, this *bridge.PartyView, other string, at time.Time) *Call {
	call := newCall(c, at)
	call.State = partyState(this.State)
	call.OtherDN = other
	call.Capabilities = this.Capabilities
	if call.Capabilities == nil {
		call.Capabilities = []bridge.Capability{}
	}
	call.Direction = DirectionIn
	if this.Role == bridge.RoleOrigination {
		call.Direction = DirectionOut
	}
	for i := range c.Parties {
		p := &c.Parties[i]
		if p.ID != this.ID && p.State != bridge.PartyReleased {
			call.Participants = append(call.Participants, participant(p))
		}
	}
	return call
}

// wholeCall is the call with everybody in it.
func wholeCall(c *bridge.CallView, at time.Time) *Call {
	call := newCall(c, at)
	call.State = callState(c)
	switch c.Type {
	case bridge.CallInbound:
		call.Direction = DirectionIn
	case bridge.CallOutbound:
		call.Direction = DirectionOut
	case bridge.CallInternal, bridge.CallConsult:
		call.Direction = DirectionInternal
	}
	for i := range c.Parties {
		p := &c.Parties[i]
		if p.State != bridge.PartyReleased {
			of := participant(p)
			of.State = partyState(p.State)
			call.Participants = append(call.Participants, of)
		}
	}
	return call
}

func participant(p *bridge.PartyView) Participant {
	of := Participant{Number: p.Number, Role: p.Role}
	if o := p.Observes; o != nil {
		of.MonitorMode, of.MonitoredDN = o.Mode, o.Target
	}
	return of
}

func newCall(c *bridge.CallView, at time.Time) *Call {
	call := &Call{
		ID: c.ID, ConnID: c.ConnID, Type: c.Type, ANI: c.ANI, DNIS: c.DNIS, UserData: bridge.UserDataObject(c.UserData), ParentConnID: c.Parent, Recording: c.Recording,
		StartedAt: Time{c.StartedAt}, Participants: make([]Participant, 0, len(c.Parties)),
	}
	if !c.EndedAt.IsZero() {
		at = c.EndedAt
	}
	if !c.StartedAt.IsZero() && at.After(c.StartedAt) {
		call.Duration = int(at.Sub(c.StartedAt) / time.Second)
	}
	return call
}

func ended(c *bridge.CallView) bool { return !c.EndedAt.IsZero() || c.State == bridge.PartyReleased }

func callState(c *bridge.CallView) CallState {
	if ended(c) {
		return StateReleased
	}
	return partyState(c.State)
}

// partyState folds the states that clients don't know into Dialing: a phone that rings before its own call is
// dialled, and one that is called but does not ring yet.
func partyState(s bridge.PartyState) CallState {
	switch s {
	case bridge.PartyInitiated, bridge.PartyDialing, bridge.PartyAlerting:
		return StateDialing
	case bridge.PartyRinging:
		return StateRinging
	case bridge.PartyEstablished:
		return StateEstablished
	case bridge.PartyHeld:
		return StateHeld
	case bridge.PartyReleased:
		return StateReleased
	}
	return CallState(s)
}

func stamp(t time.Time) TimeStamp {
	return TimeStamp{Seconds: t.Unix(), Microseconds: t.Nanosecond() / int(time.Microsecond)}
}
