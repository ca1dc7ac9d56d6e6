package media_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"

	"sidecar/internal/g711"
	"sidecar/internal/tone"
	"sidecar/media"
)

const (
	frame     = 160 // samples in 20 ms
	patience  = 20 * time.Second
	browserHz = 830
	ourHz     = 1330
)

func patient(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func newEngine(t testing.TB, change func(*media.EngineOptions)) *media.Engine {
	t.Helper()
	opts := media.EngineOptions{Listen: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}, Logger: quiet()}
	if change != nil {
		change(&opts)
	}
	engine, err := media.NewEngine(opts)
	// The UDP port that the kernel chose may be taken on TCP by somebody else.
	for range 20 {
		if !opts.TCP || !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
		engine, err = media.NewEngine(opts)
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, engine.Close()) })
	return engine
}

func newLeg(t testing.TB, engine *media.Engine, codecs ...media.Codec) *media.BrowserLeg {
	t.Helper()
	peer, err := engine.NewPeer()
	require.NoError(t, err)
	if len(codecs) == 0 {
		codecs = media.DefaultCodecs()
	}
	leg := media.NewBrowserLeg(peer, codecs)
	t.Cleanup(func() { require.NoError(t, leg.Close()) })
	return leg
}

// talk sends 20 ms of a tone each 20 ms until the test ends, in PCMU.
func talk(t testing.TB, hz float64, write func(*rtp.Header, []byte) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		var generator tone.Generator
		samples, payload := make([]int16, frame), make([]byte, frame)
		header := rtp.Header{Version: 2, SequenceNumber: 65500, Timestamp: 0xfffff000}
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			generator.Fill(samples, hz)
			for i, s := range samples {
				payload[i] = g711.EncodeULaw(s)
			}
			out := header
			err := write(&out, payload)
			if err != nil && !errors.Is(err, media.ErrNotNegotiated) {
				return
			}
			header.SequenceNumber++
			header.Timestamp += frame
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
}

func talkHeader() *rtp.Header { return &rtp.Header{Version: 2} }

// hear decodes PCMU into a listener.
func hear(l *tone.Listener, packet *rtp.Packet) {
	if packet.PayloadType != 0 {
		return
	}
	samples := make([]int16, len(packet.Payload))
	for i, octet := range packet.Payload {
		samples[i] = g711.DecodeULaw(octet)
	}
	l.Write(samples)
}

// browser is the other end: a PeerConnection as a page would have it, with codecs and payload types of its own.
type browser struct {
	t        testing.TB
	pc       *webrtc.PeerConnection
	writer   atomic.Pointer[webrtc.TrackLocalWriter]
	ssrc     atomic.Uint32
	hears    *tone.Listener
	packets  chan rtp.Packet // of payload types other than 0
	reports  chan []rtcp.Packet
	received atomic.Int64
	sender   *webrtc.RTPSender
	wg       sync.WaitGroup
}

type browserOptions struct {
	tcpOnly bool
}

func newBrowser(t testing.TB, opts browserOptions) *browser {
	t.Helper()
	s := webrtc.SettingEngine{LoggerFactory: &logging.DefaultLoggerFactory{Writer: io.Discard}}
	s.SetIncludeLoopbackCandidate(true)
	s.SetFireOnTrackBeforeFirstRTP(true)
	s.SetIPFilter(func(ip net.IP) bool { return ip.IsLoopback() })
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	if opts.tcpOnly {
		s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeTCP4})
	}
	codecs := &webrtc.MediaEngine{}
	require.NoError(t, codecs.RegisterDefaultCodecs())
	api := webrtc.NewAPI(webrtc.WithSettingEngine(s), webrtc.WithMediaEngine(codecs), webrtc.WithInterceptorRegistry(&interceptor.Registry{}))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	require.NoError(t, err)
	b := &browser{t: t, pc: pc, hears: tone.NewListener(), packets: make(chan rtp.Packet, 64), reports: make(chan []rtcp.Packet, 64)}
	pc.OnTrack(func(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
		b.wg.Go(func() { b.read(track) })
		b.wg.Go(func() { b.readRTCP(receiver.Read) })
	})
	b.sender, err = pc.AddTrack(b)
	require.NoError(t, err)
	b.wg.Go(func() { b.readRTCP(b.sender.Read) })
	t.Cleanup(func() {
		require.NoError(t, pc.GracefulClose())
		b.wg.Wait()
		b.hears.Close()
	})
	return b
}

func (b *browser) read(track *webrtc.TrackRemote) {
	buffer := make([]byte, 1500)
	for {
		n, _, err := track.Read(buffer)
		if n == 0 {
			return
		}
		if err != nil && !errors.Is(err, webrtc.ErrCodecNotFound) {
			return
		}
		var packet rtp.Packet
		if packet.Unmarshal(buffer[:n]) != nil {
			continue
		}
		b.received.Add(1)
		if packet.PayloadType == 0 {
			hear(b.hears, &packet)
			continue
		}
		packet.Payload = append([]byte(nil), packet.Payload...)
		select {
		case b.packets <- packet:
		default:
		}
	}
}

func (b *browser) readRTCP(read func([]byte) (int, interceptor.Attributes, error)) {
	buffer := make([]byte, 1500)
	for {
		n, _, err := read(buffer)
		if err != nil {
			return
		}
		packets, err := rtcp.Unmarshal(buffer[:n])
		if err != nil {
			continue
		}
		select {
		case b.reports <- packets:
		default:
		}
	}
}

// Bind and the others make the browser its own track, which sends any payload type.
func (b *browser) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	writer := c.WriteStream()
	b.ssrc.Store(uint32(c.SSRC()))
	b.writer.Store(&writer)
	return c.CodecParameters()[0], nil
}
func (b *browser) Unbind(webrtc.TrackLocalContext) error { return nil }
func (b *browser) ID() string                            { return "microphone" }
func (b *browser) RID() string                           { return "" }
func (b *browser) StreamID() string                      { return "page" }
func (b *browser) Kind() webrtc.RTPCodecType             { return webrtc.RTPCodecTypeAudio }

func (b *browser) write(header *rtp.Header, payload []byte) error {
	writer := b.writer.Load()
	if writer == nil || b.pc.ConnectionState() != webrtc.PeerConnectionStateConnected {
		return media.ErrNotNegotiated
	}
	header.SSRC = b.ssrc.Load()
	_, err := (*writer).WriteRTP(header, payload)
	return err
}

// offer is the page's first or next offer, with all candidates in it.
func (b *browser) offer(options *webrtc.OfferOptions) []byte {
	b.t.Helper()
	offer, err := b.pc.CreateOffer(options)
	require.NoError(b.t, err)
	return b.gather(offer)
}

func (b *browser) answer(offer []byte) []byte {
	b.t.Helper()
	require.NoError(b.t, b.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: string(offer)}), "%s", offer)
	answer, err := b.pc.CreateAnswer(nil)
	require.NoError(b.t, err)
	text := b.gather(answer)
	// Pion says sendrecv to anything; a browser would not.
	for ours, theirs := range map[string]string{"a=sendonly": "a=recvonly", "a=inactive": "a=inactive"} {
		if bytes.Contains(offer, []byte(ours)) {
			return bytes.Replace(text, []byte("a=sendrecv"), []byte(theirs), 1)
		}
	}
	return text
}

func (b *browser) gather(d webrtc.SessionDescription) []byte {
	b.t.Helper()
	require.NoError(b.t, b.pc.SetLocalDescription(d))
	// Not Pion's promise, which is not always kept when a restart gathers already.
	eventually(b.t, "the browser's gathering ends", func() bool { return b.pc.ICEGatheringState() == webrtc.ICEGatheringStateComplete })
	return []byte(b.pc.LocalDescription().SDP)
}

func (b *browser) accept(answer []byte) {
	b.t.Helper()
	require.NoError(b.t, b.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(answer)}), "%s", answer)
}

// call makes the browser offer and the leg answer.
func (b *browser) call(ctx context.Context, leg *media.BrowserLeg) (offer, answer []byte) {
	b.t.Helper()
	offer = b.offer(nil)
	answer, err := leg.Answer(ctx, offer)
	require.NoError(b.t, err)
	b.accept(answer)
	return offer, answer
}

// ring makes the leg offer and the browser answer.
func (b *browser) ring(ctx context.Context, leg *media.BrowserLeg) (offer, answer []byte) {
	b.t.Helper()
	offer, err := leg.Offer(ctx)
	require.NoError(b.t, err)
	answer = b.answer(offer)
	require.NoError(b.t, leg.Accept(ctx, answer))
	return offer, answer
}

func waitConnected(b *browser) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for b.pc.ConnectionState() != webrtc.PeerConnectionStateConnected || b.writer.Load() == nil {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
	return nil
}

func itoa(port uint16) string { return strconv.Itoa(int(port)) }
