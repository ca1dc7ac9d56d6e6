package sip

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"sidecar/internal/backoff"
)

// Upstream is a DN to keep registered at an upstream registrar.
type Upstream struct {
	DN string
	// Registrar is its host:port; Transport "udp" (default), "tcp" or "tls".
	Registrar, Transport string
	// Domain is the host of the address of record; the registrar's host when empty.
	Domain string
	Auth   *Auth
	// Expires is what is asked for; an hour.
	Expires time.Duration
	// Lease is asked before every REGISTER: a DN has exactly one registration
	// owner. An error means that it isn't ours now; it is asked again later. Nil: always ours.
	Lease func(context.Context) error
	// OnState is told of every change, while the registration waits. It must not call Close.
	OnState func(UpstreamState)
	Headers Headers
}

// UpstreamState is how the registration of a DN stands.
type UpstreamState struct {
	DN         string
	Registered bool
	Expires    time.Duration // granted
	Err        error         // why not, when not registered
}

// Registration keeps a DN registered until it is closed. Between its attempts there is a timer and no goroutine: a daemon
// keeps thousands of DNs, each of which has something to do twice an hour.
type Registration struct {
	e      *Endpoint
	up     Upstream
	callID string
	tag    string
	once   sync.Once
	wg     sync.WaitGroup // the attempt under way; begun under mu until closed

	mu     sync.Mutex
	closed bool
	busy   bool        // an attempt is under way
	timer  *time.Timer // of the next one; nil before the first
	due    time.Time   // of the next one; Refresh while busy sets it too
	cancel func()      // of the attempt under way

	// Owned by the attempt under way, and by Close after the last one.
	retry   *backoff.Backoff
	seq     uint32
	contact sip.Uri // as registered last
	expires time.Duration
	bound   bool
	told    bool
}

// Retries of a registration that failed.
const (
	upstreamFirst   = time.Second
	upstreamLongest = time.Minute
	upstreamTimeout = t64
)

// RegisterUpstream registers the DN and keeps it registered. It never un-registers
// first: the registrar replaces the binding that a process before this one left.
func (e *Endpoint) RegisterUpstream(up Upstream) (*Registration, error) {
	setDefault(&up.Transport, "udp")
	setDefault(&up.Expires, time.Hour)
	var uri sip.Uri
	if err := sip.ParseUri("sip:"+up.Registrar, &uri); err != nil || uri.Host == "" || up.DN == "" {
		return nil, fmt.Errorf("register DN %q at %q: %w: needs a DN and host:port", up.DN, up.Registrar, ErrOptions)
	}
	if !slices.Contains([]string{transportUDP, transportTCP, transportTLS}, strings.ToUpper(up.Transport)) {
		return nil, fmt.Errorf("register DN %q: %w: transport %q, must be udp, tcp or tls", up.DN, ErrOptions, up.Transport)
	}
	setDefault(&up.Domain, uri.Host)
	if up.OnState == nil {
		up.OnState = func(UpstreamState) {}
	}
	r := &Registration{
		e: e, up: up, callID: sip.GenerateTagN(24), tag: sip.GenerateTagN(16), expires: up.Expires,
		retry: backoff.New(backoff.Policy{Min: upstreamFirst, Max: upstreamLongest}),
	}
	if !r.try() {
		return nil, fmt.Errorf("register DN %q: %w", up.DN, ErrClosed)
	}
	return r, nil
}

// log is made when it is needed, which is seldom.
func (r *Registration) log() *slog.Logger {
	return r.e.log.With("dn", r.up.DN, "registrar", r.up.Registrar)
}

// Refresh registers again within the time given, at a random moment of it: after
// a restart of the registrar all DNs come back, but not all at once.
func (r *Registration) Refresh(within time.Duration) {
	due := time.Now().Add(time.Duration(rand.Float64() * float64(within))) //nolint:gosec // no secret
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.due.IsZero() || due.Before(r.due) { // the sooner one will do
		r.due = due
		r.armLocked()
	}
}

// Close ends the keeping. With unregister the binding is removed: when the
// browser has left for good, never because this process ends or restarts.
func (r *Registration) Close(ctx context.Context, unregister bool) error {
	var err error
	r.once.Do(func() {
		r.stop()
		if !unregister || !r.bound {
			return
		}
		var res *sip.Response
		if res, err = r.register(ctx, 0); err == nil && !res.IsSuccess() {
			err = &StatusError{Method: "REGISTER", Status: res.StatusCode, Reason: res.Reason}
		}
		if err != nil {
			err = fmt.Errorf("un-register DN %q: %w", r.up.DN, err)
		}
	})
	return err
}

// stop returns when no attempt is under way, and none comes any more.
func (r *Registration) stop() {
	r.mu.Lock()
	r.closed = true
	if r.timer != nil {
		r.timer.Stop()
	}
	if r.cancel != nil {
		r.cancel()
	}
	r.mu.Unlock()
	r.wg.Wait()
}

// armLocked sets the timer to what is due. An attempt under way does that when it ends.
func (r *Registration) armLocked() {
	switch {
	case r.closed || r.busy:
	case r.timer == nil:
		r.timer = time.AfterFunc(time.Until(r.due), func() { r.try() })
	default:
		r.timer.Reset(time.Until(r.due))
	}
}

// try begins an attempt, unless one is under way. It reports false when the endpoint closes.
func (r *Registration) try() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.busy {
		return true
	}
	ctx, cancel := context.WithTimeout(r.e.ctx, upstreamTimeout)
	r.wg.Add(1)
	if !r.e.background(func(context.Context) {
		defer r.wg.Done()
		defer cancel()
		r.run(ctx)
	}) {
		r.wg.Done()
		cancel()
		return false
	}
	r.busy, r.cancel, r.due = true, cancel, time.Time{}
	return true
}

// run is one attempt and its consequences.
func (r *Registration) run(ctx context.Context) {
	granted, least, err := r.attempt(ctx)
	if r.over() {
		return
	}
	r.tell(granted, err)
	var pause time.Duration
	if err == nil {
		r.retry.Reset()
		// Between 50 and 80 %: early enough for two more tries, and spread over many DNs.
		pause = granted/2 + rand.N(granted*3/10) //nolint:gosec // no secret
	} else {
		pause = max(r.retry.Next(), least)
	}
	due := time.Now().Add(pause)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.busy, r.cancel = false, nil
	if r.due.IsZero() || due.Before(r.due) { // else a Refresh came meanwhile
		r.due = due
	}
	r.armLocked() //nolint:contextcheck // the next attempt has a context of its own
}

// over reports whether nobody wants to know any more how the attempt went.
func (r *Registration) over() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed || r.e.ctx.Err() != nil
}

// attempt registers once. least is the pause that the registrar asks for after a refusal.
func (r *Registration) attempt(ctx context.Context) (granted, least time.Duration, err error) {
	if r.up.Lease != nil {
		if err = r.up.Lease(ctx); err != nil {
			return 0, 0, fmt.Errorf("lease of DN %q: %w", r.up.DN, err)
		}
	}
	res, err := r.register(ctx, r.expires)
	if err == nil && res.StatusCode == 423 {
		if seconds, ok := parseSeconds(headerValue(res, "Min-Expires")); ok && seconds > 0 {
			r.expires = time.Duration(seconds) * time.Second
			res, err = r.register(ctx, r.expires)
		}
	}
	if err != nil {
		return 0, 0, err
	}
	if !res.IsSuccess() {
		if seconds, ok := parseSeconds(headerValue(res, "Retry-After")); ok {
			least = min(time.Duration(seconds)*time.Second, 10*time.Minute)
		}
		return 0, least, &StatusError{Method: "REGISTER", Status: res.StatusCode, Reason: res.Reason}
	}
	r.bound = true
	return r.granted(res), 0, nil
}

// granted is what the registrar says of our Contact, else of all, else what was asked.
func (r *Registration) granted(res *sip.Response) time.Duration {
	text := headerValue(res, "Expires")
	for _, header := range res.GetHeaders("Contact") {
		contact, ok := header.(*sip.ContactHeader)
		if ok && contactKey(&contact.Address) == contactKey(&r.contact) {
			text = contact.Params.GetOr("expires", text)
		}
	}
	if seconds, ok := parseSeconds(text); ok && seconds > 0 {
		return max(min(time.Duration(seconds)*time.Second, r.expires), 10*time.Second)
	}
	return r.expires
}

// register sends one REGISTER and answers challenges. When the registrar saw us at
// another address than the Contact's it is sent once more: calls go to the Contact.
func (r *Registration) register(ctx context.Context, expires time.Duration) (*sip.Response, error) {
	way := route{transport: strings.ToUpper(r.up.Transport), destination: r.up.Registrar}
	var err error
	if way.destination, err = lookup(ctx, way.destination); err != nil {
		return nil, err
	}
	res, err := r.registerAs(ctx, way, expires)
	if err != nil || !res.IsSuccess() || expires == 0 {
		return res, err
	}
	r.e.learn(way, res)
	if seen := r.e.contact(r.up.DN, way); contactKey(&seen) != contactKey(&r.contact) {
		r.log().Info("contact_learned", "before", net.JoinHostPort(r.contact.Host, strconv.Itoa(r.contact.Port)), "contact", net.JoinHostPort(seen.Host, strconv.Itoa(seen.Port)))
		return r.registerAs(ctx, way, expires)
	}
	return res, nil
}

func (r *Registration) registerAs(ctx context.Context, way route, expires time.Duration) (*sip.Response, error) {
	req, err := r.request(way, expires)
	if err != nil {
		return nil, err
	}
	for answered := 0; ; answered++ {
		res, err := r.e.trip(ctx, req)
		if err != nil || !challenged(req, res, r.up.Auth, answered) {
			return res, err
		}
		r.seq++
		if req, err = r.e.authorise(req, res, r.up.Auth, r.seq); err != nil {
			return nil, err
		}
	}
}

func (r *Registration) request(way route, expires time.Duration) (*sip.Request, error) {
	r.seq++
	if expires > 0 { // what is removed is what was bound
		r.contact = r.e.contact(r.up.DN, way)
	}
	req := sip.NewRequest(sip.REGISTER, sip.Uri{Scheme: "sip", Host: r.up.Domain})
	r.e.addVia(req, way)
	aor := sip.Uri{Scheme: "sip", User: r.up.DN, Host: r.up.Domain}
	from := &sip.FromHeader{Address: aor}
	from.Params.Add("tag", r.tag)
	callID, hops := sip.CallIDHeader(r.callID), sip.MaxForwardsHeader(70)
	for _, header := range []sip.Header{
		from, &sip.ToHeader{Address: *aor.Clone()}, &callID, &sip.CSeqHeader{SeqNo: r.seq, MethodName: sip.REGISTER}, &hops,
		&sip.ContactHeader{Address: *r.contact.Clone()},
		sip.NewHeader("Expires", seconds10(expires)), sip.NewHeader("Allow", allow), sip.NewHeader("User-Agent", r.e.opts.UserAgent),
	} {
		req.AppendHeader(header)
	}
	if err := carry(req, r.up.Headers, Body{}); err != nil {
		return nil, fmt.Errorf("register DN %q: %w", r.up.DN, err)
	}
	r.e.aim(req, way)
	return req, nil
}

// tell reports changes and every failure, not every refresh.
func (r *Registration) tell(granted time.Duration, err error) {
	state := UpstreamState{DN: r.up.DN, Registered: err == nil, Expires: granted, Err: err}
	switch {
	case err != nil:
		r.log().Warn("upstream_registration_failed", "error", err)
		r.told = false
	case r.told:
		return
	default:
		r.log().Info("upstream_registered", "expires", granted)
		r.told = true
	}
	r.up.OnState(state)
}
