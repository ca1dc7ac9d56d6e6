package cti_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/agent"
	"sidecar/bridge"
	"sidecar/cti"
)

var update = flag.Bool("update", false, "write golden files and docs/cti-events.md anew")

func TestEncodeGolden(t *testing.T) {
	t.Parallel()
	for _, c := range encodeCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			golden(t, filepath.Join("testdata", "encode", c.name+".json"), pretty(t, c.event))
		})
	}
}

func TestEncodedEventsReadBack(t *testing.T) {
	t.Parallel()
	for _, c := range encodeCases() {
		raw, err := json.Marshal(c.event)
		require.NoError(t, err)
		var back cti.Event
		require.NoError(t, json.Unmarshal(raw, &back), c.name)
		again, err := json.Marshal(back)
		require.NoError(t, err)
		require.JSONEq(t, string(raw), string(again), c.name)
	}
}

// Every kind that the engine and the DNs can publish has a row with a T-Library number, and every row a case.
func TestCatalogueIsComplete(t *testing.T) {
	t.Parallel()
	covered := map[string]bool{}
	for _, c := range encodeCases() {
		covered[c.event.MessageType] = true
	}
	names := map[string]bool{}
	for _, kind := range cti.Kinds() {
		require.NotZero(t, kind.MessageID, kind.MessageType)
		require.NotEmpty(t, kind.Meaning, kind.MessageType)
		require.True(t, covered[kind.MessageType], "no encode case for %s", kind.MessageType)
		names[string((&cti.Event{Name: kind.Name, MessageType: kind.MessageType}).Kind())] = true
	}
	names[string(bridge.EventCallChanged)] = true // named by the call's state
	names[string(agent.ActivityChanged)] = true   // T-Library has no event for it, the feed leaves it out
	for _, file := range []string{"../bridge/event.go", "../agent/event.go"} {
		kinds := declaredKinds(t, file)
		require.NotEmpty(t, kinds, file)
		for _, kind := range kinds {
			require.True(t, names[kind], "%s: kind %s is not in the catalogue", file, kind)
		}
	}
}

// Clients take a PartyChanged without OtherDN for a conference.
func TestPartyChangedOfATransferAlwaysNamesTheOther(t *testing.T) {
	t.Parallel()
	e := partyChanged()
	e.Other = bridge.PartyView{}
	require.Equal(t, "5002", cti.Encode(e).Attributes.OtherDN)

	e.CallState = bridge.CallStateOK
	require.Empty(t, cti.Encode(e).Attributes.OtherDN)

	e.CallState = bridge.CallStateTransferred
	e.Call.Parties = append(e.Call.Parties, dnParty(4, "5004", bridge.RoleNewParty, bridge.PartyEstablished))
	require.Empty(t, cti.Encode(e).Attributes.OtherDN, "with several others there is no one other")
}

func TestHeldAndRetrievedRepeatTheRoleOfRinging(t *testing.T) {
	t.Parallel()
	for _, c := range encodeCases() {
		switch c.name {
		case "Ringing", "Established", "Held", "Retrieved":
			require.Equal(t, bridge.RoleDestination, c.event.Attributes.ThisDNRole, c.name)
		}
	}
}

func TestStatesThatClientsDontKnow(t *testing.T) {
	t.Parallel()
	want := map[bridge.PartyState]cti.CallState{
		bridge.PartyInitiated: cti.StateDialing, bridge.PartyDialing: cti.StateDialing,
		bridge.PartyAlerting: cti.StateDialing, bridge.PartyRinging: cti.StateRinging,
		bridge.PartyEstablished: cti.StateEstablished, bridge.PartyHeld: cti.StateHeld,
		bridge.PartyReleased: cti.StateReleased,
	}
	for state, shown := range want {
		this := dnParty(2, "5001", bridge.RoleDestination, state)
		e := cti.Encode(happened(1, bridge.EventCallChanged, inbound(state, outside(), this), this, outside()))
		require.Equal(t, shown, e.Call.State, state)
		require.Equal(t, string(shown), e.Name, state)
		e = cti.Encode(happened(1, bridge.EventRinging, inbound(state, outside(), this), this, outside()))
		require.Equal(t, shown, e.Call.State, state)
	}
}

func TestAKindWithoutRowKeepsItsName(t *testing.T) {
	t.Parallel()
	e := happened(1, "Surprised", inbound(bridge.PartyRinging), bridge.PartyView{}, bridge.PartyView{})
	out := cti.Encode(e)
	require.Equal(t, "Surprised", out.Name)
	require.Equal(t, "EventSurprised", out.MessageType)
	require.Zero(t, out.MessageID)
}

// declaredKinds reads the string constants of type EventKind out of a source file.
func declaredKinds(t *testing.T, file string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	require.NoError(t, err)
	var kinds []string
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if name, isIdent := spec.Type.(*ast.Ident); !isIdent || name.Name != "EventKind" {
			return true
		}
		literal, isLiteral := spec.Values[0].(*ast.BasicLit)
		require.True(t, isLiteral)
		kind, err := strconv.Unquote(literal.Value)
		require.NoError(t, err)
		kinds = append(kinds, kind)
		return true
	})
	return kinds
}

func pretty(t *testing.T, e cti.Event) []byte {
	t.Helper()
	raw, err := json.MarshalIndent(e, "", "  ")
	require.NoError(t, err)
	return append(raw, '\n')
}

// golden compares with the file, or writes it with -update.
func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(file, got, 0o600))
		return
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, got), "%s differs, -update writes it anew; got:\n%s", file, got)
}
