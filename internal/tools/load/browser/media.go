package browser

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"sidecar/internal/tools/load/meter"
)

const receiveMTU = 1500

// Factory makes the media of all legs. They share one certificate, which real browsers don't: its making is theirs.
type Factory struct {
	api    *webrtc.API
	config webrtc.Configuration
}

// NewFactory prepares PeerConnections that speak PCMU on 127.0.0.1 only.
func NewFactory() (*Factory, error) {
	s := webrtc.SettingEngine{LoggerFactory: &logging.DefaultLoggerFactory{Writer: io.Discard}}
	s.SetIncludeLoopbackCandidate(true)
	s.SetIPFilter(func(ip net.IP) bool { return ip.IsLoopback() })
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	s.SetReceiveMTU(receiveMTU)
	s.SetHandleUndeclaredSSRCWithoutAnswer(true) // rtpengine names no SSRC
	codecs := &webrtc.MediaEngine{}
	err := codecs.RegisterCodec(webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMU, ClockRate: 8000}, PayloadType: 0,
	}, webrtc.RTPCodecTypeAudio)
	if err != nil {
		return nil, fmt.Errorf("register PCMU: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the DTLS key: %w", err)
	}
	certificate, err := webrtc.GenerateCertificate(key)
	if err != nil {
		return nil, fmt.Errorf("make the DTLS certificate: %w", err)
	}
	return &Factory{
		api:    webrtc.NewAPI(webrtc.WithSettingEngine(s), webrtc.WithMediaEngine(codecs), webrtc.WithInterceptorRegistry(&interceptor.Registry{})),
		config: webrtc.Configuration{Certificates: []webrtc.Certificate{*certificate}, BundlePolicy: webrtc.BundlePolicyMaxBundle},
	}, nil
}

// Traffic is what the legs send and what becomes of what they hear: meter.Traffic, or a voice.
type Traffic interface {
	// Stamp writes the next 20 ms that a leg sends.
	Stamp(payload []byte, leg int)
	// Returned takes a payload that a leg has heard, and says whether it was meant for it.
	Returned(payload []byte, leg int) bool
}

// Media is one leg's PeerConnection: it sends packets of PCMU and takes what comes back.
type Media struct {
	pc      *webrtc.PeerConnection
	traffic Traffic
	leg     int
	writer  atomic.Pointer[webrtc.TrackLocalWriter]
	wg      sync.WaitGroup

	// Owned by Send.
	header  rtp.Header
	payload [meter.PayloadSize]byte

	state chan webrtc.PeerConnectionState // the latest
}

// NewMedia makes the media of a leg.
func (f *Factory) NewMedia(traffic Traffic, leg int) (*Media, error) {
	pc, err := f.api.NewPeerConnection(f.config)
	if err != nil {
		return nil, fmt.Errorf("make a peer connection: %w", err)
	}
	m := &Media{pc: pc, traffic: traffic, leg: leg, state: make(chan webrtc.PeerConnectionState, 8)}
	for i := range m.payload {
		m.payload[i] = 0xff // silence, should anybody listen
	}
	m.header = rtp.Header{Version: 2, Marker: true}
	pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { m.wg.Go(func() { m.read(track) }) })
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		select {
		case m.state <- s:
		default:
		}
	})
	if _, err = pc.AddTrack(track{m}); err != nil {
		return nil, errors.Join(fmt.Errorf("add the audio track: %w", err), pc.Close())
	}
	return m, nil
}

// Offer is the complete offer, with all candidates.
func (m *Media) Offer(ctx context.Context) (string, error) {
	offer, err := m.pc.CreateOffer(nil)
	if err != nil {
		return "", fmt.Errorf("offer: %w", err)
	}
	return m.complete(ctx, offer)
}

// Answer takes an offer and is the complete answer to it; the path comes up by itself then.
func (m *Media) Answer(ctx context.Context, offer string) (string, error) {
	if err := m.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", fmt.Errorf("take the offer: %w", err)
	}
	answer, err := m.pc.CreateAnswer(nil)
	if err != nil {
		return "", fmt.Errorf("answer: %w", err)
	}
	return m.complete(ctx, answer)
}

// complete makes a description ours, and returns it with all candidates.
func (m *Media) complete(ctx context.Context, d webrtc.SessionDescription) (string, error) {
	gathered := webrtc.GatheringCompletePromise(m.pc)
	if err := m.pc.SetLocalDescription(d); err != nil {
		return "", fmt.Errorf("%s: %w", d.Type, err)
	}
	select {
	case <-gathered:
		return withAddress(m.pc.LocalDescription().SDP), nil
	case <-ctx.Done():
		return "", fmt.Errorf("gather candidates: %w", context.Cause(ctx))
	}
}

// withAddress writes the first candidate's address where Pion writes 0.0.0.0 and port 9, which Asterisk takes for a hold.
func withAddress(offer string) string {
	_, rest, ok := strings.Cut(offer, "a=candidate:")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 6 {
		return offer
	}
	offer = strings.Replace(offer, "m=audio 9 ", "m=audio "+fields[5]+" ", 1)
	return strings.ReplaceAll(offer, "c=IN IP4 0.0.0.0", "c=IN IP4 "+fields[4])
}

// Accept takes the answer; the path comes up by itself then.
func (m *Media) Accept(answer string) error {
	if err := m.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	return nil
}

// Wait returns when ICE and DTLS are done.
func (m *Media) Wait(ctx context.Context) error {
	for {
		select {
		case s := <-m.state:
			if s == webrtc.PeerConnectionStateConnected {
				return nil
			}
			if s == webrtc.PeerConnectionStateFailed || s == webrtc.PeerConnectionStateClosed {
				return fmt.Errorf("%w: leg %d: %s", ErrMedia, m.leg, s)
			}
		case <-ctx.Done():
			return fmt.Errorf("%w: leg %d: %w", ErrMedia, m.leg, context.Cause(ctx))
		}
	}
}

// Send sends the next packet. It is called every 20 ms once Wait has returned, by one goroutine.
func (m *Media) Send() {
	writer := m.writer.Load()
	if writer == nil {
		return
	}
	m.traffic.Stamp(m.payload[:], m.leg)
	_, _ = (*writer).WriteRTP(&m.header, m.payload[:])
	m.header.Marker = false
	m.header.SequenceNumber++
	m.header.Timestamp += meter.PayloadSize
}

func (m *Media) read(track *webrtc.TrackRemote) {
	buffer := make([]byte, receiveMTU)
	var packet rtp.Packet
	for {
		n, _, err := track.Read(buffer)
		if err != nil {
			return
		}
		if packet.Unmarshal(buffer[:n]) == nil {
			m.traffic.Returned(packet.Payload, m.leg)
		}
	}
}

// Close ends the PeerConnection.
func (m *Media) Close() error {
	err := m.pc.GracefulClose()
	m.wg.Wait()
	if err != nil {
		return fmt.Errorf("close a peer connection: %w", err)
	}
	return nil
}

// track makes the Media the PeerConnection's microphone.
type track struct{ *Media }

func (t track) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	writer := c.WriteStream()
	t.header.SSRC = uint32(c.SSRC())
	t.writer.Store(&writer)
	return c.CodecParameters()[0], nil
}
func (track) Unbind(webrtc.TrackLocalContext) error { return nil }
func (track) ID() string                            { return "microphone" }
func (track) RID() string                           { return "" }
func (track) StreamID() string                      { return "page" }
func (track) Kind() webrtc.RTPCodecType             { return webrtc.RTPCodecTypeAudio }
