package media_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"

	"sidecar/internal/tone"
	"sidecar/media"
)

var loopback = netip.MustParseAddr("127.0.0.1")

// newPool finds ports that are free now; a clash with another test makes the pool pass over the port.
func newPool(t testing.TB, pairs uint16, drain time.Duration) *media.PortPool {
	t.Helper()
	probe, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	port := uint16(probe.LocalAddr().(*net.UDPAddr).Port) &^ 1
	require.NoError(t, probe.Close())
	port = min(port, 65000-2*pairs)
	pool, err := media.NewPortPool(loopback, port, port+2*pairs-1, drain)
	require.NoError(t, err)
	return pool
}

func newSession(t testing.TB, pool *media.PortPool, change func(*media.RTPOptions)) *media.RTPSession {
	t.Helper()
	opts := media.RTPOptions{Codecs: media.DefaultCodecs(), ReportInterval: 20 * time.Millisecond, Logger: quiet()}
	if change != nil {
		change(&opts)
	}
	session, err := media.NewRTPSession(t.Context(), pool, opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, session.Close()) })
	return session
}

// join makes two sessions talk to each other.
func join(t testing.TB, a, b *media.RTPSession) {
	t.Helper()
	answer, err := b.Answer(a.Offer())
	require.NoError(t, err)
	require.NoError(t, a.Accept(answer))
}

func sink(l *tone.Listener) media.Sink {
	return func(codec media.Codec, packet *rtp.Packet) {
		if codec == media.PCMU {
			packet.PayloadType = 0
			hear(l, packet)
		}
	}
}

func forward(s *media.RTPSession) func(*rtp.Header, []byte) error {
	return func(h *rtp.Header, p []byte) error { return s.Forward(1, media.PCMU, h, p) }
}

func newListener(t testing.TB) *tone.Listener {
	t.Helper()
	l := tone.NewListener()
	t.Cleanup(l.Close)
	return l
}

// stranger is a bare socket, as anybody on the network has one.
type stranger struct {
	t    testing.TB
	conn *net.UDPConn
	seq  uint16
	ssrc uint32
}

func newStranger(t testing.TB, ip string) *stranger {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(ip)})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return &stranger{t: t, conn: conn, ssrc: rand.Uint32()}
}

func (s *stranger) addr() netip.AddrPort { return s.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

func (s *stranger) send(to netip.AddrPort, payloadType uint8, payload string) {
	s.t.Helper()
	s.seq++
	packet := rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: payloadType, SequenceNumber: s.seq, SSRC: s.ssrc, Timestamp: uint32(s.seq) * 160}, Payload: []byte(payload)}
	data, err := packet.Marshal()
	require.NoError(s.t, err)
	_, err = s.conn.WriteToUDPAddrPort(data, to)
	require.NoError(s.t, err)
}

func (s *stranger) receive() rtp.Packet {
	s.t.Helper()
	require.NoError(s.t, s.conn.SetReadDeadline(time.Now().Add(patience)))
	buffer := make([]byte, 1500)
	n, err := s.conn.Read(buffer)
	require.NoError(s.t, err)
	var packet rtp.Packet
	require.NoError(s.t, packet.Unmarshal(buffer[:n]))
	return packet
}

// listen hears what arrives until the socket is closed.
func (s *stranger) listen(l *tone.Listener) {
	var wg sync.WaitGroup
	wg.Go(func() {
		buffer := make([]byte, 1500)
		for {
			n, err := s.conn.Read(buffer)
			if err != nil {
				return
			}
			var packet rtp.Packet
			if packet.Unmarshal(buffer[:n]) == nil {
				hear(l, &packet)
			}
		}
	})
	s.t.Cleanup(func() { _ = s.conn.Close(); wg.Wait() })
}

func plainSDP(addr netip.AddrPort, direction string, formats ...string) []byte {
	text := fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %d RTP/AVP", addr.Addr(), addr.Addr(), addr.Port())
	for _, f := range formats {
		text += " " + f
	}
	return []byte(text + "\r\na=rtpmap:101 telephone-event/8000\r\na=" + direction + "\r\n")
}

// collect puts the payloads of what a session accepts into a channel.
func collect(s *media.RTPSession) chan string {
	got := make(chan string, 1000)
	s.SetSink(func(codec media.Codec, packet *rtp.Packet) {
		if codec != media.Unknown {
			got <- string(packet.Payload)
		}
	})
	return got
}

func requireNext(t testing.TB, got <-chan string, want string) {
	t.Helper()
	select {
	case payload := <-got:
		require.Equal(t, want, payload)
	case <-time.After(patience):
		t.Fatalf("%q does not arrive", want)
	}
}

func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	require.Eventually(t, is, patience, 5*time.Millisecond, what)
}

func TestSessionsHearEachOtherAndReport(t *testing.T) {
	t.Parallel()
	pool := newPool(t, 20, 0)
	a, b := newSession(t, pool, nil), newSession(t, pool, nil)
	join(t, a, b)
	hearsA, hearsB := newListener(t), newListener(t)
	a.SetSink(sink(hearsA))
	b.SetSink(sink(hearsB))
	talk(t, 830, forward(a))
	talk(t, 1330, forward(b))
	require.NoError(t, hearsB.WaitTone(patient(t), 830))
	require.NoError(t, hearsA.WaitTone(patient(t), 1330))
	eventually(t, "both sides have reports, and a round trip", func() bool {
		qa, qb := a.Quality(), b.Quality()
		return qa.FarReports > 2 && qb.FarReports > 2 && qa.RTT > 0 && qb.RTT > 0
	})
	q := a.Quality()
	require.Zero(t, q.Lost, "the numbers wrap without a gap")
	require.Zero(t, q.FarLost)
	require.Greater(t, q.MOS, 4.0)
	require.Less(t, q.RTT, time.Second)
	require.False(t, a.LastHeard().IsZero())
}

// Strangers are not relayed, also when they guess the port and speak first.
func TestRTPFromStrangersIsDropped(t *testing.T) {
	t.Parallel()
	session := newSession(t, newPool(t, 20, 0), nil)
	peer, bad, neighbour := newStranger(t, "127.0.0.1"), newStranger(t, "127.0.0.2"), newStranger(t, "127.0.0.1")
	got := collect(session)
	to := session.LocalAddr()
	bad.send(to, 0, "before the answer")
	_, err := session.Answer(plainSDP(peer.addr(), "sendrecv", "0"))
	require.NoError(t, err)
	for range 10 {
		bad.send(to, 0, "from another host")
	}
	neighbour.send(to, 0, "one stray packet from the host of the peer")
	peer.send(to, 0, "peer")
	requireNext(t, got, "peer")
	for range 10 {
		neighbour.send(to, 0, "another call of the peer's host")
	}
	peer.send(to, 0, "peer again")
	requireNext(t, got, "peer again")
	require.NoError(t, session.Forward(1, media.PCMU, &rtp.Header{Version: 2}, []byte("reply")))
	require.Equal(t, "reply", string(peer.receive().Payload))
	require.EqualValues(t, 22, session.Quality().Strangers)
	require.Equal(t, peer.addr(), session.RemoteAddr())
}

func TestStrangersReportsAreIgnored(t *testing.T) {
	t.Parallel()
	session := newSession(t, newPool(t, 20, 0), nil)
	peer, bad := newStranger(t, "127.0.0.1"), newStranger(t, "127.0.0.2")
	_, err := session.Answer(plainSDP(peer.addr(), "sendrecv", "0"))
	require.NoError(t, err)
	data, err := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: 1}})
	require.NoError(t, err)
	_, err = bad.conn.WriteToUDPAddrPort(data, session.LocalAddr())
	require.NoError(t, err)
	eventually(t, "counted", func() bool { return session.Quality().Strangers == 1 })
	require.True(t, session.LastHeard().IsZero(), "a stranger does not keep a call alive")
	_, err = peer.conn.WriteToUDPAddrPort(data, session.LocalAddr())
	require.NoError(t, err)
	eventually(t, "RTCP counts as life", func() bool { return !session.LastHeard().IsZero() })
}

// Symmetric RTP: the peer sends from another port than it described.
func TestAnotherPortOfThePeersHostIsLatchedAfterThreePackets(t *testing.T) {
	t.Parallel()
	session := newSession(t, newPool(t, 20, 0), nil)
	described, real := newStranger(t, "127.0.0.1"), newStranger(t, "127.0.0.1")
	got := collect(session)
	_, err := session.Answer(plainSDP(described.addr(), "sendrecv", "0"))
	require.NoError(t, err)
	real.send(session.LocalAddr(), 0, "1")
	real.send(session.LocalAddr(), 0, "2")
	real.send(session.LocalAddr(), 0, "3")
	requireNext(t, got, "3")
	require.Equal(t, real.addr(), session.RemoteAddr())
	// The same stream from yet another port: a NAT that forgot.
	rebound := newStranger(t, "127.0.0.1")
	rebound.seq, rebound.ssrc = real.seq, real.ssrc
	for _, payload := range []string{"4", "5", "6"} {
		rebound.send(session.LocalAddr(), 0, payload)
	}
	requireNext(t, got, "6")
	require.Equal(t, rebound.addr(), session.RemoteAddr())
}

func TestBehindNATAnotherHostIsLatched(t *testing.T) {
	t.Parallel()
	for _, behindNAT := range []bool{true, false} {
		session := newSession(t, newPool(t, 20, 0), func(o *media.RTPOptions) { o.BehindNAT = behindNAT })
		real := newStranger(t, "127.0.0.3")
		_, err := session.Answer(plainSDP(netip.MustParseAddrPort("192.0.2.1:4000"), "sendrecv", "0"))
		require.NoError(t, err)
		for range 5 {
			real.send(session.LocalAddr(), 0, "x")
		}
		want := uint64(5)
		if behindNAT {
			want = 2
			eventually(t, "latched", func() bool { return session.RemoteAddr() == real.addr() })
		}
		eventually(t, "counted", func() bool { return session.Quality().Strangers == want })
	}
}

// Field lesson 13: a re-INVITE may move the media at any time.
func TestAddressChangeMovesTheMedia(t *testing.T) {
	t.Parallel()
	session := newSession(t, newPool(t, 20, 0), nil)
	old, moved := newStranger(t, "127.0.0.1"), newStranger(t, "127.0.0.4")
	got := collect(session)
	first, err := session.Answer(plainSDP(old.addr(), "sendrecv", "0", "101"))
	require.NoError(t, err)
	old.send(session.LocalAddr(), 0, "old")
	requireNext(t, got, "old")
	same, err := session.Answer(plainSDP(old.addr(), "sendrecv", "0", "101"))
	require.NoError(t, err)
	require.Equal(t, string(first), string(same), "the version stays when nothing changes")
	second, err := session.Answer(plainSDP(moved.addr(), "sendonly", "0", "101"))
	require.NoError(t, err)
	require.NotEqual(t, line(first, "o="), line(second, "o="))
	require.Contains(t, string(second), "a=recvonly")
	old.send(session.LocalAddr(), 0, "old again")
	moved.send(session.LocalAddr(), 0, "moved")
	requireNext(t, got, "moved")
	require.Equal(t, moved.addr(), session.RemoteAddr())
	require.NoError(t, session.Forward(1, media.PCMU, &rtp.Header{Version: 2}, []byte("not while held")))
	_, err = session.Answer(plainSDP(moved.addr(), "sendrecv", "0", "101"))
	require.NoError(t, err)
	require.NoError(t, session.Forward(1, media.PCMU, &rtp.Header{Version: 2}, []byte("retrieved")))
	require.Equal(t, "retrieved", string(moved.receive().Payload))
	// The old style of hold.
	held, err := session.Answer(plainSDP(netip.MustParseAddrPort("0.0.0.0:4000"), "sendrecv", "0", "101"))
	require.NoError(t, err)
	require.Contains(t, string(held), "a=inactive")
}

// Field lesson 4.
func TestComfortNoiseIsCountedAndNothingElse(t *testing.T) {
	t.Parallel()
	session := newSession(t, newPool(t, 20, 0), nil)
	peer := newStranger(t, "127.0.0.1")
	got := collect(session)
	_, err := session.Answer(plainSDP(peer.addr(), "sendrecv", "0"))
	require.NoError(t, err)
	peer.send(session.LocalAddr(), 13, "noise")
	peer.send(session.LocalAddr(), 77, "what is that")
	_, err = peer.conn.WriteToUDPAddrPort([]byte("junk"), session.LocalAddr())
	require.NoError(t, err)
	peer.send(session.LocalAddr(), 0, "speech")
	requireNext(t, got, "speech")
	q := session.Quality()
	require.EqualValues(t, 2, q.UnknownPayload)
	require.EqualValues(t, 1, q.ComfortNoise)
	require.EqualValues(t, 1, q.Malformed)
	require.Zero(t, q.Lost)
}

func TestDTMF(t *testing.T) {
	t.Parallel()
	pool := newPool(t, 20, 0)
	a, b := newSession(t, pool, nil), newSession(t, pool, nil)
	require.ErrorIs(t, a.SendDigits(t.Context(), "1", 0), media.ErrNotNegotiated)
	join(t, a, b)
	var mu sync.Mutex
	var pressed strings.Builder
	b.OnDigit(func(d media.Digit) {
		mu.Lock()
		defer mu.Unlock()
		pressed.WriteByte(d.Digit)
	})
	hears := newListener(t)
	b.SetSink(sink(hears))
	talk(t, 830, forward(a))
	require.NoError(t, hears.WaitTone(patient(t), 830))
	require.NoError(t, a.SendDigits(patient(t), "5001*#D", 60*time.Millisecond))
	eventually(t, "all digits", func() bool { mu.Lock(); defer mu.Unlock(); return pressed.String() == "5001*#D" })
	require.Zero(t, b.Quality().Lost, "our own packets take numbers of their own")
	require.NoError(t, hears.WaitTone(patient(t), 830))
	require.ErrorIs(t, a.SendDigits(t.Context(), "12x", 0), media.ErrBadDigit)
	none := newSession(t, pool, nil)
	_, err := none.Answer(plainSDP(a.LocalAddr(), "sendrecv", "0"))
	require.NoError(t, err)
	require.ErrorIs(t, none.SendDigits(t.Context(), "1", 0), media.ErrNoDTMF)
}

// Digits that are asked for and digits that the other side sends itself go to the same phone: each arrives once.
func TestDigitsOfOneStreamDoNotInterleave(t *testing.T) {
	t.Parallel()
	pool := newPool(t, 20, 0)
	a, b := newSession(t, pool, nil), newSession(t, pool, nil)
	join(t, a, b)
	var mu sync.Mutex
	var pressed string
	b.OnDigit(func(d media.Digit) {
		mu.Lock()
		defer mu.Unlock()
		pressed += string(d.Digit)
	})
	passes := func(seq uint16, ts uint32, code, flags byte) {
		header := rtp.Header{Version: 2, SequenceNumber: seq, Timestamp: ts}
		require.NoError(t, a.Forward(1<<32, media.Event8k, &header, []byte{code, flags, 1, 64}))
	}
	is := func(want string) func() bool {
		return func() bool { mu.Lock(); defer mu.Unlock(); return pressed == want }
	}
	passes(1, 1000, 1, 10) // the other side holds 1 down
	eventually(t, "the digit that passes through", is("1"))
	var wg sync.WaitGroup
	for _, digits := range []string{"7", "89"} { // asked for meanwhile
		wg.Go(func() { require.NoError(t, a.SendDigits(patient(t), digits, 100*time.Millisecond)) })
	}
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	seq := uint16(2)
	for range 15 {
		<-ticker.C
		passes(seq, 1000, 1, 10)
		seq++
	}
	passes(seq, 1000, 1, 0x80|10)
	eventually(t, "ours begin", func() bool { mu.Lock(); defer mu.Unlock(); return len(pressed) > 1 })
	passes(seq+1, 1000, 1, 0x80|10) // its end comes again, late
	for i := range uint16(6) {
		<-ticker.C
		passes(seq+2+i, 5000, 5, 10) // and the other side presses 5 while ours go out
	}
	wg.Wait()
	passes(seq+8, 5000, 5, 0x80|10)
	passes(seq+9, 9000, 6, 10)
	eventually(t, "the last one", func() bool { mu.Lock(); defer mu.Unlock(); return strings.HasSuffix(pressed, "6") })
	// 5 waits for those that go out, and the rest may have gone out before it came.
	require.Contains(t, []string{"175896", "189576", "178956", "189756"}, pressed)
	require.Zero(t, b.Quality().Lost, "what is held back leaves no gap")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	passes(seq+10, 9000, 6, 10)
	require.ErrorIs(t, a.SendDigits(ctx, "1", 0), context.Canceled)
	require.NoError(t, a.SendDigits(patient(t), "3", 0))
	eventually(t, "the turn is free again", func() bool { mu.Lock(); defer mu.Unlock(); return strings.HasSuffix(pressed, "63") })
}

// A digit of ours takes the place of the sound, and none begins before the one before it has ended, although the clock of
// the source stood still meanwhile: what gets ahead of a digit or lies behind the last one makes receivers count wrong.
func TestDigitsOfOneStreamFollowEachOther(t *testing.T) {
	t.Parallel()
	pool := newPool(t, 20, 0)
	a, b := newSession(t, pool, nil), newSession(t, pool, nil)
	join(t, a, b)
	type got struct {
		codec media.Codec
		start uint32
		event [4]byte
	}
	packets := make(chan got, 1000)
	b.SetSink(func(codec media.Codec, packet *rtp.Packet) {
		g := got{codec: codec, start: packet.Timestamp}
		copy(g.event[:], packet.Payload)
		packets <- g
	})
	seq := uint16(0)
	passes := func(codec media.Codec, timestamp uint32, payload ...byte) {
		seq++
		header := rtp.Header{Version: 2, SequenceNumber: seq, Timestamp: timestamp}
		require.NoError(t, a.Forward(1<<32, codec, &header, payload))
	}
	next := func() (g got) {
		t.Helper()
		select {
		case g = <-packets:
		case <-time.After(patience):
			require.FailNow(t, "nothing comes")
		}
		return g
	}
	sound := make([]byte, 160)
	passes(media.PCMU, 0, sound...)
	first := next()
	require.Equal(t, media.PCMU, first.codec)

	sent := make(chan error, 1)
	go func() { sent <- a.SendDigits(patient(t), "12", 200*time.Millisecond) }() // joined by the channel
	all := []got{next()}
	passes(media.PCMU, 160, sound...)
	passes(media.PCMU, 8000, sound...)
	for len(all) < 2*(10+3) {
		all = append(all, next())
	}
	require.NoError(t, <-sent)
	passes(media.PCMU, 320, sound...) // 40 ms after the beginning by the source's clock, and much later by ours
	require.Equal(t, media.PCMU, next().codec)
	for _, event := range [][]byte{{3, 10, 0, 160}, {3, 0x80 | 10, 3, 32}, {4, 10, 0, 160}, {4, 0x80 | 10, 3, 32}} {
		passes(media.Event8k, 480+uint32(event[0])*8, event...)
		all = append(all, next())
	}
	require.NoError(t, a.SendDigits(patient(t), "5", 40*time.Millisecond))
	for range 2 + 3 {
		all = append(all, next())
	}
	pressed, end := "", first.start
	for i, g := range all {
		require.Equal(t, media.Event8k, g.codec, "packet %d", i)
		if i == 0 || g.start != all[i-1].start {
			pressed += string('0' + rune(g.event[0]))
			require.Less(t, g.start-end, uint32(1<<31), "%s begins before the end of the one before", pressed)
		}
		end = g.start + uint32(binary.BigEndian.Uint16(g.event[2:]))
	}
	require.Equal(t, "12345", pressed)
	require.Zero(t, b.Quality().Lost, "what is left out leaves no gap")
}

// A port that has just been used may still be sent to.
func TestPortsRestBeforeReuse(t *testing.T) {
	t.Parallel()
	pool := newPool(t, 3, time.Hour)
	opts := media.RTPOptions{Codecs: media.DefaultCodecs(), Logger: quiet()}
	seen := map[netip.AddrPort]bool{}
	for {
		session, err := media.NewRTPSession(t.Context(), pool, opts)
		if err != nil {
			require.ErrorIs(t, err, media.ErrNoPort)
			break
		}
		require.Zero(t, session.LocalAddr().Port()%2)
		require.False(t, seen[session.LocalAddr()], "used again at once")
		seen[session.LocalAddr()] = true
		require.Equal(t, 1, pool.InUse())
		require.NoError(t, session.Close())
		require.NoError(t, session.Close(), "a second Close is nothing new")
	}
	require.NotEmpty(t, seen)
	require.Zero(t, pool.InUse())

	soon := newPool(t, 1, time.Millisecond)
	for range 3 {
		eventually(t, "the port comes back", func() bool {
			session, err := media.NewRTPSession(t.Context(), soon, opts)
			return err == nil && session.Close() == nil
		})
	}
	for _, c := range [][2]uint16{{0, 0}, {5, 5}, {30001, 30001}, {200, 100}} {
		_, err := media.NewPortPool(loopback, c[0], c[1], 0)
		require.ErrorIs(t, err, media.ErrConfig, "%v", c)
	}
}

func TestSessionDescriptions(t *testing.T) {
	t.Parallel()
	session := newSession(t, newPool(t, 20, 0), func(o *media.RTPOptions) {
		o.Advertise = netip.MustParseAddr("203.0.113.9")
		o.Codecs = []media.Codec{media.PCMA, media.PCMU}
	})
	require.ErrorIs(t, session.Accept(plainSDP(netip.MustParseAddrPort("192.0.2.1:4000"), "sendrecv", "0")), media.ErrNoOffer)
	offer := string(session.Offer())
	require.Contains(t, offer, "c=IN IP4 203.0.113.9\r\n")
	require.Contains(t, offer, fmt.Sprintf("m=audio %d RTP/AVP 8 0 101\r\n", session.LocalAddr().Port()))
	require.NotContains(t, offer, "fingerprint", "field lesson 6: plain RTP only")
	require.Equal(t, media.Inactive, session.Direction())
	require.NoError(t, session.Accept(plainSDP(netip.MustParseAddrPort("192.0.2.1:4000"), "sendrecv", "0", "101")))
	require.Equal(t, media.SendRecv, session.Direction())
	require.Equal(t, []media.Format{{Codec: media.PCMU}, {Codec: media.Event8k, PayloadType: 101}}, session.Formats())
	require.ErrorIs(t, session.Accept(plainSDP(netip.MustParseAddrPort("192.0.2.1:4000"), "sendrecv", "9")), media.ErrNoCodec)
	_, err := session.Answer([]byte(pageOffer))
	require.ErrorIs(t, err, media.ErrBadSDP)
	require.ErrorContains(t, err, "RTP/AVP")
	// The forked answer that comes later counts.
	require.NoError(t, session.Accept(plainSDP(netip.MustParseAddrPort("192.0.2.2:5000"), "recvonly", "8")))
	require.Equal(t, netip.MustParseAddrPort("192.0.2.2:5000"), session.RemoteAddr())
	require.Equal(t, media.SendOnly, session.Direction())
}

func TestMOS(t *testing.T) {
	t.Parallel()
	best := media.MOS(0, 0, 0)
	require.InDelta(t, 4.4, best, 0.02, "G.711 at its best")
	require.Less(t, media.MOS(0.05, 0, 0), best-0.3)
	require.Less(t, media.MOS(0.05, 40*time.Millisecond, 100*time.Millisecond), media.MOS(0.05, 0, 0))
	require.InDelta(t, 1, media.MOS(1, time.Second, 5*time.Second), 0.001)
}

// What comes to an open port is counted or relayed, and never ends the session.
func FuzzRTPPort(f *testing.F) {
	f.Add([]byte{0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1})
	f.Add([]byte{0x80, 200, 0, 1, 0, 0, 0, 1})
	f.Add([]byte{0x9f, 101})
	pool, err := media.NewPortPool(loopback, 40000, 59999, 0)
	require.NoError(f, err)
	session := newSession(f, pool, nil)
	peer := newStranger(f, "127.0.0.1")
	_, err = session.Answer(plainSDP(peer.addr(), "sendrecv", "0", "101"))
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, errWrite := peer.conn.WriteToUDPAddrPort(data, session.LocalAddr()); errWrite == nil {
			_ = session.Quality()
		}
	})
}
