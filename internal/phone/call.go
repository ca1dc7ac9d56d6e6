package phone

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"

	"github.com/emiago/sipgo/sip"
)

// Call is one call of a phone, in or out. Its methods may be called from any goroutine.
type Call struct {
	phone    *Phone
	incoming bool
	log      *slog.Logger
	media    *media
	done     chan struct{} // closed when the call has ended
	decided  chan struct{} // incoming: closed when the final response is out, or never will be

	// invite is the transaction that opened the call.
	invite   *sip.Request
	serverTx sip.ServerTransaction // incoming only

	mu         sync.Mutex
	dialog     dialog
	state      State
	reached    [Ended + 1]bool
	changed    chan struct{} // closed and replaced with every change
	cause      EndCause
	early      bool // outgoing: the peer sent early media
	answering  bool // incoming: a final response is being sent
	canceling  bool // outgoing: CANCEL is wanted
	progressed bool // outgoing: a provisional response came, so CANCEL may be sent
	offering   bool // a re-INVITE of ours is under way
	reinvites  int  // accepted from the peer
	referring  bool
	referrals  []referral // reports of our REFER, in the order of their CSeq
	digits     []byte
	headers    map[string][]string
	remote     Identity
	acks       map[uint32]chan *sip.Request // by CSeq of the INVITE that we answered
}

// Identity is who the peer says it is.
type Identity struct {
	Number string
	Name   string
}

// newCall must be called between enter and wg.Done: it starts the call's media.
func (p *Phone) newCall(d dialog, incoming bool) (*Call, error) {
	m, err := newMedia(p.ip, &p.opts)
	if err != nil {
		return nil, err
	}
	c := &Call{
		phone: p, incoming: incoming, media: m, dialog: d,
		log:  p.log.With("call_id", d.callID),
		done: make(chan struct{}), decided: make(chan struct{}), changed: make(chan struct{}),
		acks: map[uint32]chan *sip.Request{},
	}
	c.reached[Dialing] = true
	c.remote = Identity{Number: d.remote.uri.User, Name: d.remote.name}
	m.onDigit = c.addDigit
	m.run(p.ctx, &p.wg)
	p.remember(c)
	return c, nil
}

// Incoming reports whether the peer made the call.
func (c *Call) Incoming() bool { return c.incoming }

// ID is the SIP Call-ID.
func (c *Call) ID() string { return c.dialog.callID }

// State is where the call stands now.
func (c *Call) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// WaitState blocks until the call is, or has been, in the state. A call that
// ends without having been there fails the wait with ErrEnded and its cause.
func (c *Call) WaitState(ctx context.Context, state State) error {
	return c.await(ctx, state.String(), func() bool { return c.reached[state] })
}

// WaitEnd blocks until the call has ended and returns how.
func (c *Call) WaitEnd(ctx context.Context) (EndCause, error) {
	if err := c.WaitState(ctx, Ended); err != nil {
		return EndCause{}, err
	}
	return c.EndCause(), nil
}

// Done is closed when the call has ended.
func (c *Call) Done() <-chan struct{} { return c.done }

// EndCause says how the call ended; the zero value while it has not.
func (c *Call) EndCause() EndCause {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cause
}

// Remote is who the peer says it is: P-Asserted-Identity if there is one, else
// From or To. It follows the updates that come with re-INVITE and UPDATE.
func (c *Call) Remote() Identity {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.remote
}

// WaitRemote blocks until the peer's number is the given one.
func (c *Call) WaitRemote(ctx context.Context, number string) error {
	return c.await(ctx, "remote number "+number, func() bool { return c.remote.Number == number })
}

// Called is the number in the To header: what the caller dialled.
func (c *Call) Called() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.incoming {
		return c.dialog.local.uri.User
	}
	return c.dialog.remote.uri.User
}

// Headers are those of the INVITE of an incoming call, or of the latest response
// to the INVITE of an outgoing one, by their names as received.
func (c *Call) Headers() map[string][]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := maps.Clone(c.headers)
	for name, values := range out {
		out[name] = slices.Clone(values)
	}
	return out
}

// Header is the first value of a header of Headers, or "".
func (c *Call) Header(name string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for known, values := range c.headers {
		if sip.HeaderToLower(known) == sip.HeaderToLower(name) && len(values) > 0 {
			return values[0]
		}
	}
	return ""
}

// EarlyMedia reports whether the peer opened the media before it answered (183 with SDP).
func (c *Call) EarlyMedia() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.early
}

// Direction is the direction of the media as negotiated last, seen from this phone.
func (c *Call) Direction() Direction { return c.media.direction() }

// WaitDirection blocks until the negotiated direction is the given one: RecvOnly
// or Inactive after the peer held this phone, SendRecv after it retrieved.
func (c *Call) WaitDirection(ctx context.Context, direction Direction) error {
	return c.await(ctx, "media "+string(direction), func() bool { return c.media.direction() == direction })
}

// Reinvites counts the re-INVITEs and UPDATEs with SDP that the peer sent and this phone accepted.
func (c *Call) Reinvites() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reinvites
}

// SendTone makes the call send a frequency from now on; 0 is silence.
func (c *Call) SendTone(freq float64) { c.media.setTone(freq) }

// HeardTone reports whether a tone is being heard now: for the last 300 ms, without a gap.
func (c *Call) HeardTone(freq float64) bool { return c.media.listener.Hears(freq) }

// WaitTone blocks until a tone has been heard for 300 ms from now on.
func (c *Call) WaitTone(ctx context.Context, freq float64) error {
	return c.heard(c.media.listener.WaitTone(ctx, freq))
}

// WaitNoTone blocks until a tone has been absent for 300 ms from now on.
func (c *Call) WaitNoTone(ctx context.Context, freq float64) error {
	return c.heard(c.media.listener.WaitNoTone(ctx, freq))
}

// WaitSilence blocks until nothing has been heard for 300 ms from now on. A
// stream without packets counts as silence after half a second.
func (c *Call) WaitSilence(ctx context.Context) error {
	return c.heard(c.media.listener.WaitSilence(ctx))
}

// WaitSound blocks until anything (music, a tone, a voice) has been heard for 300 ms from now on.
func (c *Call) WaitSound(ctx context.Context) error {
	return c.heard(c.media.listener.WaitSound(ctx))
}

// heard adds to a vain wait whose ear it was.
func (c *Call) heard(err error) error {
	if err == nil {
		return nil
	}
	stats := c.MediaStats()
	return fmt.Errorf("phone %s on a call with %s (%s, %s, %d packets received): %w",
		c.phone.opts.User, c.Remote().Number, c.State(), c.Direction(), stats.Received, err)
}

// MediaStats counts RTP packets.
type MediaStats struct {
	Sent     uint64
	Received uint64         // audio packets of G.711
	Strays   uint64         // packets that were neither that nor DTMF
	Source   netip.AddrPort // where the last packet came from
	Remote   netip.AddrPort // where the peer wants ours
}

// MediaStats returns the counters of the call so far.
func (c *Call) MediaStats() MediaStats {
	m := c.media
	m.mu.Lock()
	defer m.mu.Unlock()
	return MediaStats{
		Sent: m.sent.Load(), Received: m.received.Load(), Strays: m.strays.Load(),
		Source: m.source, Remote: m.peer.addr,
	}
}

// decideLocked releases the INVITE's handler.
func (c *Call) decideLocked() {
	select {
	case <-c.decided:
	default:
		close(c.decided)
	}
}

// learn takes over what a message says about the peer.
func (c *Call) learn(msg message, keepHeaders bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if keepHeaders {
		c.headers = map[string][]string{}
		for _, header := range msg.Headers() {
			c.headers[header.Name()] = append(c.headers[header.Name()], header.Value())
		}
	}
	for _, name := range []string{"P-Asserted-Identity", "Remote-Party-ID"} {
		header := msg.GetHeader(name)
		if header == nil {
			continue
		}
		var uri sip.Uri
		var params sip.HeaderParams
		display, err := sip.ParseAddressValue(header.Value(), &uri, &params)
		if err == nil && uri.User != "" {
			c.remote = Identity{Number: uri.User, Name: display}
			break
		}
	}
	c.bumpLocked()
}
