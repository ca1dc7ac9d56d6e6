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

	"sidecar/media"
)

func randomName() string { return rand.Text()[:12] }

// microphone is a PeerConnection as a page would have it.
type microphone struct {
	*voice
	t      testing.TB
	pc     *webrtc.PeerConnection
	writer atomic.Pointer[webrtc.TrackLocalWriter]
	ssrc   atomic.Uint32
	wg     sync.WaitGroup
	done   chan struct{}
	once   sync.Once
}

// newMicrophone offers what browsers offer and speaks PCMU.
func newMicrophone(t testing.TB) *microphone {
	t.Helper()
	return newMicrophoneBy(t, func(*webrtc.SettingEngine) {})
}

// newMicrophoneBy has a network of its own.
func newMicrophoneBy(t testing.TB, change func(*webrtc.SettingEngine)) *microphone {
	t.Helper()
	codecs := &webrtc.MediaEngine{}
	require.NoError(t, codecs.RegisterDefaultCodecs())
	return microphoneWith(t, newVoice(t, media.PCMU, 126, browserHz), codecs, change)
}

// newMicrophoneOf knows one codec only, and digits.
func newMicrophoneOf(t testing.TB, codec media.Codec) *microphone {
	t.Helper()
	v := newVoice(t, codec, 126, browserHz)
	engine := &webrtc.MediaEngine{}
	for _, c := range []struct {
		name    string
		payload uint8
		mono    bool
	}{{codec.String(), v.payload, codec != media.Opus}, {"telephone-event", v.event, true}} {
		parameters := webrtc.RTPCodecParameters{PayloadType: webrtc.PayloadType(c.payload)}
		parameters.MimeType, parameters.ClockRate = "audio/"+c.name, codec.ClockRate()
		if !c.mono {
			parameters.Channels = 2
		}
		require.NoError(t, engine.RegisterCodec(parameters, webrtc.RTPCodecTypeAudio))
	}
	return microphoneWith(t, v, engine, func(*webrtc.SettingEngine) {})
}

func quiet() logging.LoggerFactory { return &logging.DefaultLoggerFactory{Writer: io.Discard} }

func microphoneWith(t testing.TB, v *voice, codecs *webrtc.MediaEngine, change func(*webrtc.SettingEngine)) *microphone {
	t.Helper()
	s := webrtc.SettingEngine{LoggerFactory: quiet()}
	s.SetIncludeLoopbackCandidate(true)
	s.SetIPFilter(func(ip net.IP) bool { return ip.IsLoopback() })
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	change(&s)
	api := webrtc.NewAPI(webrtc.WithSettingEngine(s), webrtc.WithMediaEngine(codecs), webrtc.WithInterceptorRegistry(&interceptor.Registry{}))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	require.NoError(t, err)
	m := &microphone{voice: v, t: t, pc: pc, done: make(chan struct{})}
	pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { m.wg.Go(func() { m.read(track) }) })
	_, err = pc.AddTrack(m)
	require.NoError(t, err)
	m.wg.Go(func() { m.speak(m.done, m.write) })
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
		m.take(packet)
	}
}

func (m *microphone) write(header *rtp.Header, payload []byte) {
	if writer := m.writer.Load(); writer != nil {
		header.SSRC = m.ssrc.Load()
		_, _ = (*writer).WriteRTP(header, payload)
	}
}

// Bind and the others make it its own track, which sends its codec whatever Pion would prefer.
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
	require.NoError(m.t, m.pc.SetLocalDescription(d))
	// Not Pion's promise, which is not always kept when a restart gathers already.
	require.Eventually(m.t, func() bool { return m.pc.ICEGatheringState() == webrtc.ICEGatheringStateComplete }, patience, time.Millisecond, "gathering ends")
	return m.pc.LocalDescription().SDP
}

func (m *microphone) accept(answer string) {
	m.t.Helper()
	require.NoError(m.t, m.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}), answer)
}

func origin(server string) http.Header { return http.Header{"Origin": {server}} }
