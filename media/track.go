package media

import (
	"sync/atomic"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// passTrack is a local track that leaves payload types alone. Pion's own static track overwrites the payload type of
// each packet with that of its one codec, which turns telephone-events into noise.
type passTrack struct {
	writer atomic.Pointer[boundWriter]
}

type boundWriter struct {
	stream webrtc.TrackLocalWriter
	ssrc   uint32
}

// Bind implements [webrtc.TrackLocal]. The codec that it returns matters to nobody: no interceptor looks at it.
func (t *passTrack) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	codecs := c.CodecParameters()
	if len(codecs) == 0 {
		return webrtc.RTPCodecParameters{}, ErrNoCodec
	}
	t.writer.Store(&boundWriter{stream: c.WriteStream(), ssrc: uint32(c.SSRC())})
	return codecs[0], nil
}

// Unbind implements [webrtc.TrackLocal].
func (t *passTrack) Unbind(webrtc.TrackLocalContext) error {
	t.writer.Store(nil)
	return nil
}

// ID, RID, StreamID and Kind implement [webrtc.TrackLocal].
func (t *passTrack) ID() string                { return "audio" }
func (t *passTrack) RID() string               { return "" }
func (t *passTrack) StreamID() string          { return "sidecar" }
func (t *passTrack) Kind() webrtc.RTPCodecType { return webrtc.RTPCodecTypeAudio }

func (t *passTrack) writeRTP(header *rtp.Header, payload []byte) error {
	w := t.writer.Load()
	if w == nil {
		return ErrNotNegotiated
	}
	header.SSRC = w.ssrc
	_, err := w.stream.WriteRTP(header, payload)
	return err
}
