package sip

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"

	"github.com/emiago/sipgo/sip"
	"golang.org/x/time/rate"

	"sidecar/internal/sipsocket"
)

// stack is sipgo's transports and transactions, without its client and server:
// those end a transaction when its handler returns, and see messages only after
// they were handed to goroutines of their own, out of order.
type stack struct {
	log       *slog.Logger
	transport *sip.TransportLayer
	tx        *sip.TransactionLayer
	front     *front
	udp       *sipsocket.Socket
	tcp       *door
	wg        sync.WaitGroup // the listeners
	refusals  *rate.Limiter  // owned by the goroutine that reads datagrams

	// Held while something is sent: sipgo must not find its sockets gone (see close).
	sending sync.RWMutex
	over    bool
}

// newStack opens the sockets and builds the layers; serve starts them. expect sees every message as it is read, handle gets every
// request that opens a server transaction, each on a goroutine of its own, and stray the responses that belong to no transaction.
func newStack(opts *Options, front *front, expect func(sip.Message), handle func(*sip.Request, *sip.ServerTx), stray func(*sip.Response)) (*stack, error) {
	s := &stack{log: opts.Log, front: front, refusals: rate.NewLimiter(refusalRate, refusalBurst)}
	front.attach, front.detach = s.attach, s.detach
	var config net.ListenConfig
	if opts.ListenUDP != "" {
		conn, err := config.ListenPacket(context.Background(), "udp", opts.ListenUDP)
		if err != nil {
			return nil, fmt.Errorf("listen for SIP on udp %s: %w", opts.ListenUDP, err)
		}
		s.udp = sipsocket.New(conn)
	}
	if opts.ListenTCP != "" {
		listener, err := config.Listen(context.Background(), "tcp", opts.ListenTCP)
		if err != nil {
			if s.udp != nil {
				err = errors.Join(err, s.udp.Close())
			}
			return nil, fmt.Errorf("listen for SIP on tcp %s: %w", opts.ListenTCP, err)
		}
		s.tcp = newDoor(listener)
	}
	s.build(opts.TLS, expect, handle, stray)
	return s, nil
}

func (s *stack) build(trust *tls.Config, expect func(sip.Message), handle func(*sip.Request, *sip.ServerTx), stray func(*sip.Response)) {
	// sipgo logs whole messages, credentials included, when it can't parse them.
	quiet := slog.New(slog.DiscardHandler)
	// Addresses are resolved before a request gets here; what sipgo would look up is the host of somebody's Via.
	resolver := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, errNoLookups }}
	s.transport = sip.NewTransportLayer(resolver, sip.NewParser(), trust,
		sip.WithTransportLayerLogger(quiet),
		sip.WithTransportLayerReadFilter(s.filterDatagram),
		sip.WithTransportLayerTransports(sip.TransportsConfig{WS: &sip.TransportWS{
			// A flow that ended can't be dialled, the address is ours alone: no URI, no dialling.
			DialURI: func(string) string { return "" },
		}}))
	// Before the transaction layer, in the socket's reading goroutine and so in the order of arrival.
	s.transport.OnMessage(s.front.bridge.adopt)
	if s.tcp != nil {
		s.transport.OnMessage(func(msg sip.Message) {
			if msg.Transport() == transportTCP {
				s.tcp.heard(msg.Source())
			}
		})
	}
	s.transport.OnMessage(expect) // before tagInvite: what has no tag yet belongs to no dialog
	s.transport.OnMessage(tagInvite)
	s.tx = sip.NewTransactionLayer(s.transport,
		sip.WithTransactionLayerLogger(quiet),
		sip.WithTransactionLayerTerminateOnConnClose(),
		sip.WithTransactionLayerUnhandledResponseHandler(stray))
	s.tx.OnRequest(handle)
}

// tagInvite gives the request the tag that all responses to it will carry. sipgo
// makes the 487 of a cancelled INVITE by itself, from the request, and would invent a tag of its own.
func tagInvite(msg sip.Message) {
	req, ok := msg.(*sip.Request)
	if !ok {
		return
	}
	for req.RemoveHeader(newCallHeader) { // a stranger may know the name
	}
	if req.Method != sip.INVITE || req.To() == nil || req.To().Params.Has("tag") {
		return
	}
	req.To().Params.Add("tag", sip.GenerateTagN(16))
	req.AppendHeader(sip.NewHeader(newCallHeader, "1"))
}

// newCallHeader marks an INVITE that came without a To tag; it never leaves the process.
const newCallHeader = "X-Sidecar-New-Call"

// filterDatagram keeps datagrams away from the transactions that are no usable message. The sender of what looks like
// a request is told, at no more than a few times a second: it may be anybody, under anybody's address.
func (s *stack) filterDatagram(info sip.TransportReadProps, data []byte) ([]byte, error) {
	if info.Transport != transportUDP || info.LocalAddr == s.front.bridge.addr {
		return data, nil // TCP is a stream, WebSocket messages passed the door
	}
	if _, ok := keepAlive(data); ok {
		return nil, nil
	}
	_, err := screen(data)
	if err == nil {
		return data, nil
	}
	s.log.Debug("datagram_refused", "source", info.RemoteAddr.String(), "error", err)
	answer := refusal(data, refusalFor(err))
	if answer != nil && s.refusals.Allow() {
		s.sendRefusal(answer, info.RemoteAddr)
	}
	return nil, nil // an error would end the listener
}

func (s *stack) sendRefusal(answer []byte, to net.Addr) {
	if _, err := s.udp.WriteTo(answer, to); err != nil {
		s.log.Debug("response_failed", "status", 400, "error", err)
	}
}

const (
	refusalRate  = 20.0
	refusalBurst = 50
)

// serve starts to read. Requests come from here on, so whoever handles them must know the stack before.
func (s *stack) serve() {
	s.wg.Go(func() { s.ended("ws", s.transport.ServeUDP(s.front.bridge)) })
	if s.tcp != nil {
		s.wg.Go(func() { s.ended("tcp", s.transport.ServeTCP(s.tcp)) })
	}
	if s.udp != nil {
		s.wg.Go(func() {
			s.ended("udp", s.transport.ServeUDP(s.udp))
			s.udp.Park()
		})
		<-s.udp.Ready()
	}
}

func (s *stack) ended(transport string, err error) {
	if err != nil && !errors.Is(err, net.ErrClosed) {
		s.log.Error("sip_listener_failed", "transport", transport, "error", err)
	}
}

// attach makes a flow the connection of its address.
func (s *stack) attach(flow *Flow) { s.transport.Pool(transportWS).Add(flow.source, flow.conn) }

// detach ends the flow's transactions: the client isn't there to go on with them.
func (s *stack) detach(flow *Flow) {
	// A transaction that is just being started is known already and has no state yet: sipgo 1.7.2 would end it by a nil
	// pointer (transaction_layer.go, clientTxRequest before Init).
	flow.starting.Lock()
	defer flow.starting.Unlock()
	s.transport.Pool(transportWS).Delete(flow.source)
	s.tx.OnConnectionClose(flow.conn)
}

// request starts a client transaction.
func (s *stack) request(ctx context.Context, req *sip.Request) (*sip.ClientTx, error) {
	s.sending.RLock()
	defer s.sending.RUnlock()
	flow, err := s.sendable(req)
	if err != nil {
		return nil, fmt.Errorf("send %s: %w", req.Method, err)
	}
	if flow != nil {
		flow.starting.RLock()
		defer flow.starting.RUnlock()
	}
	tx, err := s.tx.Request(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("send %s: %w", req.Method, err)
	}
	return tx, nil
}

// write sends a request without a transaction: the ACK of a 2xx.
func (s *stack) write(req *sip.Request) error {
	s.sending.RLock()
	defer s.sending.RUnlock()
	if _, err := s.sendable(req); err != nil {
		return fmt.Errorf("send %s: %w", req.Method, err)
	}
	if err := s.transport.WriteMsg(req); err != nil {
		return fmt.Errorf("send %s: %w", req.Method, err)
	}
	return nil
}

// sendable checks the connection before sipgo looks for it and dials. It gives the flow of a request that goes to a browser.
func (s *stack) sendable(req *sip.Request) (*Flow, error) {
	if s.over {
		return nil, ErrClosed
	}
	if req.Transport() != transportWS {
		return nil, nil //nolint:nilnil // a datagram and a TCP stream have no flow
	}
	flow := s.front.find(req.Destination())
	if flow == nil {
		return nil, ErrFlowGone
	}
	return flow, nil
}

// close ends sipgo. The order keeps it from opening sockets of its own: it does
// so for every message that finds the listening one gone, and nothing closes
// those. So first nothing is read any more, then nothing is sent, then all is closed. Goroutines of sipgo that still carry what
// was read can't be waited for; they find a grave.
func (s *stack) close() {
	s.front.close()
	if err := s.front.bridge.Close(); err != nil {
		s.log.Debug("bridge_close_failed", "error", err)
	}
	if s.udp != nil {
		s.udp.Pause()
	}
	s.sending.Lock()
	s.over = true
	s.sending.Unlock()
	s.tx.Close()
	if s.udp != nil {
		s.udp.Bury(s.transport.Pool(transportUDP), ErrClosed)
	}
	for _, network := range []string{transportTCP, "TLS", transportWS} { // that of UDP has nothing of sipgo's, and holds the graves
		if err := s.transport.Pool(network).Clear(); err != nil {
			s.log.Debug("sip_close_failed", "transport", network, "error", err)
		}
	}
	if s.tcp != nil {
		if err := s.tcp.Close(); err != nil {
			s.log.Debug("sip_listener_close_failed", "error", err)
		}
	}
	if s.udp != nil {
		if err := s.udp.Close(); err != nil {
			s.log.Debug("sip_socket_close_failed", "error", err)
		}
	}
	s.wg.Wait()
}
