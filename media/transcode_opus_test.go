//go:build opus && cgo

package media_test

import (
	"math"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"

	"sidecar/internal/g711"
	"sidecar/internal/g722"
	"sidecar/internal/opus"
	"sidecar/internal/tone"
	"sidecar/media"
)

// voice makes packets of a tone in one codec, and ear listens to them; both at the codec's own clock.
type voice struct {
	codec  media.Codec
	encode func(samples []int16) []byte
	rate   int
	step   uint32 // of the RTP timestamp
	packet rtp.Packet
	phase  int
}

func newVoice(t testing.TB, c media.Codec) *voice {
	t.Helper()
	v := &voice{codec: c, rate: 8000, step: 160, packet: rtp.Packet{Header: rtp.Header{Version: 2, SSRC: 7, SequenceNumber: 65500, Timestamp: 0xffffff00}}}
	v.encode = func(s []int16) []byte { return each(g711.EncodeULaw)(nil, s) }
	if c == media.G722 {
		encoder := g722.NewEncoder()
		v.rate, v.encode = 16000, func(s []int16) []byte { return encoder.Encode(nil, s) }
	}
	if c == media.Opus {
		encoder, err := opus.NewEncoder(48000)
		require.NoError(t, err)
		v.rate, v.step = 48000, 960
		v.encode = func(s []int16) []byte {
			payload, errEncode := encoder.Encode(make([]byte, 0, 1500), s)
			require.NoError(t, errEncode)
			return payload
		}
	}
	return v
}

// next is 20 ms more of the tone.
func (v *voice) next(hz float64) rtp.Packet {
	samples := make([]int16, v.rate/50)
	for i := range samples {
		samples[i] = int16(8000 * math.Sin(2*math.Pi*hz*float64(v.phase)/float64(v.rate)))
		v.phase++
	}
	packet := v.packet
	packet.Payload = v.encode(samples)
	v.packet.SequenceNumber++
	v.packet.Timestamp += v.step
	return packet
}

// hearAll decodes what came out to 8 kHz.
func hearAll(t testing.TB, c media.Codec, packets []rtp.Packet) []int16 {
	t.Helper()
	decode := func(payload []byte) []int16 { return back(g711.DecodeULaw)(nil, payload) }
	if c == media.G722 {
		narrow := g722.NewDecoder()
		decode = func(payload []byte) []int16 { return narrow.DecodeNarrow(nil, payload) }
	}
	if c == media.Opus {
		decoder, err := opus.NewDecoder(8000)
		require.NoError(t, err)
		decode = func(payload []byte) []int16 {
			samples, errDecode := decoder.Decode(make([]int16, 0, 960), payload)
			require.NoError(t, errDecode)
			return samples
		}
	}
	var heard []int16
	for _, p := range packets {
		if p.PayloadType != uint8(c) {
			continue
		}
		heard = append(heard, decode(p.Payload)...)
	}
	return heard
}

func newTranscodedRelay(t testing.TB, from, to media.Codec) (page, upstream *capturedEnd, relay *media.Relay) {
	t.Helper()
	event := func(c media.Codec) media.Codec {
		if c == media.Opus {
			return media.Event48k
		}
		return media.Event8k
	}
	page = &capturedEnd{formats: []media.Format{{Codec: from}, {Codec: event(from)}}}
	upstream = &capturedEnd{formats: []media.Format{{Codec: to}, {Codec: event(to)}}}
	relay = media.NewRelay(page, upstream)
	t.Cleanup(relay.Stop)
	return page, upstream, relay
}

func TestOpusIsTranscoded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ from, to media.Codec }{
		{media.Opus, media.PCMU}, {media.PCMU, media.Opus}, {media.Opus, media.G722}, {media.G722, media.Opus},
	} {
		page, upstream, relay := newTranscodedRelay(t, c.from, c.to)
		v, step := newVoice(t, c.from), uint32(160)
		if c.to == media.Opus {
			step = 960
		}
		for range 100 {
			packet := v.next(830)
			page.sink(c.from, &packet)
		}
		require.Len(t, upstream.got, 100, "%s to %s: one packet each 20 ms", c.from, c.to)
		for i, packet := range upstream.got[1:] {
			require.Equal(t, uint8(c.to), packet.PayloadType)
			require.Equal(t, upstream.got[i].SequenceNumber+1, packet.SequenceNumber)
			require.Equal(t, upstream.got[i].Timestamp+step, packet.Timestamp)
			require.False(t, packet.Marker)
		}
		heard := hearAll(t, c.to, upstream.got)
		heard = heard[len(heard)/2:]
		require.Greater(t, tone.Share(heard, 830), 0.9, "%s to %s", c.from, c.to)
		require.InDelta(t, -15.3, tone.Level(heard), 2, "%s to %s", c.from, c.to)
		require.Zero(t, relay.Dropped(media.Upstream))
	}
}

// What G.711 can't hold must vanish, not come back as another tone.
func TestTranscodingFoldsNothingBack(t *testing.T) {
	t.Parallel()
	page, upstream, _ := newTranscodedRelay(t, media.Opus, media.PCMU)
	v := newVoice(t, media.Opus)
	for range 100 {
		packet := v.next(5170)
		page.sink(media.Opus, &packet)
	}
	heard := hearAll(t, media.PCMU, upstream.got)
	require.Less(t, tone.Level(heard[len(heard)/2:]), -50.0)
}

// Wideband stays wideband: 5 kHz gets from opus to G.722 and back.
func TestTranscodingKeepsWideband(t *testing.T) {
	t.Parallel()
	page, upstream, _ := newTranscodedRelay(t, media.Opus, media.G722)
	v := newVoice(t, media.Opus)
	for range 100 {
		packet := v.next(5000)
		page.sink(media.Opus, &packet)
	}
	decoder := g722.NewDecoder()
	var heard []int16
	for _, p := range upstream.got {
		heard = decoder.Decode(heard, p.Payload)
	}
	heard = heard[len(heard)/2:]
	require.Greater(t, tone.Share(heard, 2500), 0.9, "the listener's clock is half of G.722's") // 5000 Hz at 16 kHz
	require.Greater(t, tone.Level(heard), -20.0)
}

func TestLossIsConcealedAndPausesStay(t *testing.T) {
	t.Parallel()
	page, upstream, relay := newTranscodedRelay(t, media.Opus, media.PCMU)
	v := newVoice(t, media.Opus)
	var late rtp.Packet
	for i := range 100 {
		packet := v.next(830)
		switch {
		case i == 50:
			late = packet
			continue
		case i%10 == 7 || i%10 == 8:
			continue
		}
		page.sink(media.Opus, &packet)
	}
	require.Len(t, upstream.got, 100, "what was lost is made up")
	for i, packet := range upstream.got[1:] {
		require.Equal(t, upstream.got[i].SequenceNumber+1, packet.SequenceNumber)
		require.Equal(t, upstream.got[i].Timestamp+160, packet.Timestamp)
	}
	heard := hearAll(t, media.PCMU, upstream.got)
	for i := 1600; i+tone.WindowSize <= len(heard); i += tone.WindowSize {
		require.True(t, tone.Present(heard[i:i+tone.WindowSize], 830), "at %d", i)
	}
	page.sink(media.Opus, &late)
	require.Len(t, upstream.got, 100, "its place has been filled")
	require.EqualValues(t, 1, relay.Dropped(media.Upstream))

	// The page was silent for a second (DTX, or digits in place of the sound): time goes on, and nothing is made up.
	v.packet.Timestamp += 48000
	packet := v.next(830)
	page.sink(media.Opus, &packet)
	require.Len(t, upstream.got, 101)
	require.Equal(t, upstream.got[99].Timestamp+160+8000, upstream.got[100].Timestamp)
	require.Equal(t, upstream.got[99].SequenceNumber+1, upstream.got[100].SequenceNumber)
	require.True(t, upstream.got[100].Marker)

	// Junk in place of a packet is a loss.
	junk := v.next(830)
	junk.Payload = []byte{0x03, 0x80}
	page.sink(media.Opus, &junk)
	packet = v.next(830)
	page.sink(media.Opus, &packet)
	require.Len(t, upstream.got, 103)
}

// Towards opus a loss stays one, because the far end's decoder conceals better than we could.
func TestLossOfG711StaysALoss(t *testing.T) {
	t.Parallel()
	page, upstream, _ := newTranscodedRelay(t, media.PCMU, media.Opus)
	v := newVoice(t, media.PCMU)
	for i := range 5 {
		packet := v.next(830)
		if i != 2 {
			page.sink(media.PCMU, &packet)
		}
	}
	require.Len(t, upstream.got, 4)
	require.Equal(t, upstream.got[1].SequenceNumber+2, upstream.got[2].SequenceNumber)
	require.Equal(t, upstream.got[1].Timestamp+1920, upstream.got[2].Timestamp)
	require.False(t, upstream.got[2].Marker)
}

// Other frame lengths than 20 ms come from the other side: opus of 60 ms, G.711 of 30.
func TestTranscodingCutsItsOwnFrames(t *testing.T) {
	t.Parallel()
	page, upstream, _ := newTranscodedRelay(t, media.PCMU, media.Opus)
	var generator tone.Generator
	samples := make([]int16, 240)
	for i := range 40 {
		generator.Fill(samples, 830)
		page.sink(media.PCMU, &rtp.Packet{
			Header: rtp.Header{Version: 2, SequenceNumber: uint16(i), Timestamp: uint32(i) * 240}, Payload: each(g711.EncodeULaw)(nil, samples),
		})
	}
	require.Len(t, upstream.got, 60)
	require.Equal(t, upstream.got[0].Timestamp+59*960, upstream.got[59].Timestamp)
	heard := hearAll(t, media.Opus, upstream.got)
	require.Greater(t, tone.Share(heard[len(heard)/2:], 830), 0.9)
}

func TestDigitsGoWithTranscodedSound(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, to           media.Codec
		fromEvent, toEvent media.Codec
		duration, want     uint16
	}{
		{media.Opus, media.PCMU, media.Event48k, media.Event8k, 960, 160},
		{media.PCMU, media.Opus, media.Event8k, media.Event48k, 160, 960},
	} {
		page, upstream, relay := newTranscodedRelay(t, c.from, c.to)
		v := newVoice(t, c.from)
		for range 3 {
			packet := v.next(830)
			page.sink(c.from, &packet)
		}
		// The digit takes the place of two packets of sound, as browsers do it.
		digit := v.packet
		for i := range uint16(2) {
			packet := digit
			packet.SequenceNumber += i
			packet.Payload = []byte{5, 10, byte(c.duration * (i + 1) >> 8), byte(c.duration * (i + 1))}
			page.sink(c.fromEvent, &packet)
		}
		v.packet.SequenceNumber += 2
		v.packet.Timestamp += 2 * v.step
		packet := v.next(830)
		page.sink(c.from, &packet)

		got := upstream.got
		require.Len(t, got, 6, "nothing is made up for the digit's time")
		for i := range got[1:] {
			require.Equal(t, got[i].SequenceNumber+1, got[i+1].SequenceNumber)
		}
		for i, event := range got[3:5] {
			require.Equal(t, uint8(c.toEvent), event.PayloadType)
			require.Equal(t, got[2].Timestamp+uint32(c.want), event.Timestamp, "the digit begins where the sound ends")
			require.Equal(t, c.want*uint16(i+1), uint16(event.Payload[2])<<8|uint16(event.Payload[3]))
		}
		require.Equal(t, got[2].Timestamp+3*uint32(c.want), got[5].Timestamp)
		require.Zero(t, relay.Dropped(media.Upstream))
	}
}

// Comfort noise between opus packets is dropped and counted; it is no loss.
func TestFieldLesson04_ComfortNoiseBesideTranscodedSound(t *testing.T) {
	t.Parallel()
	page, upstream, relay := newTranscodedRelay(t, media.PCMU, media.Opus)
	v := newVoice(t, media.PCMU)
	packet := v.next(830)
	page.sink(media.PCMU, &packet)
	noise := v.packet
	v.packet.SequenceNumber++
	page.sink(media.Unknown, &noise)
	packet = v.next(830)
	page.sink(media.PCMU, &packet)
	require.Len(t, upstream.got, 2)
	require.Equal(t, upstream.got[0].SequenceNumber+1, upstream.got[1].SequenceNumber)
	require.EqualValues(t, 1, relay.Dropped(media.Upstream))
}

// A browser that speaks opus only and an upstream that speaks PCMU only, over real legs.
func TestBrowserWithOpusTalksToG711(t *testing.T) {
	t.Parallel()
	engine, pool := newEngine(t, nil), newPool(t, 20, 0)
	leg, b := newLeg(t, engine, media.Opus), newBrowser(t, browserOptions{})
	session := newSession(t, pool, func(o *media.RTPOptions) { o.Codecs = []media.Codec{media.PCMU} })
	far := newSession(t, pool, func(o *media.RTPOptions) { o.Codecs = []media.Codec{media.PCMU} })
	farHears, ours := newListener(t), newListener(t)
	far.SetSink(sink(farHears))
	join(t, session, far)
	b.call(patient(t), leg)
	require.NoError(t, media.CheckCodecs(leg.Formats(), session.Formats()))
	relay := media.NewRelay(leg, session)
	t.Cleanup(relay.Stop)
	require.NoError(t, waitConnected(b))
	talk(t, ourHz, forward(far))

	v := newVoice(t, media.Opus)
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	decoder, err := opus.NewDecoder(8000)
	require.NoError(t, err)
	deadline := time.After(patience)
	for !farHears.Hears(browserHz) || !ours.Hears(ourHz) {
		select {
		case <-ticker.C:
			packet := v.next(browserHz)
			packet.PayloadType = 111
			require.NoError(t, b.write(&packet.Header, packet.Payload))
		case packet := <-b.packets:
			require.EqualValues(t, 111, packet.PayloadType)
			samples, errDecode := decoder.Decode(make([]int16, 0, 960), packet.Payload)
			require.NoError(t, errDecode)
			ours.Write(samples)
		case <-deadline:
			t.Fatal("they don't hear each other")
		}
	}
	require.Zero(t, session.Quality().Unsent+leg.Quality().Unsent)
	require.Zero(t, far.Quality().Lost)

	// Music for a browser with opus is music now.
	var music tone.Generator
	require.NoError(t, relay.Play(media.Browser, func(samples []int16) { music.Fill(samples, 620) }))
	for !ours.Hears(620) {
		select {
		case packet := <-b.packets:
			samples, errDecode := decoder.Decode(make([]int16, 0, 960), packet.Payload)
			require.NoError(t, errDecode)
			ours.Write(samples)
		case <-deadline:
			t.Fatal("no music")
		}
	}
}

func transcodeStage(t testing.TB, from, to media.Codec) func() {
	t.Helper()
	page, upstream, _ := newTranscodedRelay(t, from, to)
	upstream.deaf = true
	v := newVoice(t, from)
	packets := make([]rtp.Packet, 50)
	for i := range packets {
		packets[i] = v.next(830)
	}
	seq, i := uint16(0), 0
	return func() {
		packet := &packets[i%len(packets)]
		payload := packet.Payload
		packet.SequenceNumber, packet.Timestamp = seq, uint32(seq)*v.step
		seq++
		i++
		page.sink(from, packet)
		packet.Payload = payload
	}
}

func TestTranscodeStageAllocatesNothing(t *testing.T) {
	require.Zero(t, testing.AllocsPerRun(200, transcodeStage(t, media.Opus, media.PCMU)))
	require.Zero(t, testing.AllocsPerRun(200, transcodeStage(t, media.G722, media.Opus)))
}

func BenchmarkTranscode(b *testing.B) {
	for name, c := range map[string][2]media.Codec{"opus-PCMU": {media.Opus, media.PCMU}, "PCMU-opus": {media.PCMU, media.Opus}, "opus-G722": {media.Opus, media.G722}} {
		b.Run(name, func(b *testing.B) {
			step := transcodeStage(b, c[0], c[1])
			b.ReportAllocs()
			for b.Loop() {
				step()
			}
		})
	}
}
