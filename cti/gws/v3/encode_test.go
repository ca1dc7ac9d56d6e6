package v3_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/bridge"
	"sidecar/cti/gws/v3"
	"sidecar/internal/userdata"
)

// What a client sends as key-value array comes back as it was.
func FuzzPairs(f *testing.F) {
	for _, seed := range []string{
		`[]`, `null`, `{}`, `[{"key":"a","type":"str","value":"x"}]`, `[{"key":"n","type":"int","value":7}]`, `[{"key":"a"}]`, `[1]`,
		`[{"key":"l","type":"kvlist","value":[{"key":"a","type":"str","value":"ü𝄞"}]}]`, `[{"key":"a","value":1.5}]`, `[[]]`, `"x"`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var p v3.Pairs
		if json.Unmarshal(text, &p) != nil {
			return
		}
		out, err := json.Marshal(p)
		require.NoError(t, err)
		require.NotEqual(t, "null", string(out))
		var again v3.Pairs
		require.NoError(t, json.Unmarshal(out, &again), "%s", out)
		require.True(t, p.Equal(again.Data), "%s became %s", text, out)
	})
}

func TestPairs(t *testing.T) {
	t.Parallel()
	out, err := json.Marshal(v3.Pairs{})
	require.NoError(t, err)
	require.JSONEq(t, `[]`, string(out), "never null: clients iterate")
	var p v3.Pairs
	require.Error(t, json.Unmarshal([]byte(`{"a":"b"}`), &p), "an object can't say the types")
	require.NoError(t, json.Unmarshal([]byte(`[{"key":"a","type":"str","value":"x"},{"key":"a","type":"int","value":2}]`), &p))
	require.Len(t, p.Data, 2, "a key may be there twice")
}

// Whatever comes as a command is taken or refused, and a refusal says why.
func FuzzCommand(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `{"data":{}}`, `{"data":null,"operationId":"x"}`, `{"data":{"destination":5}}`, `{"data":[]}`, `[`, `{"data":{"userData":{}}}`,
		`{"data":{"statistics":[{"objectId":"a"}],"autoCompleteCall":false,"target":{"numbers":["1"]}}}`, "\x00", `{"reasonCode":"lunch"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := v3.ParseCommand(text); err != nil {
			require.NotEmpty(t, err.Error())
		}
	})
}

func TestCommandRefusals(t *testing.T) {
	t.Parallel()
	for text, why := range map[string]string{
		`{"data":{"destination":5}}`:              "data.destination must be a JSON string, not a number",
		`{"data":[]}`:                             "data must be a JSON object, not a array",
		`{"data":{"autoCompleteCall":"yes"}}`:     "data.autoCompleteCall must be a JSON boolean, not a string",
		`{"data":{"userData":{}}}`:                "must be an array of pairs",
		`{"data"`:                                 "the body is no JSON",
		`{"data":{"channels":{"voice":"voice"}}}`: "data.channels must be a JSON array",
	} {
		err := v3.ParseCommand([]byte(text))
		require.ErrorContains(t, err, why, text)
	}
}

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func call(parties ...bridge.PartyView) bridge.CallView {
	return bridge.CallView{
		ID: "uuid", ConnID: 0x0100000000000001, Type: bridge.CallInbound, State: bridge.PartyEstablished, ANI: "030", DNIS: "8000",
		Parties: parties, UserData: bridge.UserData{{Key: "k", Value: userdata.Text("v")}}, StartedAt: noon.Add(-time.Minute),
	}
}

func party(dn bridge.DN, state bridge.PartyState, can ...bridge.Capability) bridge.PartyView {
	return bridge.PartyView{ID: 1, DN: dn, Number: string(dn), Role: bridge.RoleDestination, State: state, Capabilities: can}
}

// outside is the customer.
func outside() bridge.PartyView {
	return bridge.PartyView{ID: 9, Number: "030", Role: bridge.RoleOrigination, State: bridge.PartyEstablished}
}

func TestNotifications(t *testing.T) {
	t.Parallel()
	this := party("5001", bridge.PartyEstablished, bridge.CanHold, bridge.CanMuteOn)
	for _, c := range []struct {
		name string
		e    bridge.Event
		want string // empty: nothing
	}{
		{"established", bridge.Event{Kind: bridge.EventEstablished, This: this}, "CallStateChanged/StateChange"},
		{"data", bridge.Event{Kind: bridge.EventAttachedDataChanged, This: this}, "CallStateChanged/AttachedDataChanged"},
		{"party", bridge.Event{Kind: bridge.EventPartyAdded, This: this}, "CallStateChanged/ParticipantsUpdated"},
		{"recording", bridge.Event{Kind: bridge.EventRecordingChanged, This: this}, "CallStateChanged/CallRecordingStateChange"},
		{"an error", bridge.Event{Kind: bridge.EventError, This: this, Error: "no"}, "EventError/"},
		{"digits", bridge.Event{Kind: bridge.EventDTMFSent, This: this}, "CallStateChanged/StateChange"},
		{"network", bridge.Event{Kind: bridge.EventNetworkReached, This: this}, ""},
		{"muted", bridge.Event{Kind: bridge.EventMuteOn, This: this}, ""},
		{"a call as a whole", bridge.Event{Kind: bridge.EventCallChanged}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.e.Time, c.e.Call = noon, call(this, outside())
			n, told := v3.Encode(c.e)
			require.Equal(t, c.want != "", told)
			if told {
				require.Equal(t, c.want, n.MessageType+"/"+n.NotificationType)
				require.Equal(t, "op", n.OperationID, "of the command that caused it")
			}
		})
	}
}

func TestCallObject(t *testing.T) {
	t.Parallel()
	this := party("5001", bridge.PartyEstablished, bridge.CanHold, bridge.CanMuteOn, bridge.CanRelease)
	n, _ := v3.Encode(bridge.Event{Kind: bridge.EventEstablished, Time: noon, This: this, Call: call(this, outside())})
	c := n.Call
	require.Equal(t, []string{"0100000000000001", "0100000000000001", "uuid", "5001", "Established"}, []string{c.ID, c.ConnID, string(c.CallUUID), c.PhoneNumber, c.State})
	require.Equal(t, []bridge.Capability{bridge.CanHold, bridge.CanRelease}, c.Capabilities, "mute is none of the API's")
	require.Equal(t, []v3.Participant{{Number: "030", Role: bridge.RoleOrigination}}, c.Participants, "the others")
	require.Equal(t, 60, c.Duration)

	left := party("5001", bridge.PartyReleased)
	n, _ = v3.Encode(bridge.Event{Kind: bridge.EventReleased, Time: noon, This: left, Call: call(left, outside())})
	require.Equal(t, []bridge.Capability{bridge.CanComplete}, n.Call.Capabilities)
	over := v3.Completed(n)
	require.Equal(t, "Completed", over.Call.State)
	require.Empty(t, over.Call.Capabilities, "it has been put away")
	n, _ = v3.Encode(bridge.Event{Kind: bridge.EventAbandoned, Time: noon, This: left, Call: call(left)})
	require.Equal(t, "Released", n.Call.State)
}

// T-Library names the parent in every event of a consultation; to clients of this API it would mean that the id has changed.
func TestPreviousConnID(t *testing.T) {
	t.Parallel()
	this := party("5001", bridge.PartyDialing)
	consult := call(this)
	consult.Type, consult.Parent = bridge.CallConsult, 7
	n, _ := v3.Encode(bridge.Event{Kind: bridge.EventDialing, Time: noon, This: this, Call: consult, PreviousConnID: 7})
	require.Empty(t, n.Call.PreviousConnID)
	require.Equal(t, "0000000000000007", n.Call.ParentConnID)
	n, _ = v3.Encode(bridge.Event{Kind: bridge.EventPartyChanged, Time: noon, This: this, Call: call(this), PreviousConnID: 8})
	require.Equal(t, "0000000000000008", n.Call.PreviousConnID)
}

// The supervisor's copy of a call says whom it is about, the agent's that somebody listens, and the other agent's nothing.
func TestSupervision(t *testing.T) {
	t.Parallel()
	agent, other := party("5001", bridge.PartyEstablished), party("5002", bridge.PartyEstablished)
	other.ID = 2
	boss := bridge.PartyView{
		ID: 3, DN: "5003", Number: "5003", Role: bridge.RoleObserver, State: bridge.PartyEstablished,
		Observes: &bridge.Observes{Target: "5001", Mode: bridge.MonitorConnect, Scope: bridge.ScopeAgent},
	}
	whole := call(agent, other, boss)
	seenBy := func(p bridge.PartyView) *v3.Call {
		n, told := v3.Encode(bridge.Event{Kind: bridge.EventEstablished, Time: noon, This: p, Call: whole})
		require.True(t, told)
		return n.Call
	}
	mine := seenBy(boss)
	require.True(t, mine.IsMonitoredByMe)
	require.Equal(t, &v3.MonitoringInfo{MonitoredDN: "5001", MonitorMode: "Connect", MonitorScope: "Agent"}, mine.MonitoringInfo)
	theirs := seenBy(agent)
	require.True(t, theirs.SupervisorListeningIn && theirs.SupervisorBargedIn)
	require.Equal(t, "connect", theirs.SupervisorMonitoringState)
	require.False(t, seenBy(other).SupervisorListeningIn)
}
