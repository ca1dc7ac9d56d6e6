package bridge

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAdoptedCallIsLikeAnyOther(t *testing.T) {
	t.Parallel()
	s := newScript(t).in(Adopted{Legs: []AdoptedLeg{
		{Channel: ch("cust"), Number: "030123", Trunk: true}, {Channel: ch("n1-x.1"), DN: "5001", Number: "5001"},
	}})
	require.Equal(t, []string{"5001: Ringing OK other=030123", "5001: Established OK other=030123"}, s.events())
	require.Equal(t, []string{"OccupyDN", "PlayMusic", "MuteLeg", "MuteLeg"}, s.effects())
	require.Contains(t, s.lines, "PlayMusic {Bridge:{Server:pbx1 ID:n1-x} On:false}")
	require.Equal(t, CallInbound, s.state.Call.Type)
	require.Contains(t, s.state.view().Parties[1].Capabilities, CanSingleStepTransfer)
	require.Equal(t, []string{"5001: Released OK other=030123 cause=16"}, s.in(gone("cust", 16)).events())
	require.Contains(t, s.in(gone("n1-x.1", 16)).effects(), "DestroyBridge")
}

func TestAdoptedLegsKeepTheirNames(t *testing.T) {
	t.Parallel()
	leg, ok := adoptable(ch("a"), ChannelFact{State: LegIsUp, Arrived: &Arrival{From: "5001", Number: "5001", Leg: "g-1"}})
	require.True(t, ok)
	require.Equal(t, "g-1", leg.Leg)
	leg, ok = adoptable(ch("n1-x.1"), ChannelFact{State: LegIsUp, Called: Endpoint{DN: "5001"}})
	require.True(t, ok)
	require.Equal(t, "n1-x.1", leg.Leg)
	s := newScript(t).able().in(Adopted{Legs: []AdoptedLeg{{Channel: ch("cust"), Number: "030", Trunk: true}, leg}})
	require.Contains(t, s.capabilities(2), CanHold)
}
