package media

import (
	"context"
	"errors"
	"fmt"
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

	version  atomic.Uint64 // of the descriptions that the PeerConnection reads
	gathered chan struct{} // has something when the candidates may have become complete

	// Owned by whoever negotiates.
	remote  *Transport // the browser's, as last agreed; nil before
	formats []Format
}

// NewPeer makes the transport of one browser leg.
func (e *Engine) NewPeer() (Peer, error) {
	p := &pionPeer{engine: e, track: &passTrack{}, gathered: make(chan struct{}, 1)}
	settings := e.settings
	settings.BufferFactory = p.newInlet
	// An empty registry: the default one adds NACK, reports and transport-wide congestion control, which a telephone
	// call has no use for and which cost a third of the CPU of a leg. Reports are made outside, for both legs alike.
	api := webrtc.NewAPI(webrtc.WithMediaEngine(e.codecs), webrtc.WithSettingEngine(settings), webrtc.WithInterceptorRegistry(&interceptor.Registry{}))
	pc, err := api.NewPeerConnection(e.config)
	if err != nil {
		return nil, fmt.Errorf("make a peer connection: %w", err)
	}
	p.pc = pc
	if p.sender, err = pc.AddTrack(p.track); err != nil {
		return nil, errors.Join(fmt.Errorf("add the audio track: %w", err), pc.GracefulClose())
	}
	pc.OnConnectionStateChange(p.takeState)
	pc.OnICEGatheringStateChange(func(webrtc.ICEGatheringState) { p.lookAgain() })
	e.mu.Lock()
	closed := e.closed
	if !closed {
		e.peers[p] = struct{}{}
	}
	e.mu.Unlock()
	if closed {
		return nil, errors.Join(fmt.Errorf("make a peer connection: %w", ErrClosed), pc.GracefulClose())
	}
	return p, nil
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
//
// An ICE restart gathers before we get here, and Pion's GatheringCompletePromise may then never be kept: Pion looks up whom to
// tell, then sets the state, then tells (ICEGatherer.Gather in webrtc 4.2.20). A promise made in between sees an unfinished
// gathering, and another one is told. The state itself is told after it is set.
func (p *pionPeer) gather(ctx context.Context, d webrtc.SessionDescription) (Transport, error) {
	if err := p.pc.SetLocalDescription(d); err != nil {
		return Transport{}, err
	}
	for p.pc.ICEGatheringState() != webrtc.ICEGatheringStateComplete {
		select {
		case <-p.gathered:
		case <-ctx.Done():
			return Transport{}, fmt.Errorf("gather candidates: %w", context.Cause(ctx))
		}
	}
	return p.local()
}

// lookAgain tells gather that the state has changed.
func (p *pionPeer) lookAgain() {
	select {
	case p.gathered <- struct{}{}:
	default:
	}
}

func (p *pionPeer) local() (Transport, error) {
	local, err := readPionSDP(p.pc.LocalDescription(), p.engine.tcp)
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

// Close implements [Peer].
func (p *pionPeer) Close() error {
	err := p.pc.GracefulClose()
	p.lookAgain() // what is closed gathers no more, and that is told to nobody
	p.engine.mu.Lock()
	delete(p.engine.peers, p)
	p.engine.mu.Unlock()
	if err != nil {
		return fmt.Errorf("close a peer connection: %w", err)
	}
	return nil
}
