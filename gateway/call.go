package gateway

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"sidecar/media"
	"sidecar/sip"
)

const (
	// mediaTimeout bounds one step of negotiation; gathering gives up after 2 s.
	mediaTimeout = 5 * time.Second
	// hangupTimeout bounds the last words; what is not confirmed then ends by sip's own timers.
	hangupTimeout = 5 * time.Second
)

// call is a browser's leg and an upstream's. All but the first group belongs to the goroutine of run.
type call struct {
	g          *Gateway
	log        *slog.Logger
	in         sip.Call
	inbound    bool
	dn, number string
	leg        string
	up         Upstream

	browser, upstream *sip.Dialog // nil until there is one
	web               *media.BrowserLeg
	rtp               *media.RTPSession
	relay             *media.Relay // nil until both sides are negotiated
	answer            []byte       // of web to a calling browser's offer; the 183 and the 200 carry the same one
	established       bool
	held, lost        bool
	grace             *time.Timer // runs while lost

	posted chan func()   // results of what ran outside
	poke   chan struct{} // the browser's media has another state
	over   chan struct{} // closed when run takes nothing more
	out    sync.WaitGroup

	ctx    context.Context
	cancel context.CancelFunc

	stopOnce  sync.Once
	abandoned string // why the gateway gave the call up; written before cancel

	ending *ending
}

// ending is how the call goes out: the status is for a caller that has no final response yet, the headers for BYE and CANCEL.
type ending struct {
	status  int
	text    string
	headers sip.Headers
}

func (c *call) tell(kind EventKind, cause string) {
	c.log.Info("call", "event", kind.String(), "cause", cause)
	c.g.opts.OnEvent(Event{Kind: kind, Leg: c.leg, DN: c.dn, Number: c.number, Inbound: c.inbound, Cause: cause})
}

// abandon ends the call from outside.
func (c *call) abandon(why string) {
	c.stopOnce.Do(func() {
		c.abandoned = why
		c.cancel()
	})
}

// run is the life of the call.
func (c *call) run() {
	defer c.release()
	c.tell(Ringing, "")
	if c.inbound {
		c.beginInbound()
	} else {
		c.beginOutbound()
	}
	for c.ending == nil {
		c.step()
	}
}

func (c *call) step() {
	var grace <-chan time.Time
	if c.grace != nil {
		grace = c.grace.C
	}
	select {
	case e, ok := <-events(c.browser):
		if ok {
			c.onBrowser(e)
		}
	case e, ok := <-events(c.upstream):
		if ok {
			c.onUpstream(e)
		}
	case fn := <-c.posted:
		fn()
	case <-c.poke:
		c.onMedia()
	case <-grace:
		c.end(480, "Browser's Media Is Gone", reason("480", "browser's media is gone"))
	case <-c.ctx.Done():
		c.stopOnce.Do(func() { c.abandoned = "shutting down" })
		c.end(480, "Temporarily Unavailable", reason("480", c.abandoned))
	}
}

// events are those of a dialog that is there.
func events(d *sip.Dialog) <-chan sip.Event {
	if d == nil {
		return nil
	}
	return d.Events()
}

// end makes run return. The first ending counts.
func (c *call) end(status int, text string, headers sip.Headers) {
	if c.ending == nil {
		c.ending = &ending{status, text, headers}
	}
}

// outside runs what waits for a peer; then runs in the call's goroutine, if the call still lives.
func (c *call) outside(wait func(context.Context) error, then func(error)) {
	c.out.Go(func() {
		err := wait(c.ctx)
		select {
		case c.posted <- func() { then(err) }:
		case <-c.over:
		}
	})
}

// release is the only way out: it ends both dialogs, gives everything back and waits for what runs outside.
func (c *call) release() {
	close(c.over)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), hangupTimeout)
	defer cancel()
	for _, d := range []*sip.Dialog{c.browser, c.upstream} {
		if d != nil {
			c.out.Go(func() { c.dismiss(ctx, d) })
		}
	}
	if c.grace != nil {
		c.grace.Stop()
	}
	if c.relay != nil {
		c.relay.Stop()
	}
	if c.web != nil {
		if err := c.web.Close(); err != nil {
			c.log.Warn("browser_leg_close_failed", "error", err)
		}
	}
	if c.rtp != nil {
		if err := c.rtp.Close(); err != nil {
			c.log.Warn("rtp_close_failed", "error", err)
		}
	}
	c.cancel() // nobody waits for an ACK any more
	c.out.Wait()
	c.g.leave(c)
	c.tell(Ended, c.ending.text)
}

// dismiss ends one dialog with what its state asks for.
func (c *call) dismiss(ctx context.Context, d *sip.Dialog) {
	if d.Incoming() && d.State() < sip.Confirmed {
		err := d.Reject(c.ending.status, c.ending.text, c.ending.headers)
		if err == nil || errors.Is(err, sip.ErrEnded) {
			return
		}
	}
	if err := d.Hangup(ctx, c.ending.headers); err != nil {
		c.log.Info("hangup_failed", "error", err)
	}
}

// onEnded ends the call because one side did. What a callee answered becomes the caller's final response.
func (c *call) onEnded(cause sip.Cause, callee bool) {
	var status int
	var text string
	switch {
	case c.established || !callee:
		status, text = 487, "Ended by "+cause.Method
	case c.inbound:
		status, text = fromBrowser(cause)
	default:
		status, text = fromUpstream(cause)
	}
	headers := carried(cause.Headers)
	if headers.Get("Reason") == "" && cause.Method == "" {
		headers = append(headers, reason("480", "the other side is gone")...)
	}
	c.end(status, text, headers)
}

// fromBrowser is what the PBX hears of a browser's refusal: the agent's own word, or that there is no phone.
func fromBrowser(cause sip.Cause) (int, string) {
	switch cause.Status {
	case 480, 486, 488, 600, 603, 606:
		return cause.Status, cause.Reason
	}
	return 480, "Temporarily Unavailable"
}

// fromUpstream is what a browser hears of the PBX's refusal. Our credentials there are not the browser's.
func fromUpstream(cause sip.Cause) (int, string) {
	switch {
	case cause.Status == 401 || cause.Status == 407:
		return 503, "PBX Refused Our Credentials"
	case cause.Status >= 400 && cause.Status <= 699:
		return cause.Status, cause.Reason
	case cause.Status >= 300:
		return 480, "Moved"
	}
	return 503, "PBX Is Not Reachable"
}
