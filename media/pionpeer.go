package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// pionPeer is a Peer made of a PeerConnection. What the PeerConnection gets to read is a description of ours with one
// m-line (pionsdp.go), never the browser's text: its negotiation is thereby reduced to ICE, DTLS and SSRCs.
type pionPeer struct {
	engine *Engine
	pc     *webrtc.PeerConnection
	track  *passTrack
	sender *webrtc.RTPSender

	onRTP   atomic.Pointer[func(MediaID, *rtp.Packet)]
	onRTCP  atomic.Pointer[func(MediaID, []rtcp.Packet)]
	onState atomic.Pointer[func(PeerState)]

	version atomic.Uint64 // of the descriptions that the PeerConnection reads

	// Owned by whoever negotiates.
	remote  *Transport // the browser's, as last agreed; nil before
	formats []Format

	mu      sync.Mutex
	closed  bool
	readers sync.WaitGroup
}

// NewPeer makes the transport of one browser leg.
func (e *Engine) NewPeer() (Peer, error) {
	pc, err := e.api.NewPeerConnection(e.config)
	if err != nil {
		return nil, fmt.Errorf("make a peer connection: %w", err)
	}
	p := &pionPeer{engine: e, pc: pc, track: &passTrack{}}
	if p.sender, err = pc.AddTrack(p.track); err != nil {
		return nil, errors.Join(fmt.Errorf("add the audio track: %w", err), pc.GracefulClose())
	}
	pc.OnTrack(p.takeTrack)
	pc.OnConnectionStateChange(p.takeState)
	e.mu.Lock()
	closed := e.closed
	if !closed {
		e.peers[p] = struct{}{}
	}
	e.mu.Unlock()
	if closed {
		return nil, errors.Join(fmt.Errorf("make a peer connection: %w", ErrClosed), pc.GracefulClose())
	}
	p.start(p.readSenderReports)
	return p, nil
}

// start runs fn in a goroutine that Close waits for.
func (p *pionPeer) start(fn func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.readers.Go(fn)
	}
}

// Offer implements [Peer].
func (p *pionPeer) Offer(ctx context.Context) (Transport, error) { return p.offer(ctx, nil) }

// RestartICE implements [Peer].
func (p *pionPeer) RestartICE(ctx context.Context) (Transport, error) {
	return p.offer(ctx, &webrtc.OfferOptions{ICERestart: true})
}

func (p *pionPeer) offer(ctx context.Context, options *webrtc.OfferOptions) (Transport, error) {
	if p.remote == nil && p.offering() {
		local, err := p.local()
		local.Setup = "actpass"
		return local, err
	}
	if err := p.takeBack(); err != nil {
		return Transport{}, err
	}
	offer, err := p.pc.CreateOffer(options)
	if err != nil {
		return Transport{}, fmt.Errorf("offer: %w", err)
	}
	local, err := p.gather(ctx, offer)
	if err != nil {
		return Transport{}, fmt.Errorf("offer: %w", err)
	}
	local.Setup = "actpass"
	return local, nil
}

// Answer implements [Peer].
func (p *pionPeer) Answer(ctx context.Context, remote Transport, formats []Format) (Transport, error) {
	if err := p.takeBack(); err != nil {
		return Transport{}, err
	}
	offer := webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: pionSDP(&remote, formats, 1, p.version.Add(1))}
	if err := p.pc.SetRemoteDescription(offer); err != nil {
		return Transport{}, fmt.Errorf("take the browser's offer: %w", err)
	}
	answer, err := p.pc.CreateAnswer(nil)
	if err != nil {
		return Transport{}, fmt.Errorf("answer: %w", err)
	}
	local, err := p.gather(ctx, answer)
	if err != nil {
		return Transport{}, fmt.Errorf("answer: %w", err)
	}
	p.remote, p.formats = &remote, formats
	local.Setup = "passive"
	return local, nil
}

// Accept implements [Peer].
func (p *pionPeer) Accept(_ context.Context, remote Transport, formats []Format) error {
	if !p.offering() {
		return fmt.Errorf("take the browser's answer: %w", ErrNoOffer)
	}
	if err := p.takeAnswer(&remote, formats); err != nil {
		return fmt.Errorf("take the browser's answer: %w", err)
	}
	p.remote, p.formats = &remote, formats
	return nil
}

func (p *pionPeer) offering() bool {
	return p.pc.SignalingState() == webrtc.SignalingStateHaveLocalOffer
}

func (p *pionPeer) takeAnswer(remote *Transport, formats []Format) error {
	// The PeerConnection has more than one m-line when the browser sent streams that it had not announced.
	lines := len(p.pc.GetTransceivers())
	return p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: pionSDP(remote, formats, lines, p.version.Add(1))})
}

// takeBack ends an offer that was refused, or that lost against one of the browser's. Pion knows no rollback, so the
// offer is answered with what the browser said last; the path is gone until the next negotiation, as it was when the
// restart was asked for.
func (p *pionPeer) takeBack() error {
	if !p.offering() {
		return nil
	}
	if p.remote == nil {
		return fmt.Errorf("take back the first offer: %w", ErrNotNegotiated)
	}
	if err := p.takeAnswer(p.remote, p.formats); err != nil {
		return fmt.Errorf("take back an offer: %w", err)
	}
	return nil
}

// gather makes d the local description and returns our transport with all its candidates. With one socket and no STUN
// server that takes about a millisecond, so there is nothing to trickle.
func (p *pionPeer) gather(ctx context.Context, d webrtc.SessionDescription) (Transport, error) {
	gathered := webrtc.GatheringCompletePromise(p.pc)
	if err := p.pc.SetLocalDescription(d); err != nil {
		return Transport{}, err
	}
	select {
	case <-gathered:
	case <-ctx.Done():
		return Transport{}, fmt.Errorf("gather candidates: %w", context.Cause(ctx))
	}
	return p.local()
}

func (p *pionPeer) local() (Transport, error) {
	local, err := readPionSDP(p.pc.LocalDescription())
	if err != nil {
		return Transport{}, err
	}
	local.Lite = p.engine.lite
	local.SSRC = uint32(p.sender.GetParameters().Encodings[0].SSRC)
	return local, nil
}

// OnRTP implements [Peer].
func (p *pionPeer) OnRTP(fn func(MediaID, *rtp.Packet)) { p.onRTP.Store(&fn) }

// OnRTCP implements [Peer].
func (p *pionPeer) OnRTCP(fn func(MediaID, []rtcp.Packet)) { p.onRTCP.Store(&fn) }

// OnState implements [Peer].
func (p *pionPeer) OnState(fn func(PeerState)) { p.onState.Store(&fn) }

// WriteRTP implements [Peer].
func (p *pionPeer) WriteRTP(id MediaID, header *rtp.Header, payload []byte) error {
	if id != Audio {
		return ErrNoMedia
	}
	return p.track.writeRTP(header, payload)
}

// WriteRTCP implements [Peer].
func (p *pionPeer) WriteRTCP(id MediaID, packets []rtcp.Packet) error {
	if id != Audio {
		return ErrNoMedia
	}
	return p.pc.WriteRTCP(packets)
}

func (p *pionPeer) takeState(state webrtc.PeerConnectionState) {
	fn := p.onState.Load()
	if fn == nil {
		return
	}
	switch state {
	case webrtc.PeerConnectionStateNew, webrtc.PeerConnectionStateConnecting, webrtc.PeerConnectionStateUnknown:
		(*fn)(PeerConnecting)
	case webrtc.PeerConnectionStateConnected:
		(*fn)(PeerConnected)
	case webrtc.PeerConnectionStateDisconnected:
		(*fn)(PeerDisconnected)
	case webrtc.PeerConnectionStateFailed:
		(*fn)(PeerFailed)
	case webrtc.PeerConnectionStateClosed:
		(*fn)(PeerClosed)
	}
}

func (p *pionPeer) takeTrack(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	p.start(func() { p.readRTP(track) })
	p.start(func() { p.readReceiverReports(receiver) })
}

// readRTP reads one stream of the browser until it ends. The packet and its buffer are used again and again.
func (p *pionPeer) readRTP(track *webrtc.TrackRemote) {
	buffer := make([]byte, receiveMTU)
	var packet rtp.Packet
	for {
		n, _, err := track.Read(buffer)
		// A payload type that the PeerConnection doesn't know is an error to it, but the packet is there. It is passed on,
		// for someone to count it.
		if err != nil && (n == 0 || !errors.Is(err, webrtc.ErrCodecNotFound)) {
			if errors.Is(err, io.EOF) || p.isClosed() || n == 0 {
				return
			}
			continue
		}
		if err = packet.Unmarshal(buffer[:n]); err != nil {
			continue
		}
		if fn := p.onRTP.Load(); fn != nil {
			(*fn)(Audio, &packet)
		}
	}
}

// readReceiverReports reads what concerns the browser's stream: its sender reports.
func (p *pionPeer) readReceiverReports(receiver *webrtc.RTPReceiver) {
	p.readRTCP(receiver.Read, func(rtcp.Packet) bool { return true })
}

// readSenderReports reads what concerns our stream: receiver reports. A compound packet with a sender report concerns
// both streams, and comes by readReceiverReports already.
func (p *pionPeer) readSenderReports() {
	p.readRTCP(p.sender.Read, func(first rtcp.Packet) bool {
		_, is := first.(*rtcp.SenderReport)
		return !is
	})
}

func (p *pionPeer) readRTCP(read func([]byte) (int, interceptor.Attributes, error), wanted func(first rtcp.Packet) bool) {
	buffer := make([]byte, receiveMTU)
	for {
		n, _, err := read(buffer)
		if err != nil {
			return
		}
		packets, err := rtcp.Unmarshal(buffer[:n])
		if err != nil || len(packets) == 0 || !wanted(packets[0]) {
			continue
		}
		if fn := p.onRTCP.Load(); fn != nil {
			(*fn)(Audio, packets)
		}
	}
}

func (p *pionPeer) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// Close implements [Peer].
func (p *pionPeer) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	err := p.pc.GracefulClose()
	p.readers.Wait()
	p.engine.mu.Lock()
	delete(p.engine.peers, p)
	p.engine.mu.Unlock()
	if err != nil {
		return fmt.Errorf("close a peer connection: %w", err)
	}
	return nil
}
