package gateway_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/gateway"
)

func TestRegistrationsUpstreamAreTold(t *testing.T) {
	t.Parallel()
	lines := make(chan gateway.Line, 8)
	w := newWorld(t, func(s *settings) { s.gateway.OnLine = func(l gateway.Line) { lines <- l } })
	next := func() gateway.Line {
		select {
		case l := <-lines:
			return l
		case <-patient(t).Done():
			require.FailNow(t, "nothing was told")
			return gateway.Line{}
		}
	}
	a := w.agent("5001")
	require.Equal(t, gateway.Line{DN: "5001", Registered: true}, next())
	require.Equal(t, 200, a.register(0).status)
	require.Equal(t, gateway.Line{DN: "5001"}, next())
}

func TestTheEndOfACallHasAStatus(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	a := w.agent("5001")
	w.dial("5001")
	invite := a.until("INVITE")
	a.respond(invite, 486, "Busy Here", "")
	require.Equal(t, 486, w.wait(gateway.Ended).Status)
}
