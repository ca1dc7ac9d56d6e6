//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"

	"sidecar/internal/g711"
	"sidecar/internal/testkit/asterisk"
	"sidecar/internal/tone"
)

// A first look at a Genesys SIP Server as the upstream of a DN: it takes the registration, brings a call by third-party call
// control, presses the phone's answer key by NOTIFY inside the early dialog, and negotiates again at once. SIPp plays it, and
// counts the call as successful only when every message came as its scenario has it.
func TestGenesysUpstream(t *testing.T) {
	t.Parallel()
	server := newSIPServer(t)
	s := newDesks(t, fmt.Sprintf(`
trunks: [{name: genesys_sip_server, kind: genesys, host: %q, transport: udp}]
dns: [{numbers: [5001-5003], upstream: genesys_sip_server, overrides: {5002: {codecs: [opus, alaw]}}}]
`, server.registrar.LocalAddr()))
	t.Run("one codec", func(t *testing.T) { s.in(t).callFromSwitch(server, "5001", "") })
	t.Run("translated", func(t *testing.T) { // the page has opus only, which the SIP Server never has
		s.in(t).callFromSwitch(server, "5002", "opus")
	})
}

// callFromSwitch is a call of the SIP Server to a page, which may have one codec only, with all that REST says of it.
func (s *system) callFromSwitch(server *sipServer, dn, codec string) {
	s.t.Helper()
	with := s.webAccount(dn, 0)
	with.AllowEvents, with.Codec = "talk, hold", codec
	w := s.window(with)
	require.Equal(s.t, "registered", w.start())
	server.registered(s.t, dn)
	s.inService(dn)

	uuid := "01A2B3C4D5E6F708192A3B4C5D6E" + dn
	ended := server.call(s.t, s, dn, uuid)
	a := w.incoming()
	require.Equal(s.t, "030123456", a.from)
	a.state("talking") // by the NOTIFY: nobody pressed a key of the page
	server.media.hears(s.t, browserTone)
	a.hears(customerTone)
	if codec != "" {
		a.carries("audio/" + codec)
	}

	shown := s.onlyCall("Established")
	require.Equal(s.t, uuid, shown.ID, "REST knows it by the CallUUID")
	require.Equal(s.t, "switch", shown.Controller)
	refused := s.as(dn, http.MethodPost, "/api/v1/calls/"+uuid+"/transfer", `{"to":"5003"}`).want(http.StatusConflict)
	require.Contains(s.t, string(refused.body), "done by the SIP Server")
	a.hears(customerTone)

	a.hangup()
	require.NoError(s.t, <-ended)
	s.eventually("the call is over", func() bool { return len(s.calls("supervisor")) == 0 })
}

// sipServer is the SIP Server's address: a registrar that asks nobody for a password, and a media port.
type sipServer struct {
	registrar net.PacketConn
	seen      chan string // DNs
	media     *mediaPort
	port      int // SIPp's
}

func newSIPServer(t *testing.T) *sipServer {
	t.Helper()
	ports := asterisk.FreePorts(t, 4)
	registrar, err := net.ListenPacket("udp", fmt.Sprintf("127.0.0.3:%d", ports[0]))
	require.NoError(t, err)
	g := &sipServer{registrar: registrar, seen: make(chan string, 64), media: newMediaPort(t, fmt.Sprintf("127.0.0.3:%d", ports[1])), port: ports[3]} // ports[2] is for RTCP
	var work sync.WaitGroup
	work.Go(g.register)
	t.Cleanup(func() { _ = registrar.Close(); work.Wait() })
	return g
}

// register accepts every REGISTER, without a challenge.
func (g *sipServer) register() {
	buffer := make([]byte, 8192)
	for {
		n, from, err := g.registrar.ReadFrom(buffer)
		if err != nil {
			return
		}
		var dn string
		answer := "SIP/2.0 200 OK\r\n"
		for line := range strings.SplitSeq(string(buffer[:n]), "\r\n") {
			switch name, value, _ := strings.Cut(line, ": "); name {
			case "Via", "From", "Call-ID", "CSeq", "Contact", "Expires":
				answer += line + "\r\n"
			case "To":
				answer += line + ";tag=registrar\r\n"
				dn, _, _ = strings.Cut(strings.TrimPrefix(strings.TrimPrefix(value, "<"), "sip:"), "@")
			}
		}
		if !strings.HasPrefix(string(buffer[:n]), "REGISTER ") {
			continue
		}
		_, _ = g.registrar.WriteTo([]byte(answer+"Content-Length: 0\r\n\r\n"), from)
		select {
		case g.seen <- dn:
		default:
		}
	}
}

// registered waits for a REGISTER of a DN. Others may come before: a repeated one, or that of a page that was closed.
func (g *sipServer) registered(t *testing.T, dn string) {
	t.Helper()
	deadline := time.After(patience)
	for seen := ""; seen != dn; {
		select {
		case seen = <-g.seen:
		case <-deadline:
			require.FailNow(t, "no REGISTER of "+dn+" came to the SIP Server")
		}
	}
}

// call starts SIPp; the channel brings its verdict.
func (g *sipServer) call(t *testing.T, s *system, dn, uuid string) <-chan error {
	t.Helper()
	dir := t.TempDir()
	scenario, err := filepath.Abs("sipp/sip_server.xml")
	require.NoError(t, err)
	_, media, err := net.SplitHostPort(g.media.conn.LocalAddr().String())
	require.NoError(t, err)
	ctx, kill := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "sipp", fmt.Sprintf("127.0.0.1:%d", s.gateway.sip), "-sf", scenario, "-s", dn,
		"-i", "127.0.0.3", "-p", fmt.Sprint(g.port), "-m", "1", "-key", "media", media, "-key", "uuid", uuid,
		"-nostdin", "-timeout", "60s", "-timeout_error", "-trace_err", "-trace_msg", "-trace_logs", "-error_file", "errors.log", "-message_file", "messages.log", "-log_file", "log.log")
	cmd.Dir = dir
	verdict := make(chan error, 1)
	var work sync.WaitGroup
	work.Go(func() {
		_, err := cmd.CombinedOutput()
		if err != nil {
			errors, _ := os.ReadFile(filepath.Join(dir, "errors.log"))
			messages, _ := os.ReadFile(filepath.Join(dir, "messages.log"))
			err = fmt.Errorf("sipp: %w: %s\n%s", err, errors, messages)
		}
		verdict <- err
	})
	t.Cleanup(func() {
		kill()
		work.Wait()
		if t.Failed() && len(verdict) > 0 {
			t.Log(<-verdict)
		}
	})
	return verdict
}

// mediaPort is the media of a peer whose signalling is elsewhere: it sends a tone in G.711, A-law, to whoever sends to it.
type mediaPort struct {
	conn  *net.UDPConn
	heard *tone.Listener
}

func newMediaPort(t *testing.T, address string) *mediaPort {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(address)))
	require.NoError(t, err)
	m := &mediaPort{conn: conn, heard: tone.NewListener()}
	var work sync.WaitGroup
	work.Go(m.run)
	t.Cleanup(func() { _ = conn.Close(); work.Wait(); m.heard.Close() })
	return m
}

// run answers each packet with one of ours, in the codec that it came in: both sides send one each 20 ms.
func (m *mediaPort) run() {
	var generator tone.Generator
	buffer, samples := make([]byte, 1500), make([]int16, 160)
	out := rtp.Packet{Header: rtp.Header{Version: 2, SSRC: 4711}}
	for {
		n, from, err := m.conn.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return
		}
		var in rtp.Packet
		if in.Unmarshal(buffer[:n]) != nil || (in.PayloadType != 0 && in.PayloadType != 8) {
			continue
		}
		encode, decode := g711.EncodeULaw, g711.DecodeULaw
		if in.PayloadType == 8 {
			encode, decode = g711.EncodeALaw, g711.DecodeALaw
		}
		heard := make([]int16, len(in.Payload))
		for i, octet := range in.Payload {
			heard[i] = decode(octet)
		}
		m.heard.Write(heard)
		generator.Fill(samples, customerTone)
		out.Payload = out.Payload[:0]
		for _, sample := range samples {
			out.Payload = append(out.Payload, encode(sample))
		}
		out.PayloadType = in.PayloadType
		out.SequenceNumber++
		out.Timestamp += uint32(len(samples))
		raw, err := out.Marshal()
		if err == nil {
			_, _ = m.conn.WriteToUDPAddrPort(raw, from)
		}
	}
}

func (m *mediaPort) hears(t *testing.T, hz float64) {
	t.Helper()
	require.NoError(t, m.heard.WaitTone(soon(t), hz))
}
