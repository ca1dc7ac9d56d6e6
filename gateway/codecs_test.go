package gateway_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/gateway"
	"sidecar/internal/opus"
	"sidecar/media"
)

// together reports whether this program can join two codecs.
func together(a, b media.Codec) bool {
	return a == b || opus.Built || a != media.Opus && b != media.Opus
}

// inboundOf lets an upstream call that knows one codec a browser that knows one.
func inboundOf(t *testing.T, w *world, a *agent, up, browser media.Codec) (*pbx, *line, *microphone, *text) {
	t.Helper()
	p, line := w.pbx("5001", ""), newLine(t, up)
	p.seq++
	p.send("INVITE", line.sdp(1))
	l := a.rung()
	m := newMicrophoneOf(t, browser)
	a.respond(l.invite, 200, "OK", m.answer(l.invite.body))
	ok := p.until("SIP/2.0 200")
	p.tag = tagOf(ok.get("To"))
	line.reach(ok.body)
	p.ackOf(1, "")
	a.until("ACK")
	return p, line, m, ok
}

func requireSound(t *testing.T, l *line, m *microphone) {
	t.Helper()
	require.NoError(t, l.hears.WaitTone(patient(t), browserHz), "the upstream hears the browser")
	require.NoError(t, m.hears.WaitTone(patient(t), phoneHz), "the browser hears the upstream")
}

func TestEveryPairOfCodecsIsHeardBothWays(t *testing.T) {
	t.Parallel()
	for _, up := range allCodecs() {
		for _, browser := range allCodecs() {
			if !together(up, browser) {
				continue
			}
			t.Run(fmt.Sprintf("%s to %s", up, browser), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, nil)
				_, line, m, ok := inboundOf(t, w, w.agent("5001"), up, browser)
				require.Regexp(t, fmt.Sprintf(`m=audio \d+ RTP/AVP %d %d\r\n`, line.payload, line.event), ok.body, "one codec and the digits")
				requireSound(t, line, m)

				line.press <- '5'
				require.Equal(t, "5", m.waitDigit(t), "from %d to %d", line.event, m.event)
				m.press <- '#'
				require.Equal(t, "#", line.waitDigit(t), "from %d to %d", m.event, line.event)
			})
		}
	}
}

func TestBrowsersCallInEveryCodec(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]media.Codec{{media.PCMA, media.PCMU}, {media.G722, media.PCMA}, {media.PCMU, media.G722}, {media.Opus, media.Opus}} {
		t.Run(fmt.Sprintf("%s to %s", pair[0], pair[1]), func(t *testing.T) {
			t.Parallel()
			w, p := withPBX(t, nil)
			line, m := newLine(t, pair[1]), newMicrophoneOf(t, pair[0])
			l := w.agent("5001").call("5002", m.offer())
			invite := p.taken()
			line.reach(invite.body)
			p.respond(invite, 200, "OK", line.sdp(1))
			m.accept(l.answered().body)
			requireSound(t, line, m)
		})
	}
}

func TestCodecsThatCannotBeJoinedAreRefused(t *testing.T) {
	t.Parallel()
	if opus.Built {
		return // there are none
	}
	w := newWorld(t, nil)
	a := w.agent("5001")
	p, line := w.pbx("5001", ""), newLine(t, media.Opus)
	p.seq++
	p.send("INVITE", line.sdp(1))
	l := a.rung()
	require.NotContains(t, l.invite.body, "PCMU", "what couldn't be made opus is not offered")
	require.Contains(t, l.invite.body, "opus/48000")
	a.respond(l.invite, 488, "Not Acceptable Here", "")
	require.Equal(t, "1 INVITE", p.until("SIP/2.0 488").get("CSeq"))
	w.wait(gateway.Ended)
}

func TestBrowsersWithoutACodecOfTheDNRingNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *settings) { s.gateway.Codecs = []media.Codec{media.PCMU} })
	require.Equal(t, 488, w.agent("5001").call("5002", newMicrophoneOf(t, media.G722).offer()).finalOf("INVITE").status)
	w.wait(gateway.Ended)
	require.Empty(t, w.phone.Calls())
}

func TestEachDNHasItsOrderOfCodecs(t *testing.T) {
	t.Parallel()
	w, p := withPBX(t, func(s *settings) {
		inner := s.gateway.Upstream
		s.gateway.Upstream = func(dn string) (gateway.Upstream, bool) {
			up, ok := inner(dn)
			if dn == "5003" {
				up.Codecs = []media.Codec{media.G722, media.PCMA}
			}
			return up, ok
		}
	})
	types := func(sdp string) string {
		_, rest, _ := strings.Cut(sdp, "m=audio ")
		rest, _, _ = strings.Cut(rest, "\r\n")
		return strings.Join(strings.Fields(rest)[2:], " ")
	}
	rest := "0 8 9 126"
	if opus.Built { // what can be transcoded comes last
		rest = "0 8 9 111 126 110"
	}
	for dn, want := range map[string]struct{ upstream, browser, answer string }{
		"5001": {"0 8 9 111 101 110", rest, "0 101"},
		"5003": {"9 8 101", "9 8 126", "9 101"},
	} {
		a := w.agent(dn)
		a.call("5002", newMicrophone(t).offer())
		invite := p.taken()
		require.Equal(t, want.upstream, types(invite.body), dn)
		p.respond(invite, 486, "Busy Here", "")
		s := w.pbx(dn, "")
		s.seq++
		s.send("INVITE", sdpOffering(listenUDP(t), 1, "8 0 9 18 101"))
		l := a.rung()
		require.Equal(t, want.browser, types(l.invite.body), dn)
		a.respond(l.invite, 200, "OK", newMicrophone(t).answer(l.invite.body))
		require.Equal(t, want.answer, types(s.until("SIP/2.0 200").body), dn)
	}
}

func TestDigitsOfAnUpstreamsINFOReachTheBrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	p, line, m, _ := inboundOf(t, w, w.agent("5001"), media.PCMU, media.PCMU)
	requireSound(t, line, m)
	require.Equal(t, 200, p.do("INFO", "Signal=9\r\nDuration=100\r\n", "Content-Type: application/dtmf-relay").status)
	require.Equal(t, "9", m.waitDigit(t))
}
