package gateway

import (
	"context"
	"slices"
	"time"

	"sidecar/sip"
)

// unregisterTimeout bounds the last word to a registrar; a binding that stays runs out by itself.
const unregisterTimeout = 5 * time.Second

// line is a DN's registration upstream. One goroutine at a time brings what is to what is wanted, so that an
// un-registration and the registration after it keep their order. Guarded by Gateway.mu.
type line struct {
	wanted bool
	page   string // of the phone that is registered
	busy   bool
	reg    *sip.Registration
}

// onRegistration follows the browsers' registrar. It runs in the registrar's goroutine and must not block.
func (g *Gateway) onRegistration(e sip.RegistrationEvent) {
	switch e.Kind {
	case sip.Registered, sip.FlowBack, sip.TakenOver:
		before := g.want(e.DN, true, e.Page)
		if e.Kind == sip.TakenOver && before != e.Page {
			g.tellTaken(e.DN, before)
		}
		for _, c := range g.ofDN(e.DN) {
			nudge(c.returned)
		}
	case sip.Unregistered:
		g.want(e.DN, false, "")
		// A phone that un-registered, or one whose DN another has taken over, goes on with the calls that it has.
		for _, c := range g.ofDN(e.DN) {
			if p := c.phone.Load(); p != nil && ended(p.dialog) {
				c.abandon("browser is gone: " + e.Reason)
			}
		}
	case sip.FlowLost: // the grace period runs; new calls get 480 because the DN can't be located
	}
	if g.told != nil {
		g.told(e)
	}
}

// tellTaken lets a page know that its DN is another phone's now. It would register again otherwise, and take the DN back.
func (g *Gateway) tellTaken(dn, page string) {
	if page == "" || !g.opts.Pages.Present(page) {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		g.wg.Go(func() { g.tellPage(g.ctx, dn, page, "taken") })
	}
}

// want notes what is wanted of a DN's line and gives the page that it was for.
func (g *Gateway) want(dn string, wanted bool, page string) (before string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed { // the DN will be back with the next process: its binding stays
		return ""
	}
	l := g.lines[dn]
	if l == nil {
		l = &line{}
		g.lines[dn] = l
	}
	before, l.wanted, l.page = l.page, wanted, page
	if l.busy {
		return before
	}
	l.busy = true
	g.wg.Go(func() { g.settle(dn, l) })
	return before
}

// settle works until the DN is as wanted.
func (g *Gateway) settle(dn string, l *line) {
	for {
		g.mu.Lock()
		wanted, reg := l.wanted, l.reg
		if wanted == (reg != nil) || g.closed {
			l.busy = false
			if reg == nil && !wanted {
				delete(g.lines, dn)
			}
			g.mu.Unlock()
			return
		}
		g.mu.Unlock()
		if wanted {
			g.mu.Lock() // a Refresh must not miss a line whose first REGISTER is out
			reg = g.register(dn)
		} else {
			g.unregister(dn, reg)
			reg = nil
			g.mu.Lock()
		}
		l.reg = reg
		if reg == nil {
			l.wanted = l.wanted && !wanted // what can't be registered now can't be registered a moment later
		}
		g.mu.Unlock()
	}
}

// register begins to register a DN, and waits for nobody; nil for one that can't be.
func (g *Gateway) register(dn string) *sip.Registration {
	up, ok := g.opts.Upstream(dn)
	if !ok {
		g.log.Debug("dn_has_no_upstream", "dn", dn)
		return nil
	}
	var lease func(context.Context) error
	if g.opts.Lease != nil {
		lease = func(ctx context.Context) error { return g.opts.Lease(ctx, dn) }
	}
	reg, err := g.endpoint.RegisterUpstream(sip.Upstream{
		DN: dn, Registrar: up.Registrar, Transport: up.Transport, Domain: up.Domain, Auth: up.Auth, Expires: up.Expires, Lease: lease,
		OnState: func(s sip.UpstreamState) { g.opts.OnLine(Line{DN: dn, Upstream: up.Name, Registered: s.Registered}) },
	})
	if err != nil {
		g.log.Error("upstream_registration_impossible", "dn", dn, "error", err)
		return nil
	}
	return reg
}

func (g *Gateway) unregister(dn string, reg *sip.Registration) {
	ctx, cancel := context.WithTimeout(g.ctx, unregisterTimeout)
	defer cancel()
	if err := reg.Close(ctx, true); err != nil {
		g.log.Warn("upstream_unregistration_failed", "dn", dn, "error", err)
	}
	up, _ := g.opts.Upstream(dn)
	g.opts.OnLine(Line{DN: dn, Upstream: up.Name})
}

// Refresh registers DNs again, all when none is named, spread over the time given: after a restart of the PBX, or when it
// lost contacts.
func (g *Gateway) Refresh(within time.Duration, dns ...string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for dn, l := range g.lines {
		if l.reg != nil && (len(dns) == 0 || slices.Contains(dns, dn)) {
			l.reg.Refresh(within)
		}
	}
}

// keepLines ends the keeping and leaves the bindings. Nothing settles any more, and nobody changes the lines.
func (g *Gateway) keepLines() {
	for dn, l := range g.lines {
		if l.reg == nil {
			continue
		}
		if err := l.reg.Close(context.Background(), false); err != nil {
			g.log.Debug("registration_close_failed", "dn", dn, "error", err)
		}
	}
}
