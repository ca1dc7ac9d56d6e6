package gateway_test

import (
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"

	"sidecar/internal/g711"
	"sidecar/internal/tone"
)

func randomName() string { return rand.Text()[:12] }

// microphone is a PeerConnection as a page would have it. It sends a tone in PCMU and hears.
type microphone struct {
	t      testing.TB
	pc     *webrtc.PeerConnection
	writer atomic.Pointer[webrtc.TrackLocalWriter]
	ssrc   atomic.Uint32
	hears  *tone.Listener
	heard  atomic.Int64 // packets
	wg     sync.WaitGroup
	done   chan struct{}
	once   sync.Once
}

func newMicrophone(t testing.TB) *microphone {
	t.Helper()
	s := webrtc.SettingEngine{LoggerFactory: &logging.DefaultLoggerFactory{Writer: io.Discard}}
	s.SetIncludeLoopbackCandidate(true)
	s.SetIPFilter(func(ip net.IP) bool { return ip.IsLoopback() })
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	codecs := &webrtc.MediaEngine{}
	require.NoError(t, codecs.RegisterDefaultCodecs())
	api := webrtc.NewAPI(webrtc.WithSettingEngine(s), webrtc.WithMediaEngine(codecs), webrtc.WithInterceptorRegistry(&interceptor.Registry{}))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	require.NoError(t, err)
	m := &microphone{t: t, pc: pc, hears: tone.NewListener(), done: make(chan struct{})}
	pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { m.wg.Go(func() { m.read(track) }) })
	_, err = pc.AddTrack(m)
	require.NoError(t, err)
	m.wg.Go(m.talk)
	t.Cleanup(m.close)
	return m
}

func (m *microphone) close() {
	m.once.Do(func() {
		close(m.done)
		_ = m.pc.GracefulClose()
		m.wg.Wait()
		m.hears.Close()
	})
}

func (m *microphone) read(track *webrtc.TrackRemote) {
	for {
		packet, _, err := track.ReadRTP()
		if err != nil && !errors.Is(err, webrtc.ErrCodecNotFound) || packet == nil {
			return
		}
		m.heard.Add(1)
		if packet.PayloadType != 0 {
			continue
		}
		samples := make([]int16, len(packet.Payload))
		for i, octet := range packet.Payload {
			samples[i] = g711.DecodeULaw(octet)
		}
		m.hears.Write(samples)
	}
}

// Bind and the others make it its own track, which sends PCMU whatever Pion would prefer.
func (m *microphone) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	writer := c.WriteStream()
	m.ssrc.Store(uint32(c.SSRC()))
	m.writer.Store(&writer)
	return c.CodecParameters()[0], nil
}
func (m *microphone) Unbind(webrtc.TrackLocalContext) error { return nil }
func (m *microphone) ID() string                            { return "microphone" }
func (m *microphone) RID() string                           { return "" }
func (m *microphone) StreamID() string                      { return "page" }
func (m *microphone) Kind() webrtc.RTPCodecType             { return webrtc.RTPCodecTypeAudio }

func (m *microphone) talk() {
	var generator tone.Generator
	samples, payload := make([]int16, 160), make([]byte, 160)
	header := rtp.Header{Version: 2}
	before := int64(0)
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-m.done:
			return
		case <-ticker.C:
		}
		if header.SequenceNumber%10 == 0 { // a stream that ended is silence
			if now := m.heard.Load(); now != before {
				before = now
			} else {
				m.hears.Quiet()
			}
		}
		generator.Fill(samples, browserHz)
		for i, s := range samples {
			payload[i] = g711.EncodeULaw(s)
		}
		if writer := m.writer.Load(); writer != nil {
			header.SSRC = m.ssrc.Load()
			_, _ = (*writer).WriteRTP(&header, payload)
		}
		header.SequenceNumber++
		header.Timestamp += 160
	}
}

func (m *microphone) offer() string {
	m.t.Helper()
	offer, err := m.pc.CreateOffer(nil)
	require.NoError(m.t, err)
	return m.gather(offer)
}

// restart is an offer with new ICE credentials.
func (m *microphone) restart() string {
	m.t.Helper()
	offer, err := m.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
	require.NoError(m.t, err)
	return m.gather(offer)
}

func (m *microphone) answer(offer string) string {
	m.t.Helper()
	require.NoError(m.t, m.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}), offer)
	answer, err := m.pc.CreateAnswer(nil)
	require.NoError(m.t, err)
	return m.gather(answer)
}

func (m *microphone) gather(d webrtc.SessionDescription) string {
	m.t.Helper()
	gathered := webrtc.GatheringCompletePromise(m.pc)
	require.NoError(m.t, m.pc.SetLocalDescription(d))
	select {
	case <-gathered:
	case <-patient(m.t).Done():
		m.t.Fatal("gathering does not end")
	}
	return m.pc.LocalDescription().SDP
}

func (m *microphone) accept(answer string) {
	m.t.Helper()
	require.NoError(m.t, m.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}), answer)
}

func origin(server string) http.Header { return http.Header{"Origin": {server}} }
