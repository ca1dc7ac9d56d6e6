package sip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

// registrar keeps one contact per DN. A contact is a flow: the host name that a
// browser writes into its Contact is a random name in .invalid and leads nowhere.
//
//	            REGISTER ok            flow ends
//	(nothing) ------------> bound ----------------> lost
//	    ^                  |  ^  \___ other flow: taken over
//	    |  Expires 0, time |  |__________________________|
//	    |  over            |        REGISTER ok           |
//	    +------------------+------------------------------+ grace over
type registrar struct {
	opts   *RegistrarOptions
	log    *slog.Logger
	auth   *authenticator
	events *eventQueue
	move   func(dn, contact string, to *Flow) // takes the dialogs of a contact to its new flow; called with mu held

	mu       sync.Mutex
	bindings map[string]*binding
	closed   bool
}

// binding is a DN's one contact. Guarded by registrar.mu.
type binding struct {
	dn          string
	flow        *Flow
	lost        bool
	contact     *sip.ContactHeader
	callID      string
	cseq        uint32
	userAgent   string
	page        string
	allowEvents []string
	expires     time.Time
	timer       *time.Timer // expiry while bound, grace while lost
	epoch       int         // a timer that fired late finds another number
}

func newRegistrar(opts *RegistrarOptions, log *slog.Logger, move func(dn, contact string, to *Flow)) *registrar {
	return &registrar{
		opts: opts, log: log, auth: newAuthenticator(opts), move: move,
		events: newEventQueue(opts.OnEvent), bindings: make(map[string]*binding),
	}
}

// answer is what a REGISTER gets.
type answer struct {
	status  int
	reason  string
	headers []sip.Header
}

func refuse(status int, reason string) answer { return answer{status: status, reason: reason} }

// register handles one REGISTER of a flow.
func (r *registrar) register(ctx context.Context, req *sip.Request, flow *Flow) answer {
	dn := req.To().Address.User
	switch from := req.From().Address.User; {
	case dn == "":
		return refuse(404, "To Names No DN")
	case from != dn:
		return refuse(403, "From and To Must Name the Same DN")
	case flow == nil:
		return refuse(403, "DNs Register Over WebSocket")
	}
	owner := r.owns(dn, flow)
	if denied, ok := r.auth.check(ctx, req, dn, flow, owner); !ok {
		return denied
	}
	want, bad, ok := r.wanted(req)
	if !ok {
		return bad
	}
	return r.update(req, dn, flow, want)
}

// wish is what a REGISTER asks for.
type wish struct {
	query   bool // no Contact: only tell
	remove  bool
	contact *sip.ContactHeader
	expires time.Duration
}

// wanted reads Contact and Expires (RFC 3261 section 10.3 steps 6 and 7).
func (r *registrar) wanted(req *sip.Request) (wish, answer, bool) {
	var contacts []*sip.ContactHeader
	for _, header := range req.GetHeaders("Contact") {
		if contact, ok := header.(*sip.ContactHeader); ok {
			contacts = append(contacts, contact)
		}
	}
	seconds, ok := headerSeconds(req)
	if !ok {
		return wish{}, refuse(400, "Expires Is No Number of Seconds"), false
	}
	switch {
	case len(contacts) == 0:
		return wish{query: true}, answer{}, true
	case len(contacts) > 1:
		return wish{}, refuse(403, "One Contact per DN"), false
	case contacts[0].Address.Wildcard && seconds != 0:
		return wish{}, refuse(400, "Contact * Needs Expires 0"), false
	case contacts[0].Address.Wildcard:
		return wish{remove: true}, answer{}, true
	}
	contact := contacts[0].Clone()
	if text, found := contact.Params.Get("expires"); found {
		if seconds, ok = parseSeconds(text); !ok {
			return wish{}, refuse(400, "Contact's expires Is No Number of Seconds"), false
		}
	}
	switch {
	case seconds == 0:
		return wish{remove: true}, answer{}, true
	case seconds < 0:
		return wish{contact: contact, expires: r.opts.DefaultExpires}, answer{}, true
	}
	expires := min(time.Duration(seconds)*time.Second, r.opts.MaxExpires)
	if expires < r.opts.MinExpires {
		brief := refuse(423, "Interval Too Brief")
		brief.headers = []sip.Header{sip.NewHeader("Min-Expires", seconds10(r.opts.MinExpires))}
		return wish{}, brief, false
	}
	return wish{contact: contact, expires: expires}, answer{}, true
}

// update carries out a REGISTER that was let in.
func (r *registrar) update(req *sip.Request, dn string, flow *Flow, want wish) answer {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return refuse(503, "Shutting Down")
	}
	select {
	case <-flow.done: // its end has been or will be told; a binding now would stay
		return refuse(503, "Flow Is Gone")
	default:
	}
	b := r.bindings[dn]
	if want.query {
		return r.okLocked(dn)
	}
	if b != nil && b.flow == flow && b.callID == req.CallID().Value() && req.CSeq().SeqNo <= b.cseq {
		return refuse(500, "CSeq Out of Order")
	}
	if b != nil && b.flow != flow && !b.lost && !want.remove {
		// A browser that reloads may be back before the old flow's end was noticed: the same instance is no stranger.
		if r.opts.TakeOver == TakeOverRefuse && !want.sameInstance(b) {
			return refuse(403, "DN Is in Use at Another Phone")
		}
	}
	if want.remove {
		// A page that starts by un-registering must not take the DN from the one that has it.
		if b != nil && b.flow == flow {
			r.removeLocked(b, ReasonClient)
		}
		return r.okLocked(dn)
	}
	r.bindLocked(b, req, dn, flow, want)
	flow.admit()
	return r.okLocked(dn)
}

// sameInstance compares the Contacts, which pages make up at random, and the instance ids of RFC 5626 section 4.1.
func (w wish) sameInstance(b *binding) bool {
	if w.contact == nil {
		return false
	}
	if contactKey(&w.contact.Address) == contactKey(&b.contact.Address) {
		return true
	}
	id, ok := w.contact.Params.Get("+sip.instance")
	return ok && id == b.contact.Params.GetOr("+sip.instance", "")
}

func (r *registrar) bindLocked(b *binding, req *sip.Request, dn string, flow *Flow, want wish) {
	kind := RegistrationKind(0)
	var old FlowID
	switch {
	case b == nil:
		kind = Registered
		b = &binding{dn: dn}
		r.bindings[dn] = b
	case b.lost:
		kind, old = FlowBack, b.flow.id
	case b.flow != flow:
		kind, old = TakenOver, b.flow.id
	}
	same := old != 0 && contactKey(&b.contact.Address) == contactKey(&want.contact.Address)
	b.flow, b.lost, b.contact = flow, false, want.contact
	b.callID, b.cseq = req.CallID().Value(), req.CSeq().SeqNo
	b.userAgent, b.allowEvents, b.page = headerValue(req, "User-Agent"), tokens(req, "Allow-Events"), pageOf(req)
	b.expires = time.Now().Add(want.expires)
	r.armLocked(b, want.expires, ReasonExpired)
	if same {
		r.move(dn, contactKey(&b.contact.Address), flow)
	}
	if kind != 0 {
		r.tellLocked(b, RegistrationEvent{Kind: kind, Flow: flow.id, Old: old, SameContact: same})
	}
}

// armLocked lets the binding end after d.
func (r *registrar) armLocked(b *binding, d time.Duration, reason string) {
	if b.timer != nil {
		b.timer.Stop()
	}
	b.epoch++
	epoch := b.epoch
	b.timer = time.AfterFunc(d, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if b.epoch == epoch {
			r.removeLocked(b, reason)
		}
	})
}

func (r *registrar) removeLocked(b *binding, reason string) {
	b.timer.Stop()
	b.epoch++
	delete(r.bindings, b.dn)
	r.tellLocked(b, RegistrationEvent{Kind: Unregistered, Old: b.flow.id, Reason: reason})
}

func (r *registrar) tellLocked(b *binding, e RegistrationEvent) {
	e.DN, e.Contact, e.UserAgent, e.AllowEvents, e.Page = b.dn, b.contact.Address.String(), b.userAgent, b.allowEvents, b.page
	r.log.Info("registration", "dn", b.dn, "kind", e.Kind.String(), "flow", e.Flow.String(), "reason", e.Reason)
	r.events.push(e)
}

// okLocked is the 200 with what is bound.
func (r *registrar) okLocked(dn string) answer {
	ok := answer{status: 200, reason: "OK"}
	if b := r.bindings[dn]; b != nil {
		contact := b.contact.Clone()
		contact.Params.Remove("expires")
		contact.Params.Add("expires", seconds10(max(time.Until(b.expires), 0)))
		ok.headers = append(ok.headers, contact)
	}
	ok.headers = append(ok.headers, sip.NewHeader("Date", time.Now().UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")))
	return ok
}

// flowLost starts the grace period of the flow's DNs.
func (r *registrar) flowLost(flow *Flow) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, b := range r.bindings {
		if b.flow != flow || b.lost {
			continue
		}
		grace := max(min(r.opts.Grace, time.Until(b.expires)), 0)
		switch {
		case r.closed:
			r.removeLocked(b, ReasonClosed)
			continue
		case grace == 0:
			r.removeLocked(b, ReasonFlow)
			continue
		}
		b.lost = true
		r.tellLocked(b, RegistrationEvent{Kind: FlowLost, Old: flow.id})
		r.armLocked(b, grace, ReasonFlow)
	}
}

func (r *registrar) owns(dn string, flow *Flow) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.bindings[dn]
	return b != nil && b.flow == flow && !b.lost
}

// Location is where a DN's phone is.
type Location struct {
	Flow        FlowID
	Peer        netip.Addr
	Contact     string
	Page        string // X-Sidecar-Page: the instance of our own agent page; empty for other phones
	UserAgent   string
	AllowEvents []string

	flow   *Flow
	target sip.Uri
}

// locate finds the DN's phone. A phone in its grace period is an error that is both ErrNotRegistered and ErrFlowGone.
func (r *registrar) locate(dn string) (Location, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.bindings[dn]
	switch {
	case b == nil:
		return Location{}, fmt.Errorf("locate DN %q: %w", dn, ErrNotRegistered)
	case b.lost || b.flow.ended():
		return Location{}, fmt.Errorf("locate DN %q: %w", dn, errors.Join(ErrNotRegistered, ErrFlowGone))
	}
	return Location{
		Flow: b.flow.id, Peer: b.flow.peer, Contact: b.contact.Address.String(), UserAgent: b.userAgent, Page: b.page,
		AllowEvents: slices.Clone(b.allowEvents), flow: b.flow, target: *b.contact.Address.Clone(),
	}, nil
}

// drain takes no more registrations; the flows that end from now on do so because we close.
func (r *registrar) drain() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
}

// close forgets all bindings and waits until their ends have been told.
func (r *registrar) close() {
	r.mu.Lock()
	r.closed = true
	for _, b := range r.bindings {
		r.removeLocked(b, ReasonClosed)
	}
	r.mu.Unlock()
	r.events.close()
}

func tokens(m message, name string) []string {
	var list []string
	for _, header := range m.GetHeaders(name) {
		for token := range strings.SplitSeq(header.Value(), ",") {
			if token = strings.ToLower(strings.TrimSpace(token)); token != "" {
				list = append(list, token)
			}
		}
	}
	return list
}
