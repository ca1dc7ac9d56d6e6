package sip

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"

	"github.com/emiago/sipgo/sip"
)

// Endpoint is the daemon's SIP side: one set of sockets, one registrar.
type Endpoint struct {
	opts      Options
	log       *slog.Logger
	front     *front
	stack     *stack
	registrar *registrar

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup // request handlers

	cancels   earlyCancels
	addresses addressBook
	trip      func(context.Context, *sip.Request) (*sip.Response, error) // of upstream registrations

	mu      sync.Mutex
	closed  bool
	dialogs map[dialogKey]*Dialog
}

// New opens the sockets and starts to serve. Close must be called.
func New(opts Options) (*Endpoint, error) {
	if err := opts.setDefaults(); err != nil {
		return nil, err
	}
	library.to.Store(opts.Log)
	ctx, cancel := context.WithCancel(context.Background())
	e := &Endpoint{opts: opts, log: opts.Log, ctx: ctx, cancel: cancel, dialogs: make(map[dialogKey]*Dialog)}
	e.trip = e.roundTrip
	e.cancels.waiting = make(map[string]chan struct{})
	e.registrar = newRegistrar(&e.opts.Registrar, e.log, e.moveDialogs)
	e.front = newFront(&e.opts.WebSocket, e.log, e.flowLost)
	var err error
	if e.stack, err = newStack(&e.opts, e.front, e.expect, e.handle, e.onStray); err != nil {
		cancel()
		e.registrar.close()
		return nil, err
	}
	e.stack.serve()
	return e, nil
}

// WebSocket is the handler of the path that browsers connect to.
func (e *Endpoint) WebSocket() http.Handler { return e.front }

// Locate finds the phone of a DN.
func (e *Endpoint) Locate(dn string) (Location, error) { return e.registrar.locate(dn) }

// AddrUDP and AddrTCP are the sockets towards upstreams, nil where none is open.
func (e *Endpoint) AddrUDP() net.Addr {
	if e.stack.udp == nil {
		return nil
	}
	return e.stack.udp.LocalAddr()
}

// AddrTCP is the TCP socket towards upstreams.
func (e *Endpoint) AddrTCP() net.Addr {
	if e.stack.tcp == nil {
		return nil
	}
	return e.stack.tcp.Addr()
}

// Close ends all flows and sockets and returns when every goroutine is gone.
func (e *Endpoint) Close() {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return
	}
	e.closed = true
	e.mu.Unlock()
	e.cancel()
	e.registrar.drain()
	e.endAll()
	e.wg.Wait()
	e.stack.close()
	e.registrar.close()
}

func (e *Endpoint) flowLost(flow *Flow) { e.registrar.flowLost(flow) }

// enter counts a handler in, unless the endpoint is closing.
func (e *Endpoint) enter() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	e.wg.Add(1)
	return true
}

// handle takes every request that opened a server transaction, on the transaction's goroutine.
func (e *Endpoint) handle(req *sip.Request, tx *sip.ServerTx) {
	if req.Method == sip.ACK {
		defer tx.Terminate() // an ACK has no response that would end it
	}
	if !e.enter() {
		e.reply(req, tx, refuse(503, "Shutting Down"))
		return
	}
	defer e.wg.Done()
	defer e.handled(req)
	if err := usable(req); err != nil { // over TCP nobody has looked yet
		e.reply(req, tx, refusalFor(err))
		return
	}
	if extensions := unsupported(req); len(extensions) > 0 {
		bad := refuse(420, "Bad Extension")
		for _, extension := range extensions {
			bad.headers = append(bad.headers, sip.NewHeader("Unsupported", extension))
		}
		e.reply(req, tx, bad)
		return
	}
	e.dispatch(req, tx)
}

func (e *Endpoint) dispatch(req *sip.Request, tx *sip.ServerTx) {
	flow := e.flowOf(req)
	_, inDialog := req.To().Params.Get("tag")
	newCall := req.GetHeader(newCallHeader) != nil
	switch {
	case req.Method == sip.REGISTER:
		e.reply(req, tx, e.registrar.register(e.ctx, req, flow))
	case newCall:
		e.onNewCall(req, tx, flow)
	case req.Method == sip.CANCEL:
		e.onCancel(req, tx)
	case inDialog:
		e.onInDialog(req, tx, flow)
	case req.Method == sip.OPTIONS:
		e.reply(req, tx, answer{status: 200, reason: "OK", headers: []sip.Header{sip.NewHeader("Accept", "application/sdp")}})
	case req.Method == sip.ACK:
	case req.Method == sip.NOTIFY: // message waiting and what else a PBX sends unasked
		e.reply(req, tx, refuse(200, "OK"))
	case req.Method == sip.SUBSCRIBE:
		e.reply(req, tx, refuse(489, "Bad Event"))
	case req.Method == sip.BYE, req.Method == sip.UPDATE, req.Method == sip.INFO, req.Method == sip.PRACK, req.Method == sip.REFER:
		e.reply(req, tx, refuse(481, "Call/Transaction Does Not Exist"))
	default:
		e.reply(req, tx, refuse(405, "Method Not Allowed"))
	}
}

// flowOf returns the flow that a request came by; nil for upstreams.
func (e *Endpoint) flowOf(req *sip.Request) *Flow {
	if req.Transport() != transportWS {
		return nil
	}
	return e.front.find(req.Source())
}

const transportWS = "WS"

// reply sends a final response.
func (e *Endpoint) reply(req *sip.Request, tx *sip.ServerTx, a answer) {
	if req.Method == sip.ACK {
		return
	}
	res := sip.NewResponseFromRequest(req, a.status, a.reason, nil)
	res.SipVersion = "SIP/2.0" // whatever the request's was
	for _, header := range a.headers {
		res.AppendHeader(header)
	}
	res.AppendHeader(sip.NewHeader("Server", e.opts.UserAgent))
	if a.status == 200 || a.status == 405 {
		res.AppendHeader(sip.NewHeader("Allow", allow))
		res.AppendHeader(sip.NewHeader("Supported", supported))
	}
	if err := tx.Respond(res); err != nil {
		e.log.Debug("response_failed", "method", req.Method.String(), "status", a.status, "error", err)
	}
}
