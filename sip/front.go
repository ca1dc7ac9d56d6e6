package sip

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// front ends the browsers' WebSockets and hands their messages to sipgo.
type front struct {
	opts     *WebSocketOptions
	log      *slog.Logger
	bridge   *bridge
	upgrader websocket.Upgrader
	lastID   atomic.Uint64
	attach   func(*Flow) // makes the flow known to sipgo, before its first message
	detach   func(*Flow) // after its last
	lost     func(*Flow) // called once per flow that ended, from the flow's goroutine
	wg       sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	flows   map[string]*Flow // by synthetic address
	pending map[netip.Addr]int
}

const (
	readBuffer  = 512
	writeBuffer = 4096
)

func newFront(opts *WebSocketOptions, log *slog.Logger, lost func(*Flow)) *front {
	f := &front{
		opts: opts, log: log, lost: lost,
		bridge: newBridge(),
		flows:  make(map[string]*Flow), pending: make(map[netip.Addr]int),
	}
	f.upgrader = websocket.Upgrader{
		// A phone is silent most of the time: it keeps a small buffer to read and none to write.
		ReadBufferSize: readBuffer, WriteBufferSize: writeBuffer, WriteBufferPool: new(sync.Pool),
		HandshakeTimeout: opts.WriteTimeout,
		Subprotocols:     []string{"sip"},
		CheckOrigin:      f.originAllowed,
		Error: func(w http.ResponseWriter, _ *http.Request, status int, reason error) {
			http.Error(w, reason.Error(), status)
		},
	}
	return f
}

// originAllowed keeps foreign pages out. A client without Origin is no browser
// and has no cookies of one; it must show a password or a token like all others.
func (f *front) originAllowed(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false
	}
	if strings.EqualFold(u.Host, r.Host) {
		return true
	}
	return slices.ContainsFunc(f.opts.Origins, func(allowed string) bool {
		return allowed == "*" || strings.EqualFold(strings.TrimSuffix(allowed, "/"), origin)
	})
}

// ServeHTTP upgrades the request. The flow lives on when it has returned: a phone that
// is silent for hours should not keep the request and the stack of the HTTP server's goroutine.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !f.enter() {
		http.Error(w, "shutting down", http.StatusServiceUnavailable)
		return
	}
	defer f.wg.Done()
	if !slices.Contains(websocket.Subprotocols(r), "sip") {
		http.Error(w, `the WebSocket subprotocol must be "sip" (RFC 7118)`, http.StatusBadRequest)
		return
	}
	peer := f.opts.ClientAddr(r)
	if !f.reserve(peer) {
		http.Error(w, "too many flows", http.StatusServiceUnavailable)
		return
	}
	release := sync.OnceFunc(func() { f.release(peer) })
	ws, err := f.upgrader.Upgrade(w, r, nil)
	if err != nil {
		release()
		f.log.Info("websocket_refused", "peer", peer.String(), "origin", r.Header.Get("Origin"), "error", err)
		return // the upgrader has answered
	}
	flow := f.newFlow(ws, peer, f.cookie(r))
	flow.log().Info("flow_opened", "peer", peer.String(), "origin", r.Header.Get("Origin"))
	f.wg.Go(func() {
		defer release()
		f.run(flow, release)
	})
}

// cookie is the token of the page's login. Only a browser's Origin that was checked may bring one.
func (f *front) cookie(r *http.Request) string {
	if f.opts.CookieName == "" || r.Header.Get("Origin") == "" {
		return ""
	}
	cookie, err := r.Cookie(f.opts.CookieName)
	if err != nil {
		return ""
	}
	return cookie.Value
}

func (f *front) newFlow(ws *websocket.Conn, peer netip.Addr, cookie string) *Flow {
	id := FlowID(f.lastID.Add(1))
	flow := &Flow{
		id: id, source: id.addr().String(), peer: peer, cookie: cookie, ws: ws, opts: f.opts, bridge: f.bridge,
		front: f,
		done:  make(chan struct{}), admitted: make(chan struct{}),
	}
	flow.out.open(f.opts.Queue, f.opts.PingInterval, flow.write)
	flow.admit = sync.OnceFunc(func() { close(flow.admitted) })
	flow.conn = &flowConn{flow}
	return flow
}

// run serves the flow until it ends, and tells of it.
func (f *front) run(flow *Flow, settled func()) {
	var wg sync.WaitGroup
	wg.Go(func() { f.awaitRegister(flow, settled) })
	if err := f.add(flow); err != nil {
		flow.close(websocket.CloseGoingAway, err)
	} else {
		flow.read()
	}
	f.remove(flow)
	flow.out.wait()
	wg.Wait()
	flow.log().Info("flow_closed", "cause", fmt.Sprint(flow.cause), "code", flow.code)
	f.lost(flow)
}

// awaitRegister ends a flow that nobody logs in on. Who has logged in counts no longer as pending:
// a whole office comes back at once, and by one address, when its proxy or this daemon restarts.
func (f *front) awaitRegister(flow *Flow, settled func()) {
	timer := time.NewTimer(f.opts.RegisterTimeout)
	defer timer.Stop()
	select {
	case <-flow.admitted:
		settled()
	case <-timer.C:
		flow.close(websocket.ClosePolicyViolation, errPending)
	case <-flow.done:
	}
}

func (f *front) enter() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return false
	}
	f.wg.Add(1)
	return true
}

func (f *front) reserve(peer netip.Addr) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.flows) >= f.opts.MaxFlows || f.pending[peer] >= f.opts.MaxFlowsPerPeer {
		return false
	}
	f.pending[peer]++
	return true
}

func (f *front) release(peer netip.Addr) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pending[peer]--; f.pending[peer] <= 0 {
		delete(f.pending, peer)
	}
}

func (f *front) add(flow *Flow) error {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return ErrClosed
	}
	f.flows[flow.source] = flow
	f.mu.Unlock()
	f.attach(flow)
	return nil
}

func (f *front) remove(flow *Flow) {
	f.mu.Lock()
	delete(f.flows, flow.source)
	f.mu.Unlock()
	f.detach(flow)
}

// find returns the live flow with the synthetic address.
func (f *front) find(source string) *Flow {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.flows[source]
}

// close ends all flows and waits for them.
func (f *front) close() {
	f.mu.Lock()
	f.closed = true
	flows := make([]*Flow, 0, len(f.flows))
	for _, flow := range f.flows {
		flows = append(flows, flow)
	}
	f.mu.Unlock()
	for _, flow := range flows {
		flow.close(websocket.CloseGoingAway, ErrClosed)
	}
	f.wg.Wait()
}
