package sip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

var (
	// ErrEnded says that the dialog is over.
	ErrEnded = errors.New("dialog has ended")
	// ErrState says that the dialog is not where the operation needs it.
	ErrState = errors.New("not possible in this state of the dialog")
	// ErrNoAck says that a 2xx was never acknowledged.
	ErrNoAck = errors.New("no ACK came")
)

// State is where a dialog stands (RFC 3261 section 12):
//
//	           1xx with a tag           2xx
//	Trying -------------------> Early ------> Confirmed
//	   |  \_______________________|______________^  |
//	   |          2xx             |                 |
//	   +--------------------------+-----------------+--> Over
type State int

// The states of a dialog.
const (
	Trying State = iota
	Early
	Confirmed
	Over
)

func (s State) String() string {
	switch s {
	case Trying:
		return "trying"
	case Early:
		return "early"
	case Confirmed:
		return "confirmed"
	case Over:
		return "over"
	}
	return fmt.Sprintf("state %d", int(s))
}

// eventRoom is how far the owner of a dialog may lag behind. A dialog that nobody listens to is hung up.
const eventRoom = 24

// Dialog is one call with one peer, a browser or an upstream. All methods may be called from any goroutine.
type Dialog struct {
	e        *Endpoint
	incoming bool
	callID   string
	localTag string
	dn       string // of the browser; "" for upstreams
	auth     *Auth
	own      sip.Uri // our Contact

	reliable bool // the caller requires 100rel
	events   chan Event
	done     chan struct{}

	turn sync.Mutex // one incoming request at a time, in order

	mu            sync.Mutex
	invite        *sip.Request  // that opened it: the peer's, or our last try; nil once it is answered and acknowledged
	inviteSeq     uint32        // its CSeq
	serverTx      *sip.ServerTx // of the peer's invite, as long
	changed       chan struct{} // closed and replaced when something below changes
	state         State
	cause         Cause
	flow          *Flow
	contact       string // that the browser was registered with when the dialog began; see contactKey
	route         route
	local, remote party
	target        sip.Uri
	routes        []sip.Uri
	localSeq      uint32
	remoteSeq     uint32   // 0: none seen yet
	arriving      []uint32 // CSeq of the peer's requests that are here and had no turn yet, ascending
	answered      bool     // the final response to the INVITE is decided
	acks          map[uint32]chan Message
	offerOpen     bool   // an ACK is due that brings the answer to our offer
	ackBody       Body   // of the ACK of the first INVITE, for retransmitted 2xx
	ackDue        bool   // our INVITE had no body: Ack must be called
	offering      bool   // an INVITE or UPDATE of ours is under way
	offered       *Offer // the peer's, not answered yet
	lastBody      Body   // session description that we sent last, for a refresh by re-INVITE
	peerAllows    []string
	peerEvents    []string
	cancelling    bool
	cancelHeaders Headers
	provisional   bool // a 1xx came: CANCEL may be sent
	challenges    int  // answered for the INVITE
	rel           reliability
	session       session
}

// party is one end of a dialog as From and To show it.
type party struct {
	name string
	uri  sip.Uri
	tag  string
}

// route is how requests leave when the route set and the target don't say.
type route struct {
	transport   string
	destination string
}

func (e *Endpoint) newDialog(callID, localTag string, incoming bool) *Dialog {
	return &Dialog{
		e: e, incoming: incoming, callID: callID, localTag: localTag,
		events: make(chan Event, eventRoom), done: make(chan struct{}), changed: make(chan struct{}),
		acks: make(map[uint32]chan Message),
	}
}

// log is made when it is needed, which is seldom.
func (d *Dialog) log() *slog.Logger { return d.e.log.With("call_id", d.callID) }

// CallID and the tag of our side name the dialog on the wire.
func (d *Dialog) CallID() string { return d.callID }

// LocalTag is the tag of our side.
func (d *Dialog) LocalTag() string { return d.localTag }

// DN is the browser's, or "".
func (d *Dialog) DN() string { return d.dn }

// Incoming reports whether the peer called.
func (d *Dialog) Incoming() bool { return d.incoming }

// Events brings what happens, in order. It is closed after Ended.
func (d *Dialog) Events() <-chan Event { return d.events }

// Done is closed when the dialog is over.
func (d *Dialog) Done() <-chan struct{} { return d.done }

// State returns where the dialog stands.
func (d *Dialog) State() State {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state
}

// Allows reports whether the peer's Allow named the method.
func (d *Dialog) Allows(method string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Contains(d.peerAllows, strings.ToLower(method))
}

func (d *Dialog) bumpLocked() {
	close(d.changed)
	d.changed = make(chan struct{})
}

func (d *Dialog) setStateLocked(to State) {
	if to > d.state {
		d.state = to
		d.bumpLocked()
	}
}

// await blocks until done says so; done is called with the lock held.
func (d *Dialog) await(ctx context.Context, what string, done func() bool) error {
	for {
		d.mu.Lock()
		ok, over, cause, changed := done(), d.state == Over, d.cause, d.changed
		d.mu.Unlock()
		switch {
		case ok:
			return nil
		case over:
			return fmt.Errorf("%s: %w %s", what, ErrEnded, cause)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, context.Cause(ctx))
		}
	}
}

// post hands an event to the owner. It never blocks.
func (d *Dialog) post(e Event) {
	d.mu.Lock()
	overflow := false
	if d.state != Over {
		select {
		case d.events <- e:
		default:
			overflow = true
		}
	}
	d.mu.Unlock()
	if overflow {
		d.log().Error("dialog_has_no_listener", "waiting", eventRoom)
		d.e.background(func(ctx context.Context) { d.quit(ctx, "nobody takes its events") })
	}
}

// end closes the dialog once: the first cause stays. It sends nothing and never
// blocks, so that it may be called from a transaction's callback.
func (d *Dialog) end(cause Cause) {
	d.mu.Lock()
	if d.state == Over {
		d.mu.Unlock()
		return
	}
	d.cause = cause
	d.setStateLocked(Over)
	d.session.stop()
	offered := d.offered
	d.offered = nil
	// Ended must find room: it takes the place of the newest event if need be.
	select {
	case d.events <- Ended{cause}:
	default:
		select {
		case <-d.events:
		default: // the owner was quicker
		}
		d.events <- Ended{cause} // only we send, under the lock
	}
	close(d.events)
	close(d.done)
	d.mu.Unlock()
	if offered != nil {
		d.e.background(func(context.Context) { offered.drop() })
	}
	d.e.forget(d)
	d.log().Info("dialog_ended", "cause", cause.String())
}

// nextRequest builds the next request of the dialog and finds its way.
func (d *Dialog) nextRequest(method sip.RequestMethod) *sip.Request {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.localSeq++
	return d.requestLocked(method, d.localSeq)
}

// requestLocked builds a request with a given sequence number: ACK and CANCEL repeat the INVITE's.
func (d *Dialog) requestLocked(method sip.RequestMethod, seq uint32) *sip.Request {
	req := sip.NewRequest(method, *d.target.Clone())
	way := d.wayLocked()
	d.e.addVia(req, way)
	for _, hop := range d.routes {
		req.AppendHeader(&sip.RouteHeader{Address: *hop.Clone()})
	}
	from := &sip.FromHeader{DisplayName: d.local.name, Address: *d.local.uri.Clone()}
	from.Params.Add("tag", d.localTag)
	to := &sip.ToHeader{DisplayName: d.remote.name, Address: *d.remote.uri.Clone()}
	if d.remote.tag != "" {
		to.Params.Add("tag", d.remote.tag)
	}
	callID, hops := sip.CallIDHeader(d.callID), sip.MaxForwardsHeader(70)
	for _, header := range []sip.Header{from, to, &callID, &sip.CSeqHeader{SeqNo: seq, MethodName: method}, &hops} {
		req.AppendHeader(header)
	}
	req.AppendHeader(sip.NewHeader("User-Agent", d.e.opts.UserAgent))
	if method == sip.INVITE || method == sip.UPDATE || method == sip.REFER || method == sip.NOTIFY {
		req.AppendHeader(&sip.ContactHeader{Address: *d.own.Clone()})
	}
	if method == sip.INVITE || method == sip.UPDATE {
		req.AppendHeader(sip.NewHeader("Allow", allow))
		req.AppendHeader(sip.NewHeader("Supported", supported))
		req.AppendHeader(sip.NewHeader("Allow-Events", allowEvents))
	}
	d.e.aim(req, way)
	return req
}

// wayLocked says where requests go. A browser is reached by its flow, or by the
// flow that its DN came back on; the host of its Contact exists nowhere.
func (d *Dialog) wayLocked() route {
	if d.flow != nil {
		return route{transport: transportWS, destination: d.flow.source}
	}
	if d.state < Confirmed && !d.incoming || d.target.Host == "" {
		return d.route
	}
	hop := d.target
	if len(d.routes) > 0 {
		hop = d.routes[0]
	}
	transport := transportOf(hop, d.route.transport)
	return route{transport: transport, destination: hostPort(hop, transport)}
}

// learnLocked takes over the peer's Contact and what it can do (target refresh, RFC 3261 section 12.2).
func (d *Dialog) learnLocked(m message) {
	if contact := m.Contact(); contact != nil && !contact.Address.Wildcard && contact.Address.Host != "" {
		d.target = *contact.Address.Clone()
	}
	if methods := tokens(m, "Allow"); len(methods) > 0 {
		d.peerAllows = methods
	}
	if events := tokens(m, "Allow-Events"); len(events) > 0 {
		d.peerEvents = events
	}
}

func recordRoutes(m message) []sip.Uri {
	var hops []sip.Uri
	for _, header := range m.GetHeaders("Record-Route") {
		if hop, ok := header.(*sip.RecordRouteHeader); ok {
			hops = append(hops, *hop.Address.Clone())
		}
	}
	return hops
}

// after waits within the endpoint's life.
func after(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx) //nolint:wrapcheck // the caller says what for
	}
}
