package cti_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/bridge"
	"sidecar/cti"
)

func TestLines(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"Ringing":              "5001: Ringing(1) CallType=Inbound OtherDN=+49301234567 ANI=+49301234567 DNIS=5001",
		"Released":             "5001: Released(1) CallType=Inbound OtherDN=+49301234567",
		"Released-Transferred": "5001: Released(1) CallType=Inbound CallState=Transferred OtherDN=5002 ThirdPartyDN=5001",
		"PartyChanged":         "5003: PartyChanged(2) CallType=Internal CallState=Transferred PreviousConnID=1 OtherDN=5002 ThirdPartyDN=5001",
		"Error":                `5001: Error(1) CallType=Outbound ErrorMessage="5099" can't be called: no phone is registered there`,
		"InService":            "5001: InService",
		"Call-Established":     "call: Established(1) CallType=Inbound parties=+49301234567/Established,5001/Established",
		"Call-Released":        "call: Released(1) CallType=Inbound parties=",
	}
	for _, c := range encodeCases() {
		if line, ok := want[c.name]; ok {
			require.Equal(t, line, cti.Line(c.event))
			delete(want, c.name)
		}
	}
	require.Empty(t, want)
}

func TestLinerNumbersConnIDsByFirstAppearance(t *testing.T) {
	t.Parallel()
	e := cti.Encode(partyChanged())
	first := cti.Encode(callEvent("a", 1, "5001"))
	l := cti.Liner{Roles: true}
	require.Contains(t, l.Line(first), "Ringing(1)")
	require.Equal(t, "5003: PartyChanged(1) CallType=Internal CallState=Transferred PreviousConnID=2"+
		" ThisDNRole=RoleOrigination OtherDN=5002 OtherDNRole=RoleDestination ThirdPartyDN=5001"+
		" ThirdPartyDNRole=RoleTransferredBy", l.Line(e))
	e.Attributes.ConnID = bridge.ConnID(3)
	require.Contains(t, l.Line(e), "PartyChanged(3)")
}
