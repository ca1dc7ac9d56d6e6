package gws_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/agent"
	"sidecar/bridge"
	"sidecar/cti"
	"sidecar/cti/gws"
)

// What a page of the integration guide is told, to the letter.
func TestGuideJSON(t *testing.T) {
	t.Parallel()
	r := newRig(t, cti.FeedOptions{AgentOf: func(dn string) string { return map[string]string{"5001": "alice"}[dn] }}, gws.Options{}).run()
	d := newDesktop(t, r.serve(), "agent1").start(nil, both...)
	d.receive(1)
	at := time.Date(2026, 11, 20, 21, 0, 0, 123_000_000, time.UTC)
	view := bridge.CallView{
		ID: "00T2B0FGGOB3D0A3GBC80H5AES000001", ConnID: 0x0171034d8b2c4001, Type: bridge.CallInbound, State: bridge.PartyRinging, ANI: "030123", DNIS: "8000",
		Parties: []bridge.PartyView{
			{ID: 1, Number: "030123", Role: bridge.RoleOrigination, State: bridge.PartyEstablished},
			{ID: 2, DN: "5001", Number: "5001", Role: bridge.RoleDestination, State: bridge.PartyRinging, Capabilities: []bridge.Capability{bridge.CanAnswer, bridge.CanRedirect}},
		},
		UserData: bridge.UserDataOf(map[string]string{"Segment": "Gold"}), StartedAt: at.Add(-2 * time.Second),
	}
	tell := func(id string, kind bridge.EventKind, state bridge.CallState) {
		r.feed.PublishCall(bridge.Event{
			ID: id, N: 1, Kind: kind, Call: view, This: view.Parties[1], Other: view.Parties[0], CallState: state, Audience: []bridge.DN{"5001"}, Time: at,
		})
	}
	tell("n1-8f3a-3", bridge.EventRinging, bridge.CallStateOK)
	require.JSONEq(t, `{"event": "Ringing", "messageType": "EventRinging", "messageId": 60, "eventId": "n1-8f3a-3", "seq": 1,
		"timestamp": "2026-11-20T21:00:00.123Z", "dn": "5001", "agentId": "alice", "call": {
			"id": "00T2B0FGGOB3D0A3GBC80H5AES000001", "connId": "0171034d8b2c4001", "callType": "Inbound", "state": "Ringing", "direction": "in",
			"ani": "030123", "dnis": "8000", "otherDn": "030123", "participants": [{"number": "030123", "role": "RoleOrigination"}],
			"capabilities": ["answer", "redirect"], "userData": {"Segment": "Gold"}, "startedAt": "2026-11-20T20:59:58.123Z", "duration": 2},
		"attributes": {"ConnID": "0171034d8b2c4001", "CallUUID": "00T2B0FGGOB3D0A3GBC80H5AES000001", "CallType": "Inbound", "CallState": "OK",
			"ThisDN": "5001", "ThisDNRole": "RoleDestination", "OtherDN": "030123", "OtherDNRole": "RoleOrigination", "ANI": "030123", "DNIS": "8000",
			"EventSequenceNumber": 1, "time": {"tv_sec": 1795208400, "tv_usec": 123000}}}`, d.next(gws.ChannelAgentEvents))

	tell("n1-8f3a-4", bridge.EventCallChanged, "")
	require.JSONEq(t, `{"event": "Ringing", "messageType": "EventCallDataChanged", "messageId": 161, "eventId": "n1-8f3a-4", "seq": 2,
		"timestamp": "2026-11-20T21:00:00.123Z", "call": {
			"id": "00T2B0FGGOB3D0A3GBC80H5AES000001", "connId": "0171034d8b2c4001", "callType": "Inbound", "state": "Ringing", "direction": "in",
			"ani": "030123", "dnis": "8000", "participants": [{"number": "030123", "role": "RoleOrigination", "state": "Established"},
			{"number": "5001", "role": "RoleDestination", "state": "Ringing"}], "userData": {"Segment": "Gold"}, "startedAt": "2026-11-20T20:59:58.123Z", "duration": 2},
		"attributes": {"ConnID": "0171034d8b2c4001", "CallUUID": "00T2B0FGGOB3D0A3GBC80H5AES000001", "CallType": "Inbound", "ANI": "030123", "DNIS": "8000",
			"EventSequenceNumber": 2, "time": {"tv_sec": 1795208400, "tv_usec": 123000}}}`, d.next(gws.ChannelCallState))

	r.feed.PublishDN(agent.Event{ID: "n1-a-1", Time: at, Kind: agent.BecameNotReady, AgentID: "alice", DN: agent.View{
		Number: "5001", InService: true, Since: at, Activity: agent.Idle,
		Agent: agent.Status{State: agent.NotReady, AgentID: "alice", Login: agent.AutoIn, Mode: agent.AuxWork, Reason: "lunch", Since: at},
	}})
	require.JSONEq(t, `{"event": "NotReady", "messageType": "EventAgentNotReady", "messageId": 76, "eventId": "n1-a-1", "seq": 3,
		"timestamp": "2026-11-20T21:00:00.123Z", "dn": "5001", "agentId": "alice",
		"dnState": {"number": "5001", "inService": true, "since": "2026-11-20T21:00:00.123Z", "calls": 0, "dnd": false, "activity": "Idle"},
		"agent": {"id": "alice", "state": "NotReady", "workMode": "AuxWork", "reason": "lunch", "since": "2026-11-20T21:00:00.123Z"},
		"attributes": {"ThisDN": "5001", "AgentID": "alice", "AgentWorkMode": "AuxWork", "Reasons": {"ReasonCode": "lunch"},
			"EventSequenceNumber": 3, "time": {"tv_sec": 1795208400, "tv_usec": 123000}}}`, d.next(gws.ChannelAgentEvents))
}

// next gives the data of the one message that is due, without the cursor, which is another one in each feed.
func (d *desktop) next(channel string) string {
	d.t.Helper()
	for len(d.inbox) < 1 {
		_, reply := d.connect()
		require.True(d.t, reply.ok(), reply.Error)
	}
	require.Len(d.t, d.inbox, 1)
	require.Equal(d.t, channel, d.inbox[0].Channel)
	var data map[string]any
	require.NoError(d.t, json.Unmarshal(d.inbox[0].Data, &data))
	require.Regexp(d.t, `^[0-9a-z]+:\d+$`, data["cursor"])
	delete(data, "cursor")
	text, err := json.Marshal(data)
	require.NoError(d.t, err)
	d.inbox = nil
	return string(text)
}
