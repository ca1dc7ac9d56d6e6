package media

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// BrowserLeg is a Peer with its session descriptions. It is the only author of the text that the browser reads.
//
// Its negotiating methods may be called from one goroutine at a time; the SIP dialog sees to that.
type BrowserLeg struct {
	stream
	peer    Peer
	reports reporter
	sends   atomic.Bool // offer and answer let us send
	state   atomic.Uint32
	onState atomic.Pointer[func(PeerState)]

	nmu       sync.Mutex
	sessionID uint64 // of o=, constant
	version   uint64 // of o=, grows with every description
	codecs    []Codec
	wanted    Direction // what we want the stream to be, seen from us
	local     Transport // as last given to the browser
	remote    *description
	agreed    []Format
	offered   bool   // an offer of ours awaits its answer
	restarts  bool   // that offer restarts ICE or is the first one: the Peer must see the answer
	setup     string // our DTLS role, which stays for the life of the leg; empty before the first negotiation
}

// NewBrowserLeg wraps a Peer; codecs are the audio codecs that the leg may use, in order of preference.
func NewBrowserLeg(peer Peer, codecs []Codec) *BrowserLeg {
	l := &BrowserLeg{
		peer: peer, codecs: slices.Clone(codecs), wanted: SendRecv,
		sessionID: rand.Uint64() >> 2, //nolint:gosec // an id, no secret
	}
	peer.OnRTP(func(_ MediaID, packet *rtp.Packet) { l.receive(packet, time.Now()) })
	peer.OnRTCP(func(_ MediaID, packets []rtcp.Packet) { l.takeReports(packets, time.Now()) })
	peer.OnState(l.takeState)
	return l
}

// Peer returns the transport below.
func (l *BrowserLeg) Peer() Peer { return l.peer }

// Prefer replaces the codecs for the next offer or answer.
func (l *BrowserLeg) Prefer(codecs []Codec) {
	l.nmu.Lock()
	defer l.nmu.Unlock()
	l.codecs = slices.Clone(codecs)
}

// SetDirection says what the next offer or answer asks for, seen from us.
func (l *BrowserLeg) SetDirection(d Direction) {
	l.nmu.Lock()
	defer l.nmu.Unlock()
	l.wanted = d
}

// Direction is what offer and answer made of the stream, seen from us. A browser on hold leaves us recvonly or inactive.
func (l *BrowserLeg) Direction() Direction {
	l.nmu.Lock()
	defer l.nmu.Unlock()
	if l.remote == nil {
		return Inactive
	}
	return l.wanted.AnswerTo(l.remote.direction)
}

// Formats are the payload types that both sides agreed on: codecs first, then telephone-event.
func (l *BrowserLeg) Formats() []Format {
	l.nmu.Lock()
	defer l.nmu.Unlock()
	return slices.Clone(l.agreed)
}

// Offer writes an offer: the first one, or a re-offer of what is, with the direction that SetDirection asked for.
// A re-offer leaves the transport alone.
func (l *BrowserLeg) Offer(ctx context.Context) ([]byte, error) {
	l.nmu.Lock()
	first := l.remote == nil
	l.nmu.Unlock()
	if first {
		return l.offer(ctx, l.peer.Offer)
	}
	return l.offer(ctx, nil)
}

// RestartICE writes an offer that makes the browser look for a new path.
func (l *BrowserLeg) RestartICE(ctx context.Context) ([]byte, error) {
	l.nmu.Lock()
	first := l.remote == nil
	l.nmu.Unlock()
	if first {
		return nil, fmt.Errorf("restart ICE: %w", ErrNotNegotiated)
	}
	return l.offer(ctx, l.peer.RestartICE)
}

func (l *BrowserLeg) offer(ctx context.Context, transport func(context.Context) (Transport, error)) ([]byte, error) {
	var local Transport
	if transport != nil {
		var err error
		if local, err = transport(ctx); err != nil {
			return nil, err
		}
	}
	l.nmu.Lock()
	defer l.nmu.Unlock()
	if transport == nil {
		local = l.local
		local.Setup = "actpass"
	}
	l.local, l.offered, l.restarts = local, true, transport != nil
	text := browserText{transport: &l.local, direction: l.wanted, mid: "0", formats: offeredFormats(l.codecs)}
	if l.remote != nil {
		text.mid, text.formats, text.refused, text.index = l.remote.mid, l.agreed, l.remote.refused, l.remote.index
	}
	return l.writeLocked(&text), nil
}

// Accept takes the browser's answer to Offer or RestartICE.
func (l *BrowserLeg) Accept(ctx context.Context, answer []byte) error {
	d, err := parseBrowserSDP(answer)
	if err != nil {
		return err
	}
	l.nmu.Lock()
	offered, restarts, codecs, agreed, remote := l.offered, l.restarts, l.codecs, l.agreed, l.remote
	l.nmu.Unlock()
	if !offered {
		return ErrNoOffer
	}
	if err = sameIdentity(remote, d); err != nil {
		return err
	}
	if agreed != nil {
		codecs = codecsOf(agreed)
	}
	formats := slices.DeleteFunc(slices.Clone(d.formats), func(f Format) bool { return !f.Codec.IsEvent() && !slices.Contains(codecs, f.Codec) })
	if len(codecsOf(formats)) == 0 {
		return fmt.Errorf("%w: answered %v, offered %v", ErrNoCodec, codecsOf(d.formats), codecs)
	}
	if restarts {
		if err = l.peer.Accept(ctx, d.transport, formats); err != nil {
			return err
		}
	}
	l.nmu.Lock()
	defer l.nmu.Unlock()
	if d.mid == "" {
		d.mid = "0"
	}
	if l.setup == "" {
		l.setup = "passive"
		if d.transport.Setup == "passive" {
			l.setup = "active"
		}
	}
	l.takeLocked(d, formats)
	return nil
}

// Answer takes an offer of the browser, the first or a later one, and writes the answer. A later offer that only changes
// the direction (hold, retrieve) is answered from what is stored, and the Peer never hears of it; one with new ICE
// credentials restarts ICE.
func (l *BrowserLeg) Answer(ctx context.Context, offer []byte) ([]byte, error) {
	d, err := parseBrowserSDP(offer)
	if err != nil {
		return nil, err
	}
	l.nmu.Lock()
	codecs, remote, local, lost := l.codecs, l.remote, l.local, l.offered && l.restarts
	setup := l.setup
	if remote != nil && len(l.agreed) > 0 {
		// The codec of a running call stays if it is still offered: whoever relays it has chosen it for the other leg too.
		codecs = append(codecsOf(l.agreed), codecs...)
	}
	l.nmu.Unlock()
	if setup == "" {
		setup = "passive"
	}
	if d.transport.Setup == setup {
		return nil, fmt.Errorf("%w: a=setup:%s, which is this side's DTLS role; actpass is right", ErrBadSDP, setup)
	}
	if err = sameIdentity(remote, d); err != nil {
		return nil, err
	}
	formats, err := chooseFormats(d.formats, codecs)
	if err != nil {
		return nil, err
	}
	if remote == nil || lost || !remote.transport.sameSession(&d.transport) {
		if local, err = l.peer.Answer(ctx, d.transport, formats); err != nil {
			return nil, err
		}
	}
	l.nmu.Lock()
	defer l.nmu.Unlock()
	local.Setup, l.setup = setup, setup
	l.local = local
	l.takeLocked(d, formats)
	return l.writeLocked(&browserText{
		transport: &l.local, direction: l.wanted.AnswerTo(d.direction), mid: d.mid, formats: formats, refused: d.refused, index: d.index,
	}), nil
}

// sameIdentity refuses a second DTLS identity: whoever comes with another certificate is not who this leg was made for, and
// a page that was loaded again gets a leg of its own.
func sameIdentity(before, now *description) error {
	if before != nil && !strings.EqualFold(before.transport.Fingerprint, now.transport.Fingerprint) {
		return fmt.Errorf("%w: another a=fingerprint than before; a new DTLS association needs a new call", ErrBadSDP)
	}
	return nil
}

// takeLocked makes a description the one that counts.
func (l *BrowserLeg) takeLocked(d *description, formats []Format) {
	l.remote, l.agreed, l.offered = d, formats, false
	l.setSSRC(l.local.SSRC)
	l.setFormats(formats)
	l.negotiated.Store(time.Now().UnixNano())
	l.sends.Store(l.wanted.AnswerTo(d.direction).Sends())
	l.reports.start(DefaultReportInterval, l.sendReport)
}

// Close ends the transport.
func (l *BrowserLeg) Close() error {
	l.reports.close()
	return l.peer.Close()
}

// parseBrowserSDP checks what a leg with ICE and DTLS can't do without.
func parseBrowserSDP(body []byte) (*description, error) {
	d, err := parseSDP(body)
	if err != nil {
		return nil, err
	}
	switch {
	case d.profile != "UDP/TLS/RTP/SAVPF" && d.profile != "RTP/SAVPF" && d.profile != "UDP/TLS/RTP/SAVP":
		return nil, fmt.Errorf("%w: m=audio says %s, browsers' legs are DTLS-SRTP only (UDP/TLS/RTP/SAVPF)", ErrBadSDP, d.profile)
	case d.transport.Ufrag == "" || d.transport.Password == "":
		return nil, fmt.Errorf("%w: no a=ice-ufrag or a=ice-pwd", ErrBadSDP)
	case d.transport.Fingerprint == "":
		return nil, fmt.Errorf("%w: no a=fingerprint, so this is no DTLS-SRTP", ErrBadSDP)
	case !d.rtcpMux:
		return nil, fmt.Errorf("%w: no a=rtcp-mux; browsers' legs have one port", ErrBadSDP)
	}
	if d.transport.Setup == "" {
		d.transport.Setup = "active"
	}
	return d, nil
}
