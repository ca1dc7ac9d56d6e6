package gws_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/access"
	"sidecar/auth"
	"sidecar/bridge"
	"sidecar/cti/gws"
)

// other is a further call of a DN.
func other(id, dn string, state bridge.PartyState) bridge.CallView {
	v := call(dn, state)
	v.ID = bridge.CallID(id)
	return v
}

// standings are what a call can be for an agent, by letter. The last three are none of the agent's own that a command could mean.
func standings() map[rune]func(id string) bridge.CallView {
	own := func(state bridge.PartyState) func(string) bridge.CallView {
		return func(id string) bridge.CallView { return other(id, "5001", state) }
	}
	return map[rune]func(string) bridge.CallView{
		'r': own(bridge.PartyRinging), 'd': own(bridge.PartyDialing), 'i': own(bridge.PartyInitiated), 'e': own(bridge.PartyEstablished), 'h': own(bridge.PartyHeld),
		'a': own(bridge.PartyAlerting), 'x': own(bridge.PartyReleased), 'f': func(id string) bridge.CallView { return other(id, "5002", bridge.PartyEstablished) },
	}
}

// rules are the contract: for each command the standings that it means, the first tier that a call is in.
func rules() map[access.Verb]string {
	return map[access.Verb]string{
		access.Answer: "r i", access.Reject: "r", access.Redirect: "r",
		access.Hold: "e", access.Transfer: "e", access.SendDTMF: "e", access.MuteTransfer: "e", access.Consult: "e", access.SingleStepConference: "e",
		access.Mute: "e", access.Unmute: "e", access.Drop: "e", access.Merge: "e",
		access.StartRecording: "e", access.StopRecording: "e", access.PauseRecording: "e", access.ResumeRecording: "e",
		access.Retrieve: "h",
		access.Release:  "e rdi h", access.AttachData: "e rdi h", access.UpdateData: "e rdi h", access.DeleteData: "e rdi h",
		access.CompleteTransfer: "e di h", access.CompleteConference: "e di h", access.Alternate: "e di h", access.Reconnect: "e di h",
	}
}

// combinations are all that up to n calls can be at once.
func combinations(n int) []string {
	all, last := []string{""}, []string{""}
	for range n {
		var next []string
		for _, shorter := range last {
			for letter := range standings() {
				next = append(next, shorter+string(letter))
			}
		}
		all, last = append(all, next...), next
	}
	return all
}

// Every command with every combination of up to three calls.
func TestActive(t *testing.T) {
	t.Parallel()
	p := auth.Principal{Role: auth.RoleAgent, DNs: []string{"5001"}, Scope: []string{"5001"}}
	callThat := standings()
	for _, letters := range combinations(3) {
		var calls []bridge.CallView
		for i, letter := range letters {
			calls = append(calls, callThat[letter](string('A'+rune(i))))
		}
		for verb, tiers := range rules() {
			var want []string
			for tier := range strings.FieldsSeq(tiers) {
				for i, letter := range letters {
					if strings.ContainsRune(tier, letter) {
						want = append(want, string('A'+rune(i)))
					}
				}
				if len(want) > 0 {
					break
				}
			}
			mine, err := gws.Active(p, calls, verb)
			about := string(verb) + " with " + letters
			switch len(want) {
			case 0:
				var none *gws.NoActiveError
				require.ErrorAs(t, err, &none, about)
			case 1:
				require.NoError(t, err, about)
				require.Equal(t, want[0], string(mine.Call.ID), about)
				require.Equal(t, bridge.DN("5001"), mine.DN, about)
			default:
				var several *gws.SeveralError
				require.ErrorAs(t, err, &several, about)
				require.Contains(t, err.Error(), ": "+strings.Join(want, ", "), about)
				require.Len(t, several.Calls, len(want), about)
			}
		}
	}
}

// A supervisor who listens may answer and leave; holding and transferring is not for him, and the call in which he talks himself comes
// before none.
func TestActiveOfWhoListens(t *testing.T) {
	t.Parallel()
	p := auth.Principal{Role: auth.RoleSupervisor, DNs: []string{"5001"}, Scope: []string{"5001", "5002"}}
	listening := other("L", "5001", bridge.PartyEstablished)
	listening.Parties[1].Role = bridge.RoleObserver
	var none *gws.NoActiveError
	_, err := gws.Active(p, []bridge.CallView{listening}, access.Hold)
	require.ErrorAs(t, err, &none)
	mine, err := gws.Active(p, []bridge.CallView{listening}, access.Release)
	require.NoError(t, err)
	require.Equal(t, bridge.CallID("L"), mine.Call.ID)
	mine, err = gws.Active(p, []bridge.CallView{listening, other("T", "5001", bridge.PartyEstablished)}, access.Hold)
	require.NoError(t, err)
	require.Equal(t, bridge.CallID("T"), mine.Call.ID)
	_, err = gws.Active(p, []bridge.CallView{other("F", "5002", bridge.PartyEstablished)}, access.Release)
	require.ErrorAs(t, err, &none, "the team's calls are not the own ones")
}

// A call in which two of the own DNs talk to each other is one, but nobody can tell which of them is meant.
func TestActiveOfTwoOwnDNs(t *testing.T) {
	t.Parallel()
	p := auth.Principal{Role: auth.RoleAgent, DNs: []string{"5001", "5002"}, Scope: []string{"5001", "5002"}}
	v := other("B", "5001", bridge.PartyEstablished)
	v.Parties[0].DN, v.Parties[0].State = "5002", bridge.PartyEstablished
	_, err := gws.Active(p, []bridge.CallView{v}, access.Hold)
	require.ErrorIs(t, err, bridge.ErrAmbiguousParty)
}

// Who has left a call is meant as long as nobody of the own DNs is in it: what was given twice is answered twice.
func TestMineInOfWhoHasLeft(t *testing.T) {
	t.Parallel()
	p := auth.Principal{Role: auth.RoleAgent, DNs: []string{"5001", "5002"}, Scope: []string{"5001", "5002"}}
	v := other("L", "5001", bridge.PartyReleased)
	mine, err := gws.MineIn(p, v)
	require.NoError(t, err)
	require.Equal(t, bridge.DN("5001"), mine.DN)
	v.Parties[0].DN, v.Parties[0].State = "5002", bridge.PartyEstablished
	mine, err = gws.MineIn(p, v)
	require.NoError(t, err)
	require.Equal(t, bridge.DN("5002"), mine.DN)
	_, err = gws.MineIn(p, other("F", "5003", bridge.PartyEstablished))
	require.ErrorIs(t, err, bridge.ErrCallNotFound)
}
