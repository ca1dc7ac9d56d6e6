package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sidecar/sip"
)

// phone is what a call's browser is known as. It doesn't change; a browser that takes the call up again is another one.
type phone struct {
	dialog *sip.Dialog
	page   string   // instance of our own page, or ""
	events []string // that it named when it registered
	pages  Pages
}

// phoneOf is the phone that has the dialog; what it said when it registered counts only if it is registered still. Without
// a dialog it is the DN's phone.
func (g *Gateway) phoneOf(dn string, d *sip.Dialog) *phone {
	p := &phone{dialog: d, pages: g.opts.Pages}
	if at, err := g.endpoint.Locate(dn); err == nil && (d == nil || at.Flow == d.Flow().ID()) {
		p.page, p.events = at.Page, at.AllowEvents
	}
	return p
}

// paged reports whether the phone is a page of ours that listens.
func (p *phone) paged() bool { return p.page != "" && p.pages.Present(p.page) }

func (p *phone) takes(event string) bool {
	return slices.Contains(p.events, event) || p.dialog != nil && p.dialog.AllowsEvent(event)
}

// do makes the phone do something: our page by its feed session, others by NOTIFY.
func (p *phone) do(ctx context.Context, verb, event string) error {
	switch {
	case p.paged():
		wait, cancel := context.WithTimeout(ctx, pageTimeout)
		defer cancel()
		return p.pages.Do(wait, p.page, verb, p.dialog.CallID()) //nolint:wrapcheck // by ask
	case p.takes(event):
		return p.dialog.Notify(ctx, event, sip.Body{}, nil) //nolint:wrapcheck // by ask
	}
	return ErrNoAbility
}

// Abilities says what the phone of a call can be told to do now; nothing when no call has the leg.
func (g *Gateway) Abilities(leg string) Abilities {
	c := g.find(leg)
	if c == nil {
		return Abilities{}
	}
	p := c.phone.Load()
	if p == nil { // the upstream hears 180 before the browser hears anything; it will be the one that is registered
		p = g.phoneOf(c.dn, nil)
	}
	paged := p.paged()
	return Abilities{Answer: paged || p.takes("talk"), Hold: paged || p.takes("hold")}
}

// Lost reports whether a leg of the DN would have to be here, since its phone is a browser of ours and its PBX knows our
// legs by name, and no call has it.
func (g *Gateway) Lost(dn, leg string) bool {
	up, ok := g.opts.Upstream(dn)
	return ok && up.paired() && g.find(leg) == nil
}

// Answer lets the phone pick the call up. It returns when the phone has said that it does, which may be before the call is
// up. A call that is answered is no error.
func (g *Gateway) Answer(ctx context.Context, leg string) error {
	return g.ask(ctx, "answer", leg, (*call).pickUp)
}

// Hold lets the phone put the call on hold; Retrieve lets it take the call back. They return as Answer does, and a call
// that is so already is no error.
func (g *Gateway) Hold(ctx context.Context, leg string) error {
	return g.ask(ctx, "hold", leg, func(c *call, done func(error)) { c.holdOrRetrieve(true, done) })
}

// Retrieve is described with Hold.
func (g *Gateway) Retrieve(ctx context.Context, leg string) error {
	return g.ask(ctx, "retrieve", leg, func(c *call, done func(error)) { c.holdOrRetrieve(false, done) })
}

// Hangup ends the call towards both sides; nobody has to agree. A leg that no call has is no error. It returns when the
// end is decided.
func (g *Gateway) Hangup(ctx context.Context, leg string) error {
	err := g.ask(ctx, "hang up", leg, func(c *call, done func(error)) {
		c.end(603, "Decline", nil)
		done(nil)
	})
	if errors.Is(err, ErrNoLeg) {
		return nil
	}
	return err
}

// ReferResult tells the phone how the transfer of its Referral went. It returns when the phone has heard it, so that
// whoever hangs up afterwards does so in the right order.
func (g *Gateway) ReferResult(ctx context.Context, leg string, ok bool) error {
	return g.ask(ctx, "report the transfer of", leg, func(c *call, done func(error)) { c.reportRefer(ok, done) })
}

func (g *Gateway) find(leg string) *call {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.legs[leg]
}

// ask lets begin run in the call's goroutine and waits until it, or what it began, is done.
func (g *Gateway) ask(ctx context.Context, what, leg string, begin func(c *call, done func(error))) error {
	c := g.find(leg)
	if c == nil {
		return fmt.Errorf("%s call %q: %w", what, leg, ErrNoLeg)
	}
	result := make(chan error, 1)
	err := c.post(ctx, func() { begin(c, func(err error) { result <- err }) })
	if err == nil {
		select {
		case err = <-result:
		case <-ctx.Done():
			err = context.Cause(ctx)
		case <-c.over:
			select {
			case err = <-result:
			default:
				err = ErrNoLeg
			}
		}
	}
	if err != nil {
		return fmt.Errorf("%s call %q: %w", what, leg, err)
	}
	return nil
}

// post hands a function to the call's goroutine.
func (c *call) post(ctx context.Context, fn func()) error {
	select {
	case c.posted <- fn:
		return nil
	case <-c.over:
		return ErrNoLeg
	case <-ctx.Done():
		return context.Cause(ctx) //nolint:wrapcheck // by ask
	}
}

// pickUp makes the phone of a ringing call answer. Whoever asks while somebody's command is under way waits for the same one.
func (c *call) pickUp(done func(error)) {
	switch {
	case c.picked:
		done(nil)
	case !c.inbound:
		done(fmt.Errorf("%w: the phone made this call", ErrState))
	default:
		c.pickups = append(c.pickups, done)
		c.commandPickUp()
	}
}

// commandPickUp waits until the phone rings: before, it may not know the call.
func (c *call) commandPickUp() {
	if len(c.pickups) == 0 || c.picking || c.browser == nil || c.browser.State() < sip.Early {
		return
	}
	c.picking = true
	p := c.phone.Load()
	c.outside(func(ctx context.Context) error { return p.do(ctx, "answer", "talk") }, func(err error) {
		c.picking = false
		c.pickedUp(err)
	})
}

// pickedUp tells all who asked.
func (c *call) pickedUp(err error) {
	for _, done := range c.pickups {
		done(err)
	}
	c.pickups = nil
}

func (c *call) holdOrRetrieve(hold bool, done func(error)) {
	p := c.phone.Load()
	verb, event := "retrieve", "talk"
	if hold {
		verb, event = "hold", "hold"
	}
	switch {
	case !c.picked:
		done(fmt.Errorf("%w: it is not answered", ErrState))
	case c.held == hold:
		done(nil)
	default:
		c.outside(func(ctx context.Context) error { return p.do(ctx, verb, event) }, done)
	}
}

// onNotify does what a switch that controls the call wants of its phone. It has been answered: the Genesys SIP Server gives
// the call up when that takes long.
func (c *call) onNotify(n sip.Notify) {
	done := func(err error) {
		if err != nil {
			c.log.Warn("command_of_upstream_failed", "event", n.Event, "error", err)
		}
	}
	switch {
	case n.Event == "talk" && !c.picked:
		c.pickUp(done)
	case n.Event == "talk":
		c.holdOrRetrieve(false, done)
	case n.Event == "hold":
		c.holdOrRetrieve(true, done)
	default:
		c.log.Debug("event_of_upstream_ignored", "event", n.Event)
	}
}
