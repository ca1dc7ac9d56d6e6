package gateway_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/gateway"
	"sidecar/internal/phone"
)

// After the death of a gateway its PBX calls the phones of its calls again: our page is to answer by itself.
func TestAPhoneThatIsCalledAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	require.True(t, w.Lost("5001", "n1-x.1"))
	require.False(t, w.Lost("nobody", "n1-x.1"), "no DN of ours")
	a := w.agent("5001")
	w.dial("5001", phone.WithHeader(gateway.LegHeader, "n1-x.2"), phone.WithHeader(gateway.ResumeHeader, "*"))
	l := a.rung()
	require.Equal(t, gateway.ResumeAny, l.invite.get(gateway.ResumeHeader))
	require.Contains(t, l.invite.get("Call-Info"), "answer-after=0")
	require.Empty(t, l.invite.get(gateway.LegHeader))
	require.False(t, w.Lost("5001", "n1-x.2"))
}

// A switch that mixes itself doesn't know our headers: what it sends is somebody else's word.
func TestAForeignPBXLetsNoPhoneAnswerByItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *settings) {
		ours := s.gateway.Upstream
		s.gateway.Upstream = func(dn string) (gateway.Upstream, bool) {
			up, ok := ours(dn)
			up.Name = "genesys"
			return up, ok
		}
	})
	require.False(t, w.Lost("5001", "n1-x.1"))
	a := w.agent("5001")
	w.dial("5001", phone.WithHeader(gateway.ResumeHeader, "*"))
	l := a.rung()
	require.Empty(t, l.invite.get(gateway.ResumeHeader))
	require.Empty(t, l.invite.get("Call-Info"))
}
