package cti_test

import (
	"slices"
	"time"

	"sidecar/agent"
	"sidecar/bridge"
	"sidecar/cti"
)

// encodeCase is one event of the catalogue: encoded, compared with its golden file, and shown in the docs.
type encodeCase struct {
	name  string // of the golden file
	event cti.Event
}

const (
	customer = "+49301234567"
	callUUID = "00T2B0FGGOB3D0A3GBC80H5AES000001"
)

func noon(d time.Duration) time.Time {
	return time.Date(2026, 11, 20, 21, 0, 0, int(123*time.Millisecond), time.UTC).Add(d)
}

func outside() bridge.PartyView {
	return bridge.PartyView{
		ID: 1, Number: customer, Name: "A. Customer", Role: bridge.RoleOrigination, State: bridge.PartyEstablished,
	}
}

func dnParty(id int, dn string, role bridge.Role, state bridge.PartyState) bridge.PartyView {
	p := bridge.PartyView{
		ID: bridge.PartyID(id), DN: bridge.DN(dn), Number: dn, Role: role, State: state,
	}
	switch state {
	case bridge.PartyEstablished, bridge.PartyHeld:
		p.Capabilities = []bridge.Capability{bridge.CanRelease, bridge.CanClear, bridge.CanSingleStepTransfer}
	case bridge.PartyInitiated, bridge.PartyDialing, bridge.PartyAlerting, bridge.PartyRinging:
		p.Capabilities = []bridge.Capability{bridge.CanRelease, bridge.CanClear}
	case bridge.PartyReleased:
	}
	return p
}

func inbound(state bridge.PartyState, parties ...bridge.PartyView) bridge.CallView {
	return bridge.CallView{
		ID: callUUID, ConnID: 0x0171034d8b2c4001, Interaction: "n1-8f3a", Type: bridge.CallInbound,
		Controller: bridge.ControlAsterisk, State: state, ANI: customer, DNIS: "5001", Parties: parties,
		StartedAt: noon(0),
	}
}

// happened is an inbound call's event, addressed to this.
func happened(n int, kind bridge.EventKind, call bridge.CallView, this, other bridge.PartyView) bridge.Event {
	return bridge.Event{
		ID: "n1-8f3a-" + string(rune('0'+n)), N: n, Time: noon(time.Duration(n) * 2 * time.Second), Kind: kind, Call: call,
		This: this, Other: other, CallState: bridge.CallStateOK, Audience: []bridge.DN{this.DN},
	}
}

func encodeCases() []encodeCase {
	var all []encodeCase
	for i, c := range callCases() {
		all = append(all, placed(c.name, cti.Encode(c.event), i))
	}
	for i, c := range dnCases() {
		all = append(all, placed(c.name, cti.EncodeDN(c.event), 100+i))
	}
	return all
}

// placed does what the feed does.
func placed(name string, e cti.Event, i int) encodeCase {
	e.Seq = uint64(10233 + i)
	e.Cursor = cti.Cursor{Epoch: "9f2c41d07a", Seq: e.Seq}
	e.Attributes.EventSequenceNumber = e.Seq
	return encodeCase{name: name, event: e}
}

type callCase struct {
	name  string
	event bridge.Event
}

func callCases() []callCase {
	return slices.Concat(inboundCases(), outboundCases(), transferCases(), conferenceCases(), commandCases(), queueCases(), supervisionCases(), wholeCallCases())
}

// inboundCases is a customer's call to 5001.
func inboundCases() []callCase {
	const dest = bridge.RoleDestination
	ringing, talking := dnParty(2, "5001", dest, bridge.PartyRinging), dnParty(2, "5001", dest, bridge.PartyEstablished)
	held, left := dnParty(2, "5001", dest, bridge.PartyHeld), dnParty(2, "5001", dest, bridge.PartyReleased)
	caller := outside()
	calling := caller
	calling.State = bridge.PartyDialing

	established := happened(2, bridge.EventEstablished, inbound(bridge.PartyEstablished, caller, talking), talking, caller)
	established.Call.UserData = bridge.UserDataOf(map[string]string{"CustomerSegment": "Gold"})

	released := happened(5, bridge.EventReleased, inbound(bridge.PartyReleased, left), left, caller)
	released.Cause, released.Reference = 16, "op-17"
	released.Call.EndedAt = noon(8 * time.Second)

	abandoned := happened(2, bridge.EventAbandoned, inbound(bridge.PartyReleased, left), left, caller)
	abandoned.Cause = 16
	abandoned.Call.EndedAt = noon(4 * time.Second)
	return []callCase{
		{"Ringing", happened(1, bridge.EventRinging, inbound(bridge.PartyRinging, calling, ringing), ringing, calling)},
		{"Established", established},
		{"Held", happened(3, bridge.EventHeld, inbound(bridge.PartyHeld, caller, held), held, caller)},
		{"Retrieved", happened(4, bridge.EventRetrieved, inbound(bridge.PartyEstablished, caller, talking), talking, caller)},
		{"Released", released},
		{"Abandoned", abandoned},
	}
}

// outboundCases is 5001 calling out, in vain.
func outboundCases() []callCase {
	const orig = bridge.RoleOrigination
	dialing := dnParty(1, "5001", orig, bridge.PartyDialing)
	callee := bridge.PartyView{
		ID: 2, Number: customer, Role: bridge.RoleDestination, State: bridge.PartyAlerting,
	}
	outbound := func(state bridge.PartyState, parties ...bridge.PartyView) bridge.CallView {
		c := inbound(state, parties...)
		c.Type, c.ANI, c.DNIS = bridge.CallOutbound, "5001", customer
		return c
	}
	busy := happened(3, bridge.EventDestinationBusy, outbound(bridge.PartyDialing, dialing), dialing, callee)
	busy.CallState, busy.Cause = bridge.CallStateBusy, 17

	gone := dnParty(1, "5001", orig, bridge.PartyReleased)
	failed := happened(4, bridge.EventError, outbound(bridge.PartyReleased, gone), gone, bridge.PartyView{})
	failed.Reference, failed.Error = "op-18", "\"5099\" can't be called: no phone is registered there"
	return []callCase{
		{"Dialing", happened(1, bridge.EventDialing, outbound(bridge.PartyDialing, dialing, callee), dialing, callee)},
		{"NetworkReached", happened(2, bridge.EventNetworkReached, outbound(bridge.PartyDialing, dialing, callee), dialing, callee)},
		{"DestinationBusy", busy},
		{"Error", failed},
	}
}

// transferCases is 5001's single-step transfer of the customer to 5002.
func transferCases() []callCase {
	const dest = bridge.RoleDestination
	left, caller := dnParty(2, "5001", dest, bridge.PartyReleased), outside()
	target := dnParty(3, "5002", dest, bridge.PartyRinging)

	released := happened(3, bridge.EventReleased, inbound(bridge.PartyEstablished, caller, left, target), left, target)
	released.CallState, released.Third = bridge.CallStateTransferred, left

	ringing := happened(4, bridge.EventRinging, inbound(bridge.PartyEstablished, caller, left, target), target, caller)
	ringing.Third = left
	return []callCase{
		{"Released-Transferred", released},
		{"Ringing-Transferred", ringing},
		{"PartyChanged", partyChanged()},
	}
}

// partyChanged is what 5003 sees of 5001's transfer of their call to 5002, after a consultation.
func partyChanged() bridge.Event {
	const dest = bridge.RoleDestination
	this := dnParty(1, "5003", bridge.RoleOrigination, bridge.PartyEstablished)
	left, target := dnParty(2, "5001", dest, bridge.PartyReleased), dnParty(3, "5002", dest, bridge.PartyEstablished)
	call := inbound(bridge.PartyEstablished, this, left, target)
	call.Type, call.ANI = bridge.CallInternal, "5003"
	e := happened(6, bridge.EventPartyChanged, call, this, target)
	e.Third, e.CallState, e.PreviousConnID = left, bridge.CallStateTransferred, 0x0171034d8b2c4002
	return e
}

// conferenceCases is 5002 joining the call of 5001 and the customer, and leaving it.
func conferenceCases() []callCase {
	const dest = bridge.RoleDestination
	this, caller := dnParty(2, "5001", dest, bridge.PartyEstablished), outside()
	third := dnParty(3, "5002", bridge.RoleNewParty, bridge.PartyEstablished)

	added := happened(6, bridge.EventPartyAdded, inbound(bridge.PartyEstablished, caller, this, third), this, third)
	added.Third = this

	third.State, third.Capabilities = bridge.PartyReleased, nil
	deleted := happened(7, bridge.EventPartyDeleted, inbound(bridge.PartyEstablished, caller, this, third), this, third)
	deleted.Third = this
	return []callCase{{"PartyAdded", added}, {"PartyDeleted", deleted}}
}

// commandCases is what comes of commands that change neither the parties nor their states.
func commandCases() []callCase {
	this, caller := dnParty(2, "5001", bridge.RoleDestination, bridge.PartyEstablished), outside()
	call := inbound(bridge.PartyEstablished, caller, this)
	attached := happened(8, bridge.EventAttachedDataChanged, call, this, caller)
	attached.Call.UserData = bridge.UserDataOf(map[string]string{"CustomerSegment": "Gold"})
	attached.Reference = "op-17"
	recording := happened(12, bridge.EventRecordingChanged, call, this, caller)
	recording.Call.Recording = bridge.RecordingOn
	dtmf := happened(9, bridge.EventDTMFSent, call, this, caller)
	dtmf.Digits = "12#"
	return []callCase{
		{"AttachedDataChanged", attached},
		{"DtmfSent", dtmf},
		{"RecordingChanged", recording},
		{"MuteOn", happened(10, bridge.EventMuteOn, call, this, caller)},
		{"MuteOff", happened(11, bridge.EventMuteOff, call, this, caller)},
	}
}

// queueCases is a call that waits at the route point 6000, and is taken from there by 5001.
func queueCases() []callCase {
	caller := outside()
	point := bridge.PartyView{DN: "6000", Number: "6000", Role: bridge.RoleDestination, State: bridge.PartyRinging}
	call := inbound(bridge.PartyDialing, caller)
	call.DNIS = "6000"
	return []callCase{
		{"Queued", happened(1, bridge.EventQueued, call, point, caller)},
		{"Diverted", happened(4, bridge.EventDiverted, call, point, caller)},
	}
}

func wholeCallCases() []callCase {
	this := dnParty(2, "5001", bridge.RoleDestination, bridge.PartyEstablished)
	changed := happened(2, bridge.EventCallChanged, inbound(bridge.PartyEstablished, outside(), this), bridge.PartyView{}, bridge.PartyView{})
	changed.Audience = []bridge.DN{"5001"}

	this.State = bridge.PartyReleased
	gone := outside()
	gone.State = bridge.PartyReleased
	ended := happened(6, bridge.EventCallChanged, inbound(bridge.PartyReleased, gone, this), bridge.PartyView{}, bridge.PartyView{})
	ended.Audience = []bridge.DN{"5001"}
	ended.Call.EndedAt = noon(10 * time.Second)
	return []callCase{{"Call-Established", changed}, {"Call-Released", ended}}
}

type dnCase struct {
	name  string
	event agent.Event
}

func dnCases() []dnCase {
	view := agent.View{Number: "5001", InService: true, Since: noon(0)}
	in := agent.Event{ID: "dn-5001-1", Time: noon(0), Kind: agent.InService, DN: view}
	view.InService, view.Since = false, noon(time.Hour)
	out := agent.Event{ID: "dn-5001-2", Time: noon(time.Hour), Kind: agent.OutOfService, DN: view}
	return append([]dnCase{{"InService", in}, {"OutOfService", out}}, agentCases()...)
}

// agentCases is a morning of alice at 5001.
func agentCases() []dnCase {
	var cases []dnCase
	v := agent.View{Number: "5001", InService: true, Since: noon(0), Activity: agent.Idle}
	v.Agent = agent.Status{State: agent.NotReady, AgentID: "alice", Login: agent.AutoIn, Mode: agent.AuxWork}
	add := func(kind agent.EventKind) {
		at := noon(time.Duration(len(cases)+1) * time.Minute)
		if v.Agent.Since.IsZero() {
			v.Agent.Since = at
		}
		e := agent.Event{ID: "dn-5001-" + string(rune('a'+len(cases))), Time: at, Kind: kind, AgentID: "alice", DN: v}
		cases = append(cases, dnCase{string(kind), e})
	}
	become := func(s agent.Status) {
		s.AgentID, s.Login = "alice", agent.AutoIn
		v.Agent = s
	}
	add(agent.Login)
	become(agent.Status{State: agent.NotReady, Mode: agent.AuxWork, Reason: "briefing"})
	add(agent.BecameNotReady)
	become(agent.Status{State: agent.Ready, Mode: agent.AutoIn})
	v.ReadySince = noon(3 * time.Minute)
	add(agent.BecameReady)
	v.Calls, v.Reserved, v.Activity = 1, true, agent.ReceivingCall
	add(agent.Reserved)
	v.Calls, v.Reserved, v.Activity, v.ReadySince = 0, false, agent.Idle, time.Time{}
	become(agent.Status{State: agent.AfterCallWork, Mode: agent.ModeAfterCallWork, Until: noon(5*time.Minute + 30*time.Second)})
	add(agent.BecameAfterCallWork)
	v.DND = true
	add(agent.DNDOn)
	v.DND = false
	add(agent.DNDOff)
	v.Forward = "5002"
	add(agent.ForwardSet)
	v.Forward = ""
	add(agent.ForwardCanceled)
	v.Agent = agent.Status{State: agent.LoggedOut, Reason: agent.ReasonAbsence}
	add(agent.Logout)
	return cases
}

// stand is a switch at rest, for snapshots.
type stand struct {
	calls []bridge.CallView
	dns   []agent.View
}

func (s stand) Calls() []bridge.CallView { return s.calls }
func (s stand) DNs() []agent.View        { return s.dns }
