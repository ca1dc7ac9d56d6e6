package media_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"

	"sidecar/internal/g711"
	"sidecar/internal/g722"
	"sidecar/internal/tone"
	"sidecar/media"
)

// call is a browser that talks to an upstream through the relay.
type call struct {
	browser  *browser
	leg      *media.BrowserLeg
	session  *media.RTPSession
	relay    *media.Relay
	far      *media.RTPSession // the upstream
	farHears *tone.Listener
}

func newCall(t testing.TB, engine *media.Engine, pool *media.PortPool, path func(answer []byte) []byte) *call {
	t.Helper()
	c := &call{browser: newBrowser(t, browserOptions{}), leg: newLeg(t, engine), farHears: newListener(t)}
	c.session = newSession(t, pool, nil)
	c.far = newSession(t, pool, nil)
	offer := c.browser.offer(nil)
	codecs, err := media.OfferedCodecs(offer)
	require.NoError(t, err)
	require.Contains(t, codecs, media.PCMU)
	join(t, c.session, c.far)
	answer, err := c.leg.Answer(patient(t), offer)
	require.NoError(t, err)
	if path != nil {
		answer = path(answer)
	}
	c.relay = media.NewRelay(c.leg, c.session)
	t.Cleanup(c.relay.Stop)
	c.far.SetSink(sink(c.farHears))
	c.browser.accept(answer)
	require.NoError(t, waitConnected(c.browser))
	return c
}

func (c *call) talk(t testing.TB) {
	t.Helper()
	talk(t, browserHz, c.browser.write)
	talk(t, ourHz, forward(c.far))
}

func (c *call) requireTalk(t testing.TB) {
	t.Helper()
	require.NoError(t, c.farHears.WaitTone(patient(t), browserHz), "the upstream hears the browser")
	require.NoError(t, c.browser.hears.WaitTone(patient(t), ourHz), "the browser hears the upstream")
}

func TestRelayHoldsMusicAndTaps(t *testing.T) {
	t.Parallel()
	c := newCall(t, newEngine(t, nil), newPool(t, 20, 0), nil)
	require.NoError(t, media.CheckCodecs(c.leg.Formats(), c.session.Formats()))
	c.talk(t)
	c.requireTalk(t)

	var meter media.Meter
	require.InDelta(t, -96, meter.Level(), 0.1)
	c.leg.SetTap(meter.Tap)
	eventually(t, "the meter shows the tone at about -15 dB", func() bool { return meter.Level() > -20 && meter.Level() < -10 })
	c.leg.SetTap(nil)

	var generator tone.Generator
	require.NoError(t, c.relay.Play(media.Browser, func(samples []int16) { generator.Fill(samples, 620) }))
	require.NoError(t, c.browser.hears.WaitTone(patient(t), 620))
	require.NoError(t, c.browser.hears.WaitNoTone(patient(t), ourHz))
	require.NoError(t, c.farHears.WaitTone(patient(t), browserHz), "the other way goes on")
	require.NoError(t, c.relay.Play(media.Upstream, media.Silence))
	require.NoError(t, c.farHears.WaitSilence(patient(t)))
	c.relay.Resume(media.Browser)
	c.relay.Resume(media.Upstream)
	c.requireTalk(t)
	require.Zero(t, c.far.Quality().Lost, "all sources make one stream")
	require.Zero(t, c.relay.Failed(media.Browser)+c.relay.Failed(media.Upstream))
	require.Zero(t, c.relay.Dropped(media.Browser)+c.relay.Dropped(media.Upstream))
	c.relay.Stop()
	require.ErrorIs(t, c.relay.Play(media.Browser, media.Silence), media.ErrClosed)
}

// DTMF keeps its meaning where the payload types differ: 126 in the page, 101 upstream.
func TestRelayMapsDTMF(t *testing.T) {
	t.Parallel()
	leg, session, far := newLeg(t, newEngine(t, nil)), newSession(t, newPool(t, 20, 0), nil), newSession(t, newPool(t, 20, 0), nil)
	b := newBrowser(t, browserOptions{})
	relay := media.NewRelay(leg, session)
	t.Cleanup(relay.Stop)
	// The page's PeerConnection of this test knows no telephone-event; its text gets what a browser's has.
	event := []byte("a=rtpmap:126 telephone-event/8000\r\na=mid:")
	offer := bytes.Replace(b.offer(nil), []byte("a=mid:"), event, 1)
	offer = bytes.Replace(offer, []byte("UDP/TLS/RTP/SAVPF "), []byte("UDP/TLS/RTP/SAVPF 126 "), 1)
	answer, err := leg.Answer(patient(t), offer)
	require.NoError(t, err)
	require.Contains(t, string(answer), "a=rtpmap:126 telephone-event/8000")
	b.accept(answer)
	join(t, session, far)
	require.NoError(t, waitConnected(b))

	digits, raw := make(chan media.Digit, 10), make(chan uint8, 100)
	far.OnDigit(func(d media.Digit) { digits <- d })
	far.SetSink(func(_ media.Codec, packet *rtp.Packet) { raw <- packet.PayloadType })
	for i := range 3 {
		require.NoError(t, b.write(&rtp.Header{Version: 2, PayloadType: 126, SequenceNumber: uint16(i), Timestamp: 1000}, []byte{11, 10, 3, 0x20}))
	}
	select {
	case d := <-digits:
		require.Equal(t, media.Digit{Digit: '#', Duration: 100 * time.Millisecond}, d)
	case <-time.After(patience):
		t.Fatal("no digit arrives upstream")
	}
	require.EqualValues(t, 101, <-raw)
	require.NoError(t, far.SendDigits(patient(t), "7", 40*time.Millisecond))
	select {
	case packet := <-b.packets:
		require.EqualValues(t, 126, packet.PayloadType)
		require.EqualValues(t, 7, packet.Payload[0])
	case <-time.After(patience):
		t.Fatal("no digit arrives in the page")
	}
	require.Empty(t, digits, "three packets are one digit")
}

// Comfort noise that only one side knows leaves no gap in what the other side gets.
func TestRelayClosesTheGapOfDroppedPackets(t *testing.T) {
	t.Parallel()
	pool := newPool(t, 20, 0)
	end := &capturedEnd{}
	session, far := newSession(t, pool, nil), newSession(t, pool, nil)
	join(t, session, far)
	relay := media.NewRelay(end, session)
	t.Cleanup(relay.Stop)
	for i := range 100 {
		codec := media.PCMU
		if i%10 == 9 {
			codec = media.Unknown
		}
		end.sink(codec, &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: uint16(65500 + i), Timestamp: uint32(160 * i), SSRC: 7}, Payload: []byte{1}})
	}
	eventually(t, "what was speech arrives", func() bool { return far.Quality().Received == 90 })
	require.Zero(t, far.Quality().Lost)
	require.EqualValues(t, 10, relay.Dropped(media.Upstream))
}

// A gap that the network made stays: the receiver must know of it.
func TestRelayKeepsTheGapsOfTheNetwork(t *testing.T) {
	t.Parallel()
	pool := newPool(t, 20, 0)
	end := &capturedEnd{}
	session, far := newSession(t, pool, nil), newSession(t, pool, nil)
	join(t, session, far)
	relay := media.NewRelay(end, session)
	t.Cleanup(relay.Stop)
	for i := range 100 {
		if i%10 == 5 {
			continue
		}
		end.sink(media.PCMU, &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: uint16(i), SSRC: 7}, Payload: []byte{1}})
	}
	eventually(t, "90 arrive, 10 are missed", func() bool { q := far.Quality(); return q.Received == 90 && q.Lost == 10 })
}

// capturedEnd is an end whose packets the test makes itself.
type capturedEnd struct {
	sink    media.Sink
	formats []media.Format
	got     []rtp.Packet
	deaf    bool // keeps nothing
}

func (e *capturedEnd) Formats() []media.Format { return e.formats }
func (e *capturedEnd) Carries(c media.Codec) bool {
	for _, f := range e.formats {
		if f.Codec == c {
			return true
		}
	}
	return false
}

func (e *capturedEnd) Preferred() media.Codec {
	if len(e.formats) == 0 {
		return media.Unknown
	}
	return e.formats[0].Codec
}
func (e *capturedEnd) SetSink(s media.Sink) { e.sink = s }
func (e *capturedEnd) Skip(uint64, uint16)  {}
func (e *capturedEnd) Forward(_ uint64, codec media.Codec, h *rtp.Header, p []byte) error {
	if e.deaf {
		return nil
	}
	h.PayloadType = uint8(codec)
	e.got = append(e.got, rtp.Packet{Header: *h, Payload: append([]byte(nil), p...)})
	return nil
}

// A digit between opus (48 kHz) and an upstream that knows events at 8 kHz only.
func TestDigitsChangeTheirClock(t *testing.T) {
	t.Parallel()
	page := &capturedEnd{formats: []media.Format{{Codec: media.Opus}, {Codec: media.Event48k}}}
	upstream := &capturedEnd{formats: []media.Format{{Codec: media.Opus}, {Codec: media.Event8k}}}
	relay := media.NewRelay(page, upstream)
	t.Cleanup(relay.Stop)
	page.sink(media.Opus, &rtp.Packet{Header: rtp.Header{Timestamp: 48000}, Payload: []byte{1}})
	for _, duration := range []byte{0x03, 0x06} { // 0x3c0 and 0x6c0 ticks at 48 kHz
		page.sink(media.Event48k, &rtp.Packet{Header: rtp.Header{Timestamp: 777}, Payload: []byte{5, 10, duration, 0xc0}})
	}
	require.Len(t, upstream.got, 3)
	for i, duration := range []byte{960 / 6, 1728 / 6 & 0xff} {
		got := upstream.got[i+1]
		require.Equal(t, uint8(media.Event8k), got.PayloadType)
		require.EqualValues(t, 48000, got.Timestamp, "the digit begins where the sound is")
		require.Equal(t, duration, got.Payload[3])
	}
}

func TestCheckCodecs(t *testing.T) {
	t.Parallel()
	format := func(c media.Codec) []media.Format { return []media.Format{{Codec: c}, {Codec: media.Event8k}} }
	require.NoError(t, media.CheckCodecs(format(media.Opus), format(media.Opus)))
	require.ErrorIs(t, media.CheckCodecs(nil, format(media.Opus)), media.ErrNotNegotiated)
	require.NoError(t, media.CheckCodecs(format(media.G722), format(media.PCMA)))
}

// Field lesson 4: silence, hold and mute are not death.
func TestMediaIsDeadOnlyWhenEverythingIsGone(t *testing.T) {
	t.Parallel()
	c := newCall(t, newEngine(t, nil), newPool(t, 20, 0), nil)
	later, limit := time.Now().Add(time.Hour), 30*time.Second
	require.True(t, c.leg.Alive(later, limit), "a muted browser keeps its consent")
	require.False(t, c.session.Alive(later, limit), "an upstream that sends neither RTP nor RTCP for an hour is gone")
	require.True(t, c.session.Alive(time.Now(), limit), "what was just negotiated has time to begin")
	c.session.SetDirection(media.SendOnly)
	require.True(t, c.session.Alive(later, limit), "whom we hold owes us nothing")
	require.NoError(t, c.leg.Close())
	eventually(t, "closed", func() bool { return !c.leg.Alive(later, limit) })
}

// 5 % loss and up to 40 ms of jitter between browser and engine, also during the set-up.
func TestCallSurvivesABadNetwork(t *testing.T) {
	t.Parallel()
	engine := newEngine(t, nil)
	c := newCall(t, engine, newPool(t, 20, 0), func(answer []byte) []byte {
		proxy := newBadNetwork(t, engine.Addrs()[0])
		return []byte(strings.ReplaceAll(strings.ReplaceAll(string(answer), " "+itoa(engine.Addrs()[0].Port())+" typ", " "+itoa(proxy.Port())+" typ"),
			"m=audio "+itoa(engine.Addrs()[0].Port()), "m=audio "+itoa(proxy.Port())))
	})
	c.talk(t)
	eventually(t, "both hear that the other one speaks", func() bool {
		_, far := c.farHears.Strongest(browserHz)
		_, near := c.browser.hears.Strongest(ourHz)
		return far > 0.5 && near > 0.5
	})
	eventually(t, "the figures show it", func() bool {
		q := c.leg.Quality()
		return q.Received > 150 && q.Loss > 0.01 && q.Loss < 0.15 && q.Jitter > 3*time.Millisecond && q.Jitter < 40*time.Millisecond && q.MOS < 4.3
	})
	require.Zero(t, c.session.Quality().Lost, "the upstream's leg has nothing to do with it")
	require.Zero(t, c.session.Quality().Unsent)
	require.NotZero(t, c.far.Quality().Lost, "the upstream is told of what the browser's network lost")
}

// newBadNetwork forwards datagrams to and fro, late, or not at all.
func newBadNetwork(t testing.TB, to netip.AddrPort) netip.AddrPort {
	t.Helper()
	front, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	back, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	var mu sync.Mutex
	var client netip.AddrPort
	dice := rand.New(rand.NewPCG(1, 2))
	pass := func(from, through *net.UDPConn, target func(netip.AddrPort) netip.AddrPort) {
		for {
			buffer := make([]byte, 1500)
			n, source, errRead := from.ReadFromUDPAddrPort(buffer)
			if errRead != nil {
				return
			}
			mu.Lock()
			destination, lost, delay := target(source), dice.IntN(100) < 5, time.Duration(dice.IntN(40))*time.Millisecond
			mu.Unlock()
			if lost || !destination.IsValid() {
				continue
			}
			wg.Go(func() {
				timer := time.NewTimer(delay)
				defer timer.Stop()
				select {
				case <-timer.C:
					_, _ = through.WriteToUDPAddrPort(buffer[:n], destination)
				case <-ctx.Done():
				}
			})
		}
	}
	wg.Go(func() { pass(front, back, func(source netip.AddrPort) netip.AddrPort { client = source; return to }) })
	wg.Go(func() { pass(back, front, func(netip.AddrPort) netip.AddrPort { return client }) })
	t.Cleanup(func() {
		cancel()
		require.NoError(t, front.Close())
		require.NoError(t, back.Close())
		wg.Wait()
	})
	return front.LocalAddr().(*net.UDPAddr).AddrPort()
}

func relayStage(t testing.TB) func() {
	t.Helper()
	pool := newPool(t, 20, 0)
	session := newSession(t, pool, func(o *media.RTPOptions) { o.ReportInterval = time.Hour })
	peer := newStranger(t, "127.0.0.1")
	_, err := session.Answer(plainSDP(peer.addr(), "sendrecv", "0", "101"))
	require.NoError(t, err)
	end := &capturedEnd{}
	relay := media.NewRelay(end, session)
	t.Cleanup(relay.Stop)
	packet := &rtp.Packet{Header: rtp.Header{Version: 2, SSRC: 7}, Payload: make([]byte, frame)}
	seq := uint16(0)
	return func() {
		seq++
		packet.SequenceNumber, packet.Timestamp, packet.PayloadType, packet.SSRC = seq, uint32(seq)*frame, 0, 7
		end.sink(media.PCMU, packet)
	}
}

// Our own code on the way of a packet allocates nothing.
func TestRelayStageAllocatesNothing(t *testing.T) {
	step := relayStage(t)
	require.Zero(t, testing.AllocsPerRun(1000, step))
}

func BenchmarkRelayStage(b *testing.B) {
	step := relayStage(b)
	b.ReportAllocs()
	for b.Loop() {
		step()
	}
}

// BenchmarkLegSetUp is offer, answer, ICE, DTLS and the tear-down of one browser's leg, both ends in this process.
func BenchmarkLegSetUp(b *testing.B) {
	engine := newEngine(b, nil)
	b.ReportAllocs()
	for b.Loop() {
		peer, err := engine.NewPeer()
		require.NoError(b, err)
		leg := media.NewBrowserLeg(peer, media.DefaultCodecs())
		page := newBrowser(b, browserOptions{})
		page.call(b.Context(), leg)
		require.NoError(b, waitConnected(page))
		require.NoError(b, leg.Close())
		require.NoError(b, page.pc.GracefulClose())
	}
}

// Where there is no common codec, the tone goes through the converter at its level.
func TestConversionKeepsTheTone(t *testing.T) {
	t.Parallel()
	wide, narrow := g722.NewDecoder(), g722.NewEncoder()
	codecs := map[media.Codec]struct {
		encode func([]byte, []int16) []byte
		decode func([]int16, []byte) []int16
	}{
		media.PCMU: {each(g711.EncodeULaw), back(g711.DecodeULaw)},
		media.PCMA: {each(g711.EncodeALaw), back(g711.DecodeALaw)},
		media.G722: {narrow.EncodeNarrow, wide.DecodeNarrow},
	}
	for from, source := range codecs {
		for to, target := range codecs {
			if from == to {
				continue
			}
			page := &capturedEnd{formats: []media.Format{{Codec: from}}}
			upstream := &capturedEnd{formats: []media.Format{{Codec: to}}}
			relay := media.NewRelay(page, upstream)
			t.Cleanup(relay.Stop)
			var generator tone.Generator
			samples := make([]int16, frame)
			for i := range 50 {
				generator.Fill(samples, 830)
				page.sink(from, &rtp.Packet{Header: rtp.Header{SequenceNumber: uint16(i), Timestamp: uint32(i * frame)}, Payload: source.encode(nil, samples)})
			}
			require.Len(t, upstream.got, 50)
			var heard []int16
			for i, packet := range upstream.got {
				require.Equal(t, uint8(to), packet.PayloadType)
				require.EqualValues(t, i*frame, packet.Timestamp)
				heard = target.decode(heard, packet.Payload)
			}
			heard = heard[len(heard)-4*tone.WindowSize:]
			require.Greater(t, tone.Share(heard, 830), 0.99, "%s to %s", from, to)
			require.InDelta(t, tone.Level(samples), tone.Level(heard), 1, "%s to %s", from, to)
			require.Zero(t, relay.Dropped(media.Upstream))
		}
	}
	// Where there is no way, nothing gets through, and it is counted.
	page, upstream := &capturedEnd{formats: []media.Format{{Codec: media.PCMA}}}, &capturedEnd{formats: []media.Format{{Codec: media.Event8k}}}
	relay := media.NewRelay(page, upstream)
	t.Cleanup(relay.Stop)
	page.sink(media.PCMA, &rtp.Packet{Payload: []byte{1}})
	require.Empty(t, upstream.got)
	require.EqualValues(t, 1, relay.Dropped(media.Upstream))
}

func each(encode func(int16) byte) func([]byte, []int16) []byte {
	return func(octets []byte, samples []int16) []byte {
		for _, s := range samples {
			octets = append(octets, encode(s))
		}
		return octets
	}
}

func back(decode func(byte) int16) func([]int16, []byte) []int16 {
	return func(samples []int16, octets []byte) []int16 {
		for _, o := range octets {
			samples = append(samples, decode(o))
		}
		return samples
	}
}
