package media_test

import (
	"bytes"
	"encoding/binary"
	"regexp"
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

var withoutCandidates = regexp.MustCompile(`a=candidate:[^\n]*\n`)

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
	if path != nil {
		offer = withoutCandidates.ReplaceAll(offer, nil) // or our side would find a way past the network
	}
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
	eventually(t, "our side is connected", func() bool { return c.leg.State() == media.PeerConnected })
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

func TestSourceThatBeginsAnewUnderItsSSRCIsHeardAtOnce(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]uint16{"lower": 20000 - 300, "much lower": 100, "higher": 30000} {
		pool := newPool(t, 20, 0)
		session, far := newSession(t, pool, nil), newSession(t, pool, nil)
		join(t, session, far)
		got := make(chan rtp.Header, 100)
		far.SetSink(func(_ media.Codec, packet *rtp.Packet) { got <- packet.Header })
		send := func(seq uint16, ts uint32) {
			require.NoError(t, session.Forward(1<<32, media.PCMU, &rtp.Header{Version: 2, SequenceNumber: seq, Timestamp: ts}, make([]byte, frame)))
		}
		next := func() rtp.Header {
			t.Helper()
			select {
			case h := <-got:
				return h
			case <-time.After(patience):
				require.Fail(t, "the packet does not arrive", name)
			}
			return rtp.Header{}
		}
		send(20000, 1_000_000)
		before := next()
		send(7, 1) // a stray one moves nothing
		send(20001, 1_000_000+frame)
		require.Equal(t, before.SequenceNumber+1, next().SequenceNumber, name)
		for i := range uint16(4) {
			send(first+i, 5_000+uint32(i)*frame)
		}
		after := next()
		require.Equal(t, before.SequenceNumber+2, after.SequenceNumber, name)
		require.Less(t, after.Timestamp-before.Timestamp, uint32(frame*1000), "%s: the time of the stream goes on", name)
		require.Equal(t, before.SequenceNumber+3, next().SequenceNumber, name)
		require.Equal(t, before.SequenceNumber+4, next().SequenceNumber, name)
	}
}

// A digit beside opus, where one side knows events at 48 kHz and the other one at 8 kHz only.
func TestDigitsChangeTheirClock(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, to         media.Codec
		durations, wants [3]uint16
	}{
		{media.Event48k, media.Event8k, [3]uint16{960, 1728, 0xffff}, [3]uint16{160, 288, 10922}},
		{media.Event8k, media.Event48k, [3]uint16{160, 288, 0xffff}, [3]uint16{960, 1728, 0xffff}},
	} {
		page := &capturedEnd{formats: []media.Format{{Codec: media.Opus}, {Codec: c.from}}}
		upstream := &capturedEnd{formats: []media.Format{{Codec: media.Opus}, {Codec: c.to}}}
		relay := media.NewRelay(page, upstream)
		t.Cleanup(relay.Stop)
		page.sink(media.Opus, &rtp.Packet{Header: rtp.Header{Timestamp: 48000}, Payload: []byte{1}})
		for _, d := range c.durations {
			page.sink(c.from, &rtp.Packet{Header: rtp.Header{Timestamp: 777}, Payload: []byte{5, 10, byte(d >> 8), byte(d)}})
		}
		require.Len(t, upstream.got, 4)
		for i, want := range c.wants {
			got := upstream.got[i+1]
			require.Equal(t, uint8(c.to), got.PayloadType)
			require.EqualValues(t, 48000, got.Timestamp, "the digit begins where the sound is")
			require.Equal(t, []byte{5, 10}, got.Payload[:2])
			require.Equal(t, want, binary.BigEndian.Uint16(got.Payload[2:]))
		}
		// The same clock on both sides leaves a digit alone.
		same := &capturedEnd{formats: []media.Format{{Codec: media.Opus}, {Codec: c.from}}}
		require.NoError(t, relay.Replace(media.Upstream, same))
		page.sink(c.from, &rtp.Packet{Header: rtp.Header{Timestamp: 778}, Payload: []byte{5, 10, 1, 2}})
		require.EqualValues(t, 778, same.got[0].Timestamp)
		require.Equal(t, []byte{5, 10, 1, 2}, same.got[0].Payload)
	}
	deaf := &capturedEnd{formats: []media.Format{{Codec: media.PCMU}}}
	page := &capturedEnd{formats: []media.Format{{Codec: media.PCMU}, {Codec: media.Event8k}}}
	relay := media.NewRelay(page, deaf)
	t.Cleanup(relay.Stop)
	page.sink(media.Event8k, &rtp.Packet{Payload: []byte{5, 10, 1, 2}})
	require.Empty(t, deaf.got)
	require.EqualValues(t, 1, relay.Dropped(media.Upstream), "who negotiated no events gets none")
}

func TestCheckCodecs(t *testing.T) {
	t.Parallel()
	format := func(c media.Codec) []media.Format { return []media.Format{{Codec: c}, {Codec: media.Event8k}} }
	require.NoError(t, media.CheckCodecs(format(media.Opus), format(media.Opus)))
	require.ErrorIs(t, media.CheckCodecs(nil, format(media.Opus)), media.ErrNotNegotiated)
	require.NoError(t, media.CheckCodecs(format(media.G722), format(media.PCMA)))
}

// relayStage is what happens to a packet between two legs, from the moment it is decrypted to the system call that sends it.
func relayStage(t testing.TB, tap media.Sink) func() {
	t.Helper()
	pool := newPool(t, 20, 0)
	session := newSession(t, pool, func(o *media.RTPOptions) { o.ReportInterval = time.Hour })
	upstream := newStranger(t, "127.0.0.1")
	_, err := session.Answer(plainSDP(upstream.addr(), "sendrecv", "0", "101"))
	require.NoError(t, err)
	peer := &silentPeer{}
	leg := media.NewBrowserLeg(peer, []media.Codec{media.PCMU})
	t.Cleanup(func() { require.NoError(t, leg.Close()) })
	_, err = leg.Answer(t.Context(), []byte(pageOffer))
	require.NoError(t, err)
	leg.SetTap(tap)
	relay := media.NewRelay(leg, session)
	t.Cleanup(relay.Stop)
	packet := &rtp.Packet{Payload: make([]byte, frame)}
	seq := uint16(0)
	return func() {
		seq++
		packet.Header = rtp.Header{Version: 2, SequenceNumber: seq, Timestamp: uint32(seq) * frame, SSRC: 7}
		peer.onRTP(media.Audio, packet)
	}
}

// Our own code on the way of a packet allocates nothing, neither alone nor with somebody who listens in.
func TestRelayStageAllocatesNothing(t *testing.T) {
	var meter media.Meter
	require.Zero(t, testing.AllocsPerRun(1000, relayStage(t, nil)))
	require.Zero(t, testing.AllocsPerRun(1000, relayStage(t, meter.Tap)))
	require.Greater(t, meter.Level(), -5.0, "payloads of zeros are PCMU's loudest sample")
}

func BenchmarkRelayStage(b *testing.B) {
	var meter media.Meter
	for name, tap := range map[string]media.Sink{"alone": nil, "metered": meter.Tap} {
		b.Run(name, func(b *testing.B) {
			step := relayStage(b, tap)
			b.ReportAllocs()
			for b.Loop() {
				step()
			}
		})
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
