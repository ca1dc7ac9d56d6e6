package media_test

import (
	"context"
	"crypto/rand"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"

	"sidecar/internal/tone"
	"sidecar/media"
)

// listen puts a listener behind a leg and lets it talk.
func listen(t *testing.T, leg *media.BrowserLeg) *tone.Listener {
	t.Helper()
	listener := tone.NewListener()
	t.Cleanup(listener.Close)
	leg.Peer().OnRTP(func(_ media.MediaID, packet *rtp.Packet) { hear(listener, packet) })
	talk(t, ourHz, func(h *rtp.Header, p []byte) error { return leg.Peer().WriteRTP(media.Audio, h, p) })
	return listener
}

func requireTalk(t *testing.T, b *browser, ours *tone.Listener) {
	t.Helper()
	require.NoError(t, ours.WaitTone(patient(t), browserHz), "we hear the browser")
	require.NoError(t, b.hears.WaitTone(patient(t), ourHz), "the browser hears us")
}

func TestBothHearEachOther(t *testing.T) {
	t.Parallel()
	engines := map[string]func(*media.EngineOptions){
		"full ICE": nil,
		"lite":     func(o *media.EngineOptions) { o.Lite = true },
		"TCP":      func(o *media.EngineOptions) { o.TCP = true },
		"TCP lite": func(o *media.EngineOptions) { o.TCP, o.Lite = true, true },
	}
	calls := map[string]func(*browser, context.Context, *media.BrowserLeg) ([]byte, []byte){
		"browser offers": (*browser).call, "we offer": (*browser).ring,
	}
	for engineName, change := range engines {
		for callName, call := range calls {
			t.Run(engineName+", "+callName, func(t *testing.T) {
				t.Parallel()
				leg := newLeg(t, newEngine(t, change))
				b := newBrowser(t, browserOptions{tcpOnly: strings.HasPrefix(engineName, "TCP")})
				ours := listen(t, leg)
				_, answer := call(b, patient(t), leg)
				talk(t, browserHz, b.write)
				requireTalk(t, b, ours)
				if callName == "browser offers" {
					require.Contains(t, string(answer), "a=setup:passive")
				}
				isLite := strings.HasSuffix(engineName, "lite")
				require.Equal(t, isLite, strings.Contains(string(answer), "a=ice-lite") && callName == "browser offers" || isLite && callName == "we offer")
			})
		}
	}
}

// Trap: Asterisk 22 and others read c=0.0.0.0 with port 9 as hold.
func TestFieldLesson06_DescriptionsAreDTLSWithTheAddressOfTheSocket(t *testing.T) {
	t.Parallel()
	engine := newEngine(t, nil)
	offer, err := newLeg(t, engine).Offer(patient(t))
	require.NoError(t, err)
	_, answer := newBrowser(t, browserOptions{}).call(patient(t), newLeg(t, engine))
	port := engine.Addrs()[0].Port()
	for _, text := range []string{string(offer), string(answer)} {
		require.Contains(t, text, "c=IN IP4 127.0.0.1\r\n")
		require.Contains(t, text, "m=audio "+itoa(port)+" UDP/TLS/RTP/SAVPF ")
		require.NotContains(t, text, "0.0.0.0")
		require.NotContains(t, text, ".local")
		requireOneAuthor(t, []byte(text), nil)
	}
	require.Contains(t, string(offer), "a=setup:actpass")
}

func TestEngineRefusesSettingsThatCannotWork(t *testing.T) {
	t.Parallel()
	_, err := media.NewEngine(media.EngineOptions{Logger: quiet()})
	require.ErrorIs(t, err, media.ErrConfig)
	none := func(string) bool { return false }
	_, err = media.NewEngine(media.EngineOptions{Listen: []netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:0")}, Interfaces: none, Logger: quiet()})
	require.ErrorIs(t, err, media.ErrConfig)
	engine := newEngine(t, nil)
	_, err = media.NewEngine(media.EngineOptions{Listen: engine.Addrs(), Logger: quiet()})
	require.ErrorContains(t, err, engine.Addrs()[0].String(), "a port in use is named")
	require.NoError(t, engine.Close())
	_, err = engine.NewPeer()
	require.ErrorIs(t, err, media.ErrClosed)
}

// countingPeer shows whether a negotiation reaches the transport.
type countingPeer struct {
	media.Peer
	answers, offers atomic.Int32
}

func (p *countingPeer) Answer(ctx context.Context, remote media.Transport, formats []media.Format) (media.Transport, error) {
	p.answers.Add(1)
	return p.Peer.Answer(ctx, remote, formats)
}

func (p *countingPeer) Offer(ctx context.Context) (media.Transport, error) {
	p.offers.Add(1)
	return p.Peer.Offer(ctx)
}

func newCountedLeg(t *testing.T) (*media.BrowserLeg, *countingPeer) {
	t.Helper()
	peer, err := newEngine(t, nil).NewPeer()
	require.NoError(t, err)
	counted := &countingPeer{Peer: peer}
	leg := media.NewBrowserLeg(counted, media.DefaultCodecs())
	t.Cleanup(func() { require.NoError(t, leg.Close()) })
	return leg, counted
}

// Trap: Pion answers sendrecv to a sendonly re-offer.
func TestHoldIsAnsweredFromTheStoredDescription(t *testing.T) {
	t.Parallel()
	leg, peer := newCountedLeg(t)
	b := newBrowser(t, browserOptions{})
	ours := listen(t, leg)
	offer, answer := b.call(patient(t), leg)
	talk(t, browserHz, b.write)
	requireTalk(t, b, ours)

	for hold, want := range map[string]media.Direction{"sendonly": media.RecvOnly, "inactive": media.Inactive, "recvonly": media.SendOnly, "sendrecv": media.SendRecv} {
		held, err := leg.Answer(patient(t), []byte(strings.Replace(string(offer), "a=sendrecv", "a="+hold, 1)))
		require.NoError(t, err)
		require.Contains(t, string(held), "a="+string(want)+"\r\n")
		require.Equal(t, want, leg.Direction())
		require.Equal(t, line(answer, "a=ice-ufrag"), line(held, "a=ice-ufrag"))
		require.Equal(t, line(answer, "a=fingerprint"), line(held, "a=fingerprint"))
		require.NotEqual(t, line(answer, "o="), line(held, "o="), "the version grows")
	}
	require.EqualValues(t, 1, peer.answers.Load(), "the transport hears of the first offer only")
	requireTalk(t, b, ours)
}

func TestOurHoldLeavesTheTransportAlone(t *testing.T) {
	t.Parallel()
	leg, peer := newCountedLeg(t)
	b := newBrowser(t, browserOptions{})
	ours := listen(t, leg)
	first, _ := b.ring(patient(t), leg)
	talk(t, browserHz, b.write)
	requireTalk(t, b, ours)
	leg.SetDirection(media.SendOnly)
	second, answer := b.ring(patient(t), leg)
	require.Contains(t, string(second), "a=sendonly\r\n")
	require.Contains(t, string(answer), "a=recvonly\r\n")
	require.Equal(t, media.SendOnly, leg.Direction())
	require.Equal(t, line(first, "a=ice-ufrag"), line(second, "a=ice-ufrag"))
	require.EqualValues(t, 1, peer.offers.Load())
	require.NoError(t, b.hears.WaitTone(patient(t), ourHz))
}

func TestICERestart(t *testing.T) {
	t.Parallel()
	for name, weOfferFirst := range map[string]bool{"after the browser's offer": false, "after our offer": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			leg := newLeg(t, newEngine(t, nil))
			b := newBrowser(t, browserOptions{})
			ours := listen(t, leg)
			_, err := leg.RestartICE(patient(t))
			require.ErrorIs(t, err, media.ErrNotNegotiated)
			call := b.call
			if weOfferFirst {
				call = b.ring
			}
			first, _ := call(patient(t), leg)
			talk(t, browserHz, b.write)
			requireTalk(t, b, ours)

			// An offer of ours that is refused must not be in the way of the next one.
			refused, err := leg.RestartICE(patient(t))
			require.NoError(t, err)
			restart, err := leg.RestartICE(patient(t))
			require.NoError(t, err)
			require.NotEqual(t, line(first, "a=ice-ufrag"), line(restart, "a=ice-ufrag"))
			require.NotEqual(t, line(refused, "o="), line(restart, "o="))
			require.NoError(t, leg.Accept(patient(t), b.answer(restart)))
			requireTalk(t, b, ours)

			// The browser's restart wins over one of ours that is not answered.
			_, err = leg.RestartICE(patient(t))
			require.NoError(t, err)
			again, err := leg.Answer(patient(t), b.offer(&webrtc.OfferOptions{ICERestart: true}))
			require.NoError(t, err)
			require.NotEqual(t, line(restart, "a=ice-ufrag"), line(again, "a=ice-ufrag"))
			require.Contains(t, string(again), "a=setup:passive")
			b.accept(again)
			requireTalk(t, b, ours)
		})
	}
}

// Traps: a static track rewrites payload types, and Pion takes an unknown one for an error (field lesson 4).
func TestPayloadTypesPassUntouched(t *testing.T) {
	t.Parallel()
	leg := newLeg(t, newEngine(t, nil))
	b := newBrowser(t, browserOptions{})
	type seen struct {
		payloadType uint8
		marker      bool
		payload     string
		timestamp   uint32
	}
	heard := make(chan seen, 64)
	leg.Peer().OnRTP(func(_ media.MediaID, p *rtp.Packet) {
		heard <- seen{p.PayloadType, p.Marker, string(p.Payload), p.Timestamp}
	})
	states := make(chan media.PeerState, 16)
	leg.Peer().OnState(func(s media.PeerState) { states <- s })
	b.call(patient(t), leg)
	waitState(t, states, media.PeerConnected)
	require.NoError(t, waitConnected(b))

	// Comfort noise comes first: nothing may depend on the first packet being speech.
	for i, payloadType := range []uint8{13, 126, 0, 98} {
		ts := uint32(1000 * (i + 1))
		require.NoError(t, b.write(&rtp.Header{Version: 2, PayloadType: payloadType, Marker: true, SequenceNumber: uint16(i), Timestamp: ts}, []byte{1, 2, 3, 4}))
		select {
		case got := <-heard:
			require.Equal(t, seen{payloadType, true, "\x01\x02\x03\x04", ts}, got)
		case <-time.After(patience):
			t.Fatalf("payload type %d does not arrive", payloadType)
		}
		if payloadType == 0 {
			continue
		}
		require.NoError(t, leg.Peer().WriteRTP(media.Audio, &rtp.Header{Version: 2, PayloadType: payloadType, SequenceNumber: uint16(i), Timestamp: ts}, []byte{9}))
		select {
		case got := <-b.packets:
			require.Equal(t, payloadType, got.PayloadType)
		case <-time.After(patience):
			t.Fatalf("payload type %d does not arrive at the browser", payloadType)
		}
	}
	require.ErrorIs(t, leg.Peer().WriteRTP(7, &rtp.Header{}, nil), media.ErrNoMedia)
	require.ErrorIs(t, leg.Peer().WriteRTCP(7, nil), media.ErrNoMedia)
}

// A compound packet is about several streams; each report in it counts once.
func TestBrowsersReportsCountOnce(t *testing.T) {
	t.Parallel()
	leg, b := newLeg(t, newEngine(t, nil)), newBrowser(t, browserOptions{})
	_, answer := b.call(patient(t), leg)
	require.NoError(t, waitConnected(b))
	number, _, _ := strings.Cut(strings.TrimPrefix(line(answer, "a=ssrc:"), "a=ssrc:"), " ")
	ours, err := strconv.ParseUint(number, 10, 32)
	require.NoError(t, err)
	about := []rtcp.ReceptionReport{{SSRC: uint32(ours), FractionLost: 64, TotalLost: 9, Jitter: 80}}
	name := &rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{Source: b.ssrc.Load(), Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: "page"}}}}}
	require.NoError(t, b.pc.WriteRTCP([]rtcp.Packet{&rtcp.SenderReport{SSRC: b.ssrc.Load(), Reports: about}, name}))
	eventually(t, "a sender's report", func() bool { return leg.Quality().FarLost == 9 })
	about[0].TotalLost = 10
	require.NoError(t, b.pc.WriteRTCP([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: b.ssrc.Load(), Reports: about}, name}))
	eventually(t, "a receiver's report", func() bool { return leg.Quality().FarLost == 10 })
	q := leg.Quality()
	require.EqualValues(t, 2, q.FarReports)
	require.InDelta(t, 0.25, q.FarLoss, 0.001)
	require.Equal(t, 10*time.Millisecond, q.FarJitter)
	require.False(t, leg.LastHeard().IsZero(), "RTCP is life, too")
}

func TestStateFollowsTheBrowser(t *testing.T) {
	t.Parallel()
	leg := newLeg(t, newEngine(t, nil))
	states := make(chan media.PeerState, 16)
	leg.Peer().OnState(func(s media.PeerState) { states <- s })
	require.ErrorIs(t, leg.Peer().WriteRTP(media.Audio, &rtp.Header{}, nil), media.ErrNotNegotiated)
	b := newBrowser(t, browserOptions{})
	b.call(patient(t), leg)
	waitState(t, states, media.PeerConnected)
	require.NoError(t, b.pc.Close())
	waitState(t, states, media.PeerDisconnected, media.PeerClosed) // the DTLS alert may get lost
	require.NoError(t, leg.Close())
	require.Error(t, leg.Peer().WriteRTP(media.Audio, &rtp.Header{Version: 2}, nil))
}

// STUN, DTLS and plain junk on the one port that all browsers share, while calls run.
func TestFloodOnTheSharedPortHarmsNobody(t *testing.T) {
	t.Parallel()
	engine := newEngine(t, func(o *media.EngineOptions) { o.TCP = true })
	leg := newLeg(t, engine)
	b := newBrowser(t, browserOptions{})
	ours := listen(t, leg)
	_, answer := b.call(patient(t), leg)
	talk(t, browserHz, b.write)
	requireTalk(t, b, ours)
	flooded := flood(t, engine.Addrs()[0], strings.TrimPrefix(line(answer, "a=ice-ufrag"), "a=ice-ufrag:"))
	requireTalk(t, b, ours)
	// And a newcomer still gets in.
	other, newcomer := newLeg(t, engine), newBrowser(t, browserOptions{})
	hears := listen(t, other)
	newcomer.call(patient(t), other)
	talk(t, browserHz, newcomer.write)
	requireTalk(t, newcomer, hears)
	eventually(t, "all of the flood", func() bool { return flooded.Load() > 10000 })
	requireTalk(t, b, ours)
	require.Equal(t, media.PeerConnected, leg.State())
	q := leg.Quality()
	require.Zero(t, q.UnknownPayload+q.Malformed, "none of it reached the leg")
	require.NotZero(t, engine.Strangers())
}

// What comes to the shared port ends nobody's call.
func FuzzMediaPort(f *testing.F) {
	f.Add(forgedBinding("ufrag"))
	f.Add([]byte{0, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 6, 0, 4, 'a', 'b', 'c', 'd'})
	f.Add([]byte{22, 254, 253})
	f.Add([]byte{0x80, 0})
	engine := newEngine(f, nil)
	_, err := newLeg(f, engine).Answer(patient(f), []byte(pageOffer))
	require.NoError(f, err)
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(engine.Addrs()[0]))
	require.NoError(f, err)
	f.Cleanup(func() { _ = conn.Close() })
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, errWrite := conn.Write(data); errWrite == nil {
			require.Zero(t, engine.Dropped())
		}
	})
}

// flood sends, until the test ends, random octets behind the first octets that tell STUN, DTLS, RTP and TURN channels apart
// (RFC 7983), STUN requests that name a real user fragment without knowing the password, and the beginnings of DTLS
// handshakes; and it opens TCP connections that say nothing sensible.
func flood(t *testing.T, to netip.AddrPort, ufrag string) *atomic.Int64 {
	t.Helper()
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	require.NoError(t, err)
	var sent atomic.Int64
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		ticker := time.NewTicker(time.Millisecond)
		defer ticker.Stop()
		for i := 0; ; i++ {
			if i%20 == 0 {
				select {
				case <-ctx.Done():
					return
				case <-ticker.C:
				}
			}
			_, _ = conn.Write(junk(i, ufrag))
			sent.Add(1)
		}
	})
	for range 10 {
		stream, errDial := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(to))
		require.NoError(t, errDial)
		_, errDial = stream.Write(junk(int(sent.Load()), ufrag))
		require.NoError(t, errDial)
		t.Cleanup(func() { _ = stream.Close() })
	}
	t.Cleanup(func() {
		cancel()
		wg.Wait()
		require.NoError(t, conn.Close())
	})
	return &sent
}

func junk(i int, ufrag string) []byte {
	packet := make([]byte, 1+i%300)
	_, _ = rand.Read(packet)
	packet[0] = []byte{0, 1, 20, 22, 23, 64, 128, 200, 255}[i%9]
	switch i % 9 {
	case 0:
		return forgedBinding(ufrag)
	case 3: // a DTLS record of version 1.2 with a handshake message, ClientHello, of a sensible length
		size := len(packet)
		return append([]byte{22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, byte((size + 12) >> 8), byte(size + 12), 1, 0, byte(size >> 8), byte(size), 0, 0, 0, 0, 0, 0, byte(size >> 8), byte(size)}, packet...)
	}
	return packet
}

// forgedBinding is a Binding request with a USERNAME and an integrity that is nothing but zeros.
func forgedBinding(ufrag string) []byte {
	user := ufrag + ":junk"
	padded := (len(user) + 3) &^ 3
	attributes := append([]byte{0, 6, 0, byte(len(user))}, make([]byte, padded)...)
	copy(attributes[4:], user)
	attributes = append(attributes, append([]byte{0, 8, 0, 20}, make([]byte, 20)...)...)
	head := []byte{0, 1, 0, byte(len(attributes)), 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	return append(head, attributes...)
}

func line(text []byte, prefix string) string {
	for l := range strings.Lines(string(text)) {
		if strings.HasPrefix(l, prefix) {
			return strings.TrimSpace(l)
		}
	}
	return ""
}

func waitState(t *testing.T, states <-chan media.PeerState, want ...media.PeerState) {
	t.Helper()
	for deadline := time.After(patience); ; {
		select {
		case s := <-states:
			if slices.Contains(want, s) {
				return
			}
		case <-deadline:
			t.Fatalf("the peer never gets %v", want)
		}
	}
}
