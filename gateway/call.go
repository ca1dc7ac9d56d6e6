package gateway

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
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

// call is a browser's leg and an upstream's. What is not constant or said to be shared belongs to the goroutine of run.
type call struct {
	callFacts
	callMedia
	presence
	orders

	browser, upstream *sip.Dialog           // nil until there is one
	phone             atomic.Pointer[phone] // of browser; shared
	resumed           bool                  // the PBX calls a phone that was in the call before we began
	picked            bool                  // the phone has answered; for the phone's own calls: the call is up
	established       bool                  // both sides are up

	posted   chan func()   // results of what ran outside, and what is asked of the call
	poke     chan struct{} // the browser's media has another state
	returned chan struct{} // a phone of the DN registered
	over     chan struct{} // closed when run takes nothing more
	out      sync.WaitGroup

	ctx    context.Context
	cancel context.CancelFunc

	stopOnce  sync.Once
	abandoned string // why the gateway gave the call up; written before cancel

	ending *ending
}

// callFacts don't change once the call runs, but for the uuid, which a switch may tell late.
type callFacts struct {
	g          *Gateway
	log        *slog.Logger
	in         sip.Call
	inbound    bool
	dn, number string
	leg        string
	up         Upstream
	uuid       string
}

// callMedia is what the two sides are joined by.
type callMedia struct {
	web    *media.BrowserLeg
	rtp    *media.RTPSession
	relay  *media.Relay                  // nil until both sides are negotiated
	answer []byte                        // of web to a calling browser's offer; the 183 and the 200 carry the same one
	early  []func()                      // re-offers that came before the ACK of the call was worked off
	digits []func(context.Context) error // by INFO, that wait to be sent; the first one is being sent

	held    bool // by the browser
	holding bool // a switch is being told

	watchdog *time.Timer // see onWatch
	probing  bool        // the upstream is being asked whether it is there
}

// presence is whether the browser is there.
type presence struct {
	lost       bool        // its media is gone
	away       bool        // its WebSocket is gone
	grace      *time.Timer // runs while one of them is
	restarting bool        // an ICE restart of ours is under way
	next       *successor  // that was asked to take the call up
	before     string      // SIP Call-ID of the dialog that went with its browser
}

// orders are what the phone was told to do, or asked for.
type orders struct {
	pickups  []func(error) // who waits for the phone to pick up
	picking  bool          // it is being told
	refer    *sip.Refer    // that waits for its result
	reported chan struct{} // closed when the result was sent
}

func newCall(g *Gateway, in sip.Call) *call {
	c := &call{
		callFacts: callFacts{g: g, in: in, inbound: in.Flow == 0, dn: in.From, number: in.To, uuid: in.Headers.Get(uuidHeader)},
		posted:    make(chan func()), poke: make(chan struct{}, 1), returned: make(chan struct{}, 1), over: make(chan struct{}),
	}
	if c.inbound {
		c.dn, c.number = in.To, in.From
	}
	return c
}

func (c *call) tell(kind EventKind, cause string) {
	c.log.Info("call", "event", kind.String(), "cause", cause)
	e := Event{
		Kind: kind, Leg: c.leg, DN: c.dn, Number: c.number, Inbound: c.inbound, Cause: cause, CallUUID: c.uuid, Upstream: c.up.Name,
	}
	if kind == Ended {
		e.Status = c.ending.status
	}
	c.g.opts.OnEvent(e)
}

// abandon ends the call from outside.
func (c *call) abandon(why string) {
	c.stopOnce.Do(func() {
		c.abandoned = why
		c.cancel()
	})
}

// nudge fills a channel that only says that there is something to look at.
func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run is the life of the call.
func (c *call) run() {
	defer c.release()
	c.tell(Ringing, "")
	c.watchdog = time.NewTimer(c.g.opts.RingLimit)
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
	case e, ok := <-c.next.events():
		if ok {
			c.onSuccessor(e)
		}
	case fn := <-c.posted:
		fn()
	case <-c.poke:
		c.onMedia()
	case <-c.flowEnd():
		c.onAway()
	case <-c.returned:
		c.onReturn()
	case <-grace:
		c.onGraceOver()
	case <-c.watchdog.C:
		c.onWatch()
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
