package media

import (
	"context"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// MediaID names one media stream of a leg by its place among the m-lines.
type MediaID uint8

// Audio is the only media stream today.
const Audio MediaID = 0

// PeerState is how a browser's transport is.
//
//	connecting -> connected <-> disconnected -> failed
//	any -> closed
//
// A failed transport comes back to life only by an ICE restart; a closed one never does. A page that closes its connection
// mostly says so by DTLS, which closes the Peer too; when that gets lost, consent runs out.
type PeerState uint8

// The states of a Peer.
const (
	PeerConnecting   PeerState = iota // no packet can pass yet
	PeerConnected                     // DTLS is up, consent is fresh
	PeerDisconnected                  // no consent for some seconds: it may come back by itself
	PeerFailed                        // consent is gone
	PeerClosed                        // Close was called, or the browser ended DTLS
)

// String names the state for logs.
func (s PeerState) String() string {
	switch s {
	case PeerConnecting:
		return "connecting"
	case PeerConnected:
		return "connected"
	case PeerDisconnected:
		return "disconnected"
	case PeerFailed:
		return "failed"
	case PeerClosed:
		return "closed"
	}
	return "unknown"
}

// Transport is what one side says about its ICE and DTLS, free of any session description.
type Transport struct {
	Ufrag       string
	Password    string
	Lite        bool
	Fingerprint string   // "sha-256 AB:CD:..."
	Setup       string   // "actpass", "active" or "passive" (RFC 4145)
	Candidates  []string // values of a=candidate
	SSRC        uint32   // of the audio that this side sends, 0 if it didn't say
}

// sameSession reports whether other continues the ICE session of t; new credentials ask for a restart (RFC 8445 section 9).
func (t *Transport) sameSession(other *Transport) bool {
	return t.Ufrag == other.Ufrag && t.Password == other.Password
}

// Peer is the transport of one browser leg: ICE, DTLS and SRTP, and packets in clear on this side.
// Everything else (text of the descriptions, codecs, statistics, DTMF) is outside of it, so that a leaner data path can
// take a PeerConnection's place.
//
// One goroutine at a time may negotiate (Offer, Answer, Accept, RestartICE); the packet calls may come from any.
// The On functions are set before the first negotiation; their functions run in the Peer's goroutines and must not block,
// and what they are given is valid only until they return.
type Peer interface {
	// Offer returns our transport for a first offer. Accept takes the answer.
	Offer(ctx context.Context) (Transport, error)
	// Answer takes the browser's transport out of an offer, the first one or one that restarts ICE, and returns ours.
	Answer(ctx context.Context, remote Transport, formats []Format) (Transport, error)
	// Accept takes the browser's transport out of its answer to Offer or RestartICE.
	Accept(ctx context.Context, remote Transport, formats []Format) error
	// RestartICE returns our transport with new credentials for an offer. Accept takes the answer.
	RestartICE(ctx context.Context) (Transport, error)

	OnRTP(fn func(id MediaID, packet *rtp.Packet))
	// WriteRTP sends a packet with the header as it is, but for the SSRC, which is the Peer's.
	WriteRTP(id MediaID, header *rtp.Header, payload []byte) error
	OnRTCP(fn func(id MediaID, packets []rtcp.Packet))
	WriteRTCP(id MediaID, packets []rtcp.Packet) error

	OnState(fn func(PeerState))
	// Close ends the transport and returns when its goroutines are gone. It must not be called from an On function.
	Close() error
}
