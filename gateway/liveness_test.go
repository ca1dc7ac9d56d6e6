package gateway_test

import (
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"

	"sidecar/gateway"
	"sidecar/media"
)

func TestFieldLesson04_SilenceAndComfortNoiseAreNoDeath(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	_, line, m, _ := inboundOf(t, w, w.agent("5001"), media.PCMU, media.PCMU)
	requireSound(t, line, m)
	w.wait(gateway.Answered)
	line.muted.Store(true)
	m.muted.Store(true)
	for n := range 50 {
		line.write(&rtp.Header{Version: 2, PayloadType: 13, SequenceNumber: 30000 + uint16(n), Timestamp: uint32(n)}, []byte{30})
	}
	require.NoError(t, line.hears.WaitSilence(patient(t)))
	require.NoError(t, m.hears.WaitSilence(patient(t)))
	require.Empty(t, w.events, "a muted side is no dead one")
	line.muted.Store(false)
	m.muted.Store(false)
	requireSound(t, line, m)
}

// cable is a socket that can be cut.
type cable struct {
	net.PacketConn
	cut atomic.Bool
}

func (c *cable) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, addr, err := c.PacketConn.ReadFrom(b)
		if err != nil || !c.cut.Load() {
			return n, addr, err //nolint:wrapcheck // it is the socket's
		}
	}
}

func (c *cable) WriteTo(b []byte, addr net.Addr) (int, error) {
	if c.cut.Load() {
		return len(b), nil
	}
	return c.PacketConn.WriteTo(b, addr) //nolint:wrapcheck // it is the socket's
}

// The agent's network breaks, WebSocket and all. The page finds back, its media doesn't by itself.
func TestACutNetworkIsFollowedByAnICERestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	a := w.agent("5001")
	call := w.dial("5001")
	l := a.rung()
	c := &cable{PacketConn: listenUDP(t)}
	m := newMicrophoneBy(t, func(s *webrtc.SettingEngine) {
		s.SetICEUDPMux(ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: c, Logger: quiet().NewLogger("mux")}))
	})
	a.respond(l.invite, 200, "OK", m.answer(l.invite.body))
	requireTalk(t, m, call)
	w.wait(gateway.Answered)

	c.cut.Store(true)
	a.drop()
	back := w.again("5001", a.host)
	again := back.until("INVITE")
	require.Equal(t, l.callID, again.get("Call-ID"), "in the dialog")
	require.NotEqual(t, ufrag(l.invite.body), ufrag(again.body))
	c.cut.Store(false)
	back.respond(again, 200, "OK", m.answer(again.body))
	requireTalk(t, m, call)
	require.Zero(t, call.Reinvites())
	require.NotContains(t, strings.Join(w.kinds(), " "), "ended")
}

// A PBX that says nothing is asked whether it is there. Silence alone ends no call.
func TestASilentPBXIsAsked(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		status int
		want   []string
	}{
		"it has the call":  {status: 200, want: []string{"INVITE", "INVITE"}},
		"it is busy":       {status: 500, want: []string{"INVITE", "INVITE"}},
		"it was restarted": {status: 481, want: []string{"INVITE", "BYE"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(s *settings) { s.gateway.Silence = 300 * time.Millisecond })
			a := w.agent("5001")
			p, line, _, _ := inboundOf(t, w, a, media.PCMU, media.PCMU)
			w.wait(gateway.Answered)
			line.muted.Store(true)
			for _, method := range tt.want {
				ask := p.until(method)
				p.respond(ask, tt.status, "Whatever", line.sdp(1))
			}
			if tt.status != 481 {
				require.NotContains(t, w.kinds(), "ended")
				return
			}
			a.respond(a.until("BYE"), 200, "OK", "")
			w.wait(gateway.Ended)
		})
	}
}

func TestAPBXThatIsHeardIsNotAsked(t *testing.T) {
	t.Parallel()
	// Longer than a busy machine may keep a packet from us, which is silence too.
	const silence = 3 * time.Second
	w := newWorld(t, func(s *settings) { s.gateway.Silence = silence })
	p, line, m, _ := inboundOf(t, w, w.agent("5001"), media.PCMU, media.PCMU)
	w.wait(gateway.Answered)
	requireSound(t, line, m)
	require.NoError(t, p.conn.SetReadDeadline(time.Now().Add(silence+time.Second)))
	_, _, err := p.conn.ReadFrom(make([]byte, 2000))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
}

func TestAPhoneDoesNotRingForEver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *settings) { s.gateway.RingLimit = 200 * time.Millisecond })
	a := w.agent("5001")
	call := w.dial("5001")
	l := a.rung()
	a.respond(l.invite, 180, "Ringing", "")
	a.respond(a.until("CANCEL"), 200, "OK", "")
	a.respond(l.invite, 487, "Request Terminated", "")
	end, err := call.WaitEnd(patient(t))
	require.NoError(t, err)
	require.Equal(t, 480, end.Status)
}
