package gateway_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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

const digitsOf = "0123456789*#ABCD"

// voice speaks and hears in one codec: it sends a tone, and knows which ones it hears and which digits.
type voice struct {
	codec    media.Codec
	payload  uint8
	event    uint8 // payload type of its digits
	hz       float64
	step     uint32 // of the RTP time in 20 ms
	encode   func(payload []byte, samples []int16) []byte
	decode   func(samples []int16, payload []byte) []int16
	hears    *tone.Listener
	packets  atomic.Int64
	muted    atomic.Bool // sends nothing, as a page does whose track is disabled
	digits   chan byte
	press    chan byte
	lastTime uint32 // of the last digit; the reader's
}

func newVoice(t testing.TB, codec media.Codec, event uint8, hz float64) *voice {
	t.Helper()
	v := &voice{codec: codec, event: event, hz: hz, step: 160, hears: tone.NewListener(), digits: make(chan byte, 16), press: make(chan byte, 16)}
	switch codec {
	case media.PCMU:
		v.encode, v.decode = eachSample(g711.EncodeULaw), eachOctet(g711.DecodeULaw)
	case media.PCMA:
		v.payload, v.encode, v.decode = 8, eachSample(g711.EncodeALaw), eachOctet(g711.DecodeALaw)
	case media.G722:
		v.payload, v.encode, v.decode = 9, g722.NewEncoder().EncodeNarrow, g722.NewDecoder().DecodeNarrow
	case media.Opus:
		v.payload, v.event, v.step = 111, 110, 960
		v.speakOpus(t)
	case media.Unknown, media.Event8k, media.Event48k:
		t.Fatalf("no voice for %s", codec)
	}
	return v
}

func eachSample(encode func(int16) byte) func([]byte, []int16) []byte {
	return func(payload []byte, samples []int16) []byte {
		for _, s := range samples {
			payload = append(payload, encode(s))
		}
		return payload
	}
}

func eachOctet(decode func(byte) int16) func([]int16, []byte) []int16 {
	return func(samples []int16, payload []byte) []int16 {
		for _, octet := range payload {
			samples = append(samples, decode(octet))
		}
		return samples
	}
}

// speakOpus takes libopus. Without it the payload names the tone: it must then pass untouched.
func (v *voice) speakOpus(t testing.TB) {
	t.Helper()
	if opus.Built {
		encoder, err := opus.NewEncoder(8000)
		require.NoError(t, err)
		decoder, err := opus.NewDecoder(8000)
		require.NoError(t, err)
		v.encode = func(payload []byte, samples []int16) []byte {
			payload, _ = encoder.Encode(payload, samples)
			return payload
		}
		v.decode = func(samples []int16, payload []byte) []int16 {
			samples, _ = decoder.Decode(samples, payload)
			return samples
		}
		return
	}
	v.encode = func(payload []byte, _ []int16) []byte {
		return binary.BigEndian.AppendUint16(append(payload, 0xf8, 0xff), uint16(v.hz))
	}
	var generator tone.Generator
	v.decode = func(samples []int16, payload []byte) []int16 {
		samples = append(samples, make([]int16, 160)...)
		if len(payload) == 4 && payload[0] == 0xf8 && payload[1] == 0xff {
			generator.Fill(samples[len(samples)-160:], float64(binary.BigEndian.Uint16(payload[2:])))
		}
		return samples
	}
}

// speak sends the tone, and digits as they are pressed, until done.
func (v *voice) speak(done <-chan struct{}, write func(*rtp.Header, []byte)) {
	var generator tone.Generator
	samples, payload := make([]int16, 160), make([]byte, 0, 1500)
	header := rtp.Header{Version: 2}
	before := int64(0)
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case digit := <-v.press:
			v.sendDigit(&header, digit, write)
			continue
		case <-ticker.C:
		}
		if header.SequenceNumber%10 == 0 { // a stream that ended is silence
			if now := v.packets.Load(); now != before {
				before = now
			} else {
				v.hears.Quiet()
			}
		}
		if v.muted.Load() {
			header.SequenceNumber++
			continue
		}
		generator.Fill(samples, v.hz)
		payload = v.encode(payload[:0], samples)
		header.PayloadType = v.payload
		write(&header, payload)
		header.SequenceNumber++
		header.Timestamp += v.step
	}
}

// sendDigit sends a digit of 20 ms with its end three times.
func (v *voice) sendDigit(header *rtp.Header, digit byte, write func(*rtp.Header, []byte)) {
	header.PayloadType = v.event
	for range 3 {
		write(header, []byte{byte(strings.IndexByte(digitsOf, digit)), 0x8a, byte(v.step >> 8), byte(v.step)})
		header.SequenceNumber++
	}
}

// take hears a packet.
func (v *voice) take(packet *rtp.Packet) {
	v.packets.Add(1)
	switch {
	case packet.PayloadType == v.payload:
		v.hears.Write(v.decode(make([]int16, 0, 960), packet.Payload)) // libopus wants the room beforehand
	case packet.PayloadType == v.event && len(packet.Payload) == 4 && packet.Timestamp != v.lastTime:
		v.lastTime = packet.Timestamp
		v.digits <- digitsOf[packet.Payload[0]]
	}
}

func (v *voice) waitDigit(t testing.TB) string {
	t.Helper()
	select {
	case digit := <-v.digits:
		return string(digit)
	case <-patient(t).Done():
		t.Fatal("no digit came")
	}
	return ""
}

// line is an upstream's end of the sound.
type line struct {
	*voice
	t    testing.TB
	conn net.PacketConn
	ssrc uint32
	far  atomic.Pointer[net.UDPAddr]
	done chan struct{}
	wg   sync.WaitGroup
}

func newLine(t testing.TB, codec media.Codec) *line {
	t.Helper()
	return newLineAt(t, codec, phoneHz)
}

func newLineAt(t testing.TB, codec media.Codec, hz float64) *line {
	t.Helper()
	l := &line{voice: newVoice(t, codec, 101, hz), t: t, conn: listenUDP(t), ssrc: rand.Uint32(), done: make(chan struct{})}
	l.wg.Go(l.read)
	l.wg.Go(func() { l.speak(l.done, l.write) })
	t.Cleanup(func() {
		close(l.done)
		_ = l.conn.Close()
		l.wg.Wait()
		l.hears.Close()
	})
	return l
}

func (l *line) read() {
	buffer := make([]byte, 1500)
	var packet rtp.Packet
	for {
		n, _, err := l.conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		if packet.Unmarshal(buffer[:n]) == nil {
			l.take(&packet)
		}
	}
}

func (l *line) write(header *rtp.Header, payload []byte) {
	far := l.far.Load()
	if far == nil {
		return
	}
	packet := rtp.Packet{Header: *header, Payload: payload}
	packet.SSRC = l.ssrc
	if data, err := packet.Marshal(); err == nil {
		_, _ = l.conn.WriteTo(data, far)
	}
}

// reach sends to where a description of the gateway says.
func (l *line) reach(sdp string) {
	l.t.Helper()
	_, rest, ok := strings.Cut(sdp, "m=audio ")
	require.True(l.t, ok, sdp)
	var port int
	_, err := fmt.Sscan(rest, &port)
	require.NoError(l.t, err)
	l.far.Store(&net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
}

// sdp describes the line with its one codec.
func (l *line) sdp(version int) string {
	port := netip.MustParseAddrPort(l.conn.LocalAddr().String()).Port()
	rate, channels := 8000, ""
	if l.codec == media.Opus {
		rate, channels = 48000, "/2"
	}
	return fmt.Sprintf("v=0\r\no=- 1 %d IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/AVP %d %d\r\n"+
		"a=rtpmap:%d %s/%d%s\r\na=rtpmap:%d telephone-event/%d\r\na=fmtp:%d 0-15\r\na=sendrecv\r\n",
		version, port, l.payload, l.event, l.payload, l.codec, rate, channels, l.event, rate, l.event)
}

// allCodecs are those of the gateway.
func allCodecs() []media.Codec {
	return slices.Clone(media.DefaultCodecs())
}
