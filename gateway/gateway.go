package gateway

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"

	"sidecar/sip"
)

// Gateway joins browsers and upstreams. Make one with New, end it with Close.
type Gateway struct {
	opts     Options
	log      *slog.Logger
	told     func(sip.RegistrationEvent)
	endpoint *sip.Endpoint
	ready    chan struct{} // closed when endpoint is set: its sockets are open before New has it

	ctx    context.Context // of all calls; ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup // calls and settling lines; entered under mu while not closed

	mu       sync.Mutex
	closed   bool
	draining bool
	lines    map[string]*line
	calls    map[*call]struct{}
	legs     map[string]*call // by the leg's name
	changed  chan struct{}    // closed and replaced when a call leaves
}

// New opens the sockets and starts to serve.
func New(opts Options) (*Gateway, error) {
	if err := opts.setDefaults(); err != nil {
		return nil, err
	}
	g := &Gateway{
		opts: opts, log: opts.Log, told: opts.SIP.Registrar.OnEvent, ready: make(chan struct{}),
		lines: make(map[string]*line), calls: make(map[*call]struct{}), legs: make(map[string]*call), changed: make(chan struct{}),
	}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	opts.SIP.OnCall = g.onCall
	opts.SIP.Registrar.OnEvent = func(e sip.RegistrationEvent) {
		<-g.ready
		g.onRegistration(e)
	}
	endpoint, err := sip.New(opts.SIP)
	if err != nil {
		g.cancel()
		close(g.ready)
		return nil, fmt.Errorf("gateway: %w", err)
	}
	g.endpoint = endpoint
	close(g.ready)
	return g, nil
}

// WebSocket is the handler of the path that browsers connect to.
func (g *Gateway) WebSocket() http.Handler { return g.endpoint.WebSocket() }

// AddrUDP is the SIP socket towards upstreams.
func (g *Gateway) AddrUDP() net.Addr { return g.endpoint.AddrUDP() }

// AddrTCP is the SIP socket towards upstreams, nil when none is open.
func (g *Gateway) AddrTCP() net.Addr { return g.endpoint.AddrTCP() }

// Calls is the number of calls that are not over.
func (g *Gateway) Calls() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.calls)
}

// Close hangs up all calls, closes the endpoint and returns when nothing is left running. The DNs stay registered
// upstream, for the process that comes next.
func (g *Gateway) Close() {
	g.mu.Lock()
	again := g.closed
	g.closed = true
	g.mu.Unlock()
	if again {
		return
	}
	g.cancel()
	g.wg.Wait()
	g.keepLines()
	g.endpoint.Close()
}

// onCall takes an INVITE that begins a call.
func (g *Gateway) onCall(d *sip.Dialog, in sip.Call) {
	<-g.ready
	no := g.admit(d, in)
	if no != nil {
		g.log.Info("call_refused", "to", in.To, "from", in.From, "source", in.Source, "status", no.status, "reason", no.text)
		if err := d.Reject(no.status, no.text, nil); err != nil {
			g.log.Debug("reject_failed", "error", err)
		}
	}
}

// refusal is a final response of ours.
type refusal struct {
	status int
	text   string
}

// admit starts a call, or says why not.
func (g *Gateway) admit(d *sip.Dialog, in sip.Call) *refusal {
	c := newCall(g, in)
	var ok bool
	if c.up, ok = g.opts.Upstream(c.dn); !ok {
		return &refusal{404, "No Such DN " + c.dn}
	}
	if c.inbound {
		if !c.up.calls(in.Source) {
			return &refusal{403, "Calls Come From the DN's PBX Only"}
		}
		if _, err := g.endpoint.Locate(c.dn); err != nil {
			return &refusal{480, "DN Has No Phone Now"}
		}
		c.upstream, c.leg = d, newLeg()
		if c.up.paired() {
			c.leg, c.resumed = legOf(in.Headers), in.Headers.Get(ResumeHeader) != ""
		}
	} else {
		c.leg = newLeg()
		c.setBrowser(d)
	}
	c.ctx, c.cancel = context.WithCancel(g.ctx)
	c.log = g.log.With("dn", c.dn, "leg", c.leg)
	return g.start(c)
}

// start runs the call, unless the DN has enough.
func (g *Gateway) start(c *call) *refusal {
	g.mu.Lock()
	defer g.mu.Unlock()
	no := g.refuseLocked(c)
	if no != nil {
		c.cancel()
		return no
	}
	if g.legs[c.leg] != nil { // a name that is in use names nobody else
		c.leg = newLeg()
		c.log = g.log.With("dn", c.dn, "leg", c.leg)
	}
	g.calls[c], g.legs[c.leg] = struct{}{}, c
	g.wg.Go(c.run)
	return nil
}

// ownCalls is how many calls a phone may make at once, whatever may come in: no agent has so many, but a page that
// runs wild would take all ports.
const ownCalls = 8

func (g *Gateway) refuseLocked(c *call) *refusal {
	if g.closed {
		return &refusal{503, "Shutting Down"}
	}
	if g.draining {
		return &refusal{503, "Draining"}
	}
	limit := c.up.CallLimit
	if limit == 0 {
		limit = g.opts.CallLimit
	}
	others := 0
	for other := range g.calls {
		if other.dn == c.dn {
			others++
		}
	}
	switch {
	case c.inbound && others >= limit:
		return &refusal{486, "Busy Here"}
	case !c.inbound && others >= max(limit, ownCalls):
		return &refusal{486, "Too Many Calls"}
	}
	return nil
}

func (g *Gateway) leave(c *call) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.calls, c)
	delete(g.legs, c.leg)
	close(g.changed)
	g.changed = make(chan struct{})
}

// ofDN are the calls of a DN now.
func (g *Gateway) ofDN(dn string) []*call {
	g.mu.Lock()
	defer g.mu.Unlock()
	var calls []*call
	for c := range g.calls {
		if c.dn == dn {
			calls = append(calls, c)
		}
	}
	return calls
}
