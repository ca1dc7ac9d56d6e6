package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"

	"sidecar/gateway"
	"sidecar/media"
)

const strangerHz = 1010

func TestRTPOfStrangersIsNotRelayed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	_, line, m, ok := inboundOf(t, w, w.agent("5001"), media.PCMU, media.PCMU)
	requireSound(t, line, m)
	for _, host := range []string{"127.0.0.1:0", "127.0.0.9:0"} {
		conn, err := net.ListenPacket("udp", host)
		require.NoError(t, err)
		v := newVoice(t, media.PCMU, 101, strangerHz)
		line2 := &line0{voice: v, conn: conn, to: line.far.Load()}
		done, gone := make(chan struct{}), make(chan struct{})
		go func() { defer close(gone); v.speak(done, line2.write) }()
		require.NoError(t, m.hears.WaitNoTone(patient(t), strangerHz), host)
		require.NoError(t, m.hears.WaitTone(patient(t), phoneHz), "the call goes on: %s", ok.start)
		require.NoError(t, line.hears.WaitTone(patient(t), browserHz), "and its sound goes where it went")
		close(done)
		<-gone
		require.Positive(t, line2.sent, "the stranger did talk")
		require.NoError(t, conn.Close())
		v.hears.Close()
	}
}

// line0 sends and hears nothing.
type line0 struct {
	*voice
	conn net.PacketConn
	to   net.Addr
	sent int // the speaker's
}

func (l *line0) write(header *rtp.Header, payload []byte) {
	packet := rtp.Packet{Header: *header, Payload: payload}
	packet.SSRC = 666
	if data, err := packet.Marshal(); err == nil {
		_, _ = l.conn.WriteTo(data, l.to)
		l.sent++
	}
}

func TestADNBelongsToItsOwner(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	a := w.connect("5002")
	a.bearer = "token-for-5001"
	require.Equal(t, 403, a.register(600).status)
	w.dialRefused("5002", 480, "nobody got in")
	w.registrar.none(t)

	rightful := w.agent("5001")
	other := w.agent("5002")
	l := other.call("5003", newMicrophone(t).offer())
	other.until("SIP/2.0 180")
	thief := *l
	thief.agent, thief.dn = rightful, "5002"
	thief.request("CANCEL", 1, l.branch, "")
	require.Equal(t, 481, thief.finalOf("CANCEL").status, "another flow's call")
	forged := &leg{agent: rightful, callID: randomName(), local: randomName(), peer: "5003", target: "sip:5003@desk.example.com"}
	rightful.dn = "5002"
	forged.cseq = 1
	forged.request("INVITE", 1, randomName(), newMicrophone(t).offer())
	require.Equal(t, 403, forged.finalOf("INVITE").status, "in another DN's name")
}

// Field lesson 3.
func TestFieldLesson03_AForgedContactLeadsNowhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	elsewhere := listenUDP(t)
	a := w.connect("5001")
	a.host = elsewhere.LocalAddr().String()
	require.Equal(t, 200, a.register(600).status)
	require.Equal(t, "5001 3600", w.registrar.wait(t))
	call, _, m := inbound(t, w, a)
	requireTalk(t, m, call)
	require.NoError(t, call.Hangup(patient(t)))
	a.respond(a.until("BYE"), 200, "OK", "")
	w.wait(gateway.Ended)
	require.NoError(t, elsewhere.SetReadDeadline(time.Now()))
	_, _, err := elsewhere.ReadFrom(make([]byte, 1500))
	require.ErrorContains(t, err, "timeout", "requests go by dialog and flow")
}

// passwords know those of the DNs.
type passwords struct{}

func (passwords) Password(dn string) (string, bool) {
	return "secret-of-" + dn, strings.HasPrefix(dn, "50")
}

func (passwords) Token(context.Context, string) ([]string, error) { return nil, errNoToken }

var errNoToken = errors.New("no token of ours")

func TestWrongPasswordsInARow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *settings) { s.gateway.SIP.Registrar.Credentials = passwords{} })
	a := w.connect("5001")
	for range 10 {
		a.auth = ""
		res := a.register(600)
		if res.status == 401 {
			_, nonce, _ := strings.Cut(res.get("WWW-Authenticate"), `nonce="`)
			nonce, _, _ = strings.Cut(nonce, `"`)
			a.auth = fmt.Sprintf(`Authorization: Digest username="5001", realm="sidecar", nonce="%s", uri="sip:desk.example.com", response="%032d", qop=auth, nc=00000001, cnonce="x", algorithm=MD5`, nonce, 0)
			res = a.register(600)
		}
		require.GreaterOrEqual(t, res.status, 400, res.start)
	}
	last := a.register(600)
	require.Contains(t, []int{403, 429, 503}, last.status, "it has to wait: %s", last.start)
	w.dialRefused("5001", 480, "nobody got in")
	w.registrar.none(t)
}
