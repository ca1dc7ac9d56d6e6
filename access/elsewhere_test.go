package access_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/access"
	"sidecar/auth"
	"sidecar/bridge"
)

// engine has one call, and no commands.
type engine struct {
	access.Engine

	call bridge.CallView
}

func (e engine) Calls() []bridge.CallView { return []bridge.CallView{e.call} }

func (e engine) Call(id bridge.CallID) (bridge.CallView, bool) { return e.call, id == e.call.ID }

func callOf(id, dn string) bridge.CallView {
	return bridge.CallView{ID: bridge.CallID(id), Parties: []bridge.PartyView{{DN: bridge.DN(dn), State: bridge.PartyEstablished}}}
}

// A command for a call that another sidecar runs names that one, to those who may see the call. To others it is unknown.
func TestCallsElsewhere(t *testing.T) {
	t.Parallel()
	a := access.New(access.Options{
		Engine: engine{call: callOf("here", "5001")},
		Elsewhere: func(yield func(string, bridge.CallView) bool) {
			_ = yield("m", callOf("other", "5002")) && yield("n", callOf("there", "5001"))
		},
	})
	boss := auth.Principal{User: "boss", Role: auth.RoleSupervisor, Team: "a", DNs: []string{"5001"}, Scope: []string{"5001"}}
	stranger := auth.Principal{User: "5009", Role: auth.RoleSupervisor, Team: "b", DNs: []string{"5009"}, Scope: []string{"5009"}}
	do := func(p auth.Principal, c access.Command) error {
		_, err := a.Do(t.Context(), p, c)
		return err
	}
	for name, command := range map[string]func(p auth.Principal, id bridge.CallID) error{
		"get": func(p auth.Principal, id bridge.CallID) error {
			_, err := a.Call(p, id)
			return err
		},
		"hold": func(p auth.Principal, id bridge.CallID) error {
			return do(p, access.Command{Verb: access.Hold, Call: id})
		},
		"hang up": func(p auth.Principal, id bridge.CallID) error {
			_, err := a.Hangup(t.Context(), p, bridge.Hangup{Call: id})
			return err
		},
	} {
		err := command(boss, "there")
		require.Equal(t, &access.ElsewhereError{Call: "there", Node: "n"}, err, name)
		o, known := access.OutcomeOf(err)
		require.True(t, known)
		require.Equal(t, access.Outcome{
			Status: http.StatusConflict, Code: "call_elsewhere",
			Detail: "call there is run by the sidecar with node n: give the command to that one",
		}, o)
		require.ErrorIs(t, command(stranger, "there"), bridge.ErrCallNotFound, name)
		require.ErrorIs(t, command(boss, "nowhere"), bridge.ErrCallNotFound, name)
		require.ErrorIs(t, command(boss, "other"), bridge.ErrCallNotFound, name)
	}
	const says = "call there is run by the sidecar with node n"
	require.ErrorContains(t, do(boss, access.Command{Verb: access.Hold, Call: "there", Op: "1"}), says)
	_, err := a.Hangup(t.Context(), boss, bridge.Hangup{Call: "there", Op: "1"})
	require.ErrorContains(t, err, says)
	require.ErrorContains(t, do(boss, access.Command{Verb: access.Merge, Call: "here", Other: "there"}), says)
	require.ErrorIs(t, do(boss, access.Command{Verb: access.Merge, Call: "here", Other: "other"}), bridge.ErrCallNotFound)
	_, err = a.Monitor(t.Context(), boss, bridge.Monitor{Call: "there", SupervisorNumber: "030"})
	require.ErrorContains(t, err, says)
}
