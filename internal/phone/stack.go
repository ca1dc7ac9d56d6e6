package phone

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// listen builds the SIP stack on the socket and waits until it reads from it.
func (p *Phone) listen() error {
	var err error
	p.agent, err = sipgo.NewUA(
		sipgo.WithUserAgent(p.opts.User), sipgo.WithUserAgentHostname(p.ip.String()),
		sipgo.WithUserAgentTransportLayerOptions(sip.WithTransportLayerLogger(p.log)),
		sipgo.WithUserAgentTransactionLayerOptions(
			sip.WithTransactionLayerLogger(p.log),
			sip.WithTransactionLayerUnhandledResponseHandler(func(res *sip.Response) {
				p.log.Debug("late_response", "response", res.Short())
			}),
		),
	)
	if err != nil {
		return fmt.Errorf("start the SIP stack: %w", err)
	}
	// All requests leave from the socket we listen on: peers that know a phone by its address depend on it.
	p.client, err = sipgo.NewClient(p.agent, sipgo.WithClientConnectionAddr(p.local.String()), sipgo.WithClientNAT(), sipgo.WithClientLogger(p.log))
	if err != nil {
		return fmt.Errorf("start the SIP client: %w", err)
	}
	server, err := sipgo.NewServer(p.agent, sipgo.WithServerLogger(p.log))
	if err != nil {
		return fmt.Errorf("start the SIP server: %w", err)
	}
	p.handle(server)
	p.wg.Go(func() {
		if err := server.ServeUDP(p.socket); err != nil {
			p.log.Debug("sip_listener_ended", "error", err)
		}
		p.socket.park()
	})
	<-p.socket.ready
	return nil
}

// closeStack ends sipgo and the socket. The order keeps sipgo from opening
// sockets of its own: it does so for every message, in or out, that finds the
// listening one gone, and nothing ever closes those. So first nothing is read any more,
// then nothing is sent, then all is closed. Goroutines of sipgo that still carry what was
// read can't be waited for; they find a grave.
func (p *Phone) closeStack() {
	p.socket.pause()
	p.sending.Lock()
	defer p.sending.Unlock()
	p.sendingOver = true
	// Not the agent: it would clear the pool, graves and all. A phone has no connection but its socket.
	p.agent.TransactionLayer().Close()
	p.socket.bury(p.agent.TransportLayer().Pool("udp"))
	if err := p.socket.Close(); err != nil { // which only says that it was closed already
		p.log.Debug("sip_socket_close_failed", "error", err)
	}
}

// transact starts a transaction of ours.
func (p *Phone) transact(ctx context.Context, req *sip.Request) (sip.ClientTransaction, error) {
	p.sending.RLock()
	defer p.sending.RUnlock()
	if p.sendingOver {
		return nil, fmt.Errorf("send %s: %w", req.Method, ErrClosed)
	}
	tx, err := p.client.TransactionRequest(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("send %s: %w", req.Method, err)
	}
	return tx, nil
}

// write sends a request that has no transaction: ACK.
func (p *Phone) write(req *sip.Request) error {
	p.sending.RLock()
	defer p.sending.RUnlock()
	if p.sendingOver {
		return fmt.Errorf("send %s: %w", req.Method, ErrClosed)
	}
	if err := p.client.WriteRequest(req); err != nil {
		return fmt.Errorf("send %s: %w", req.Method, err)
	}
	return nil
}

// roundTrip sends a request other than INVITE and returns its final response.
func (p *Phone) roundTrip(ctx context.Context, req *sip.Request) (*sip.Response, error) {
	tx, err := p.transact(ctx, req)
	if err != nil {
		return nil, err
	}
	defer tx.Terminate()
	for {
		select {
		case res := <-tx.Responses():
			if !res.IsProvisional() {
				return res, nil
			}
		case <-tx.Done():
			return nil, fmt.Errorf("%s to %s: %w", req.Method, req.Destination(), tx.Err())
		case <-ctx.Done():
			return nil, fmt.Errorf("%s to %s: %w", req.Method, req.Destination(), context.Cause(ctx))
		}
	}
}

// do is roundTrip with the answer to a challenge.
func (p *Phone) do(ctx context.Context, req *sip.Request, nextSeq func() uint32) (*sip.Response, error) {
	for {
		res, err := p.roundTrip(ctx, req)
		if err != nil || !challenged(res) {
			return res, err
		}
		if req, err = p.authorise(req, res, nextSeq()); err != nil {
			return nil, err
		}
	}
}

// recent is how many messages may be under way within sipgo when all ends.
const recent = 256

// socket is the signalling socket with a door that can be shut without sipgo noticing.
type socket struct {
	net.PacketConn
	ready   chan struct{} // closed when it is read for the first time: only then sipgo knows it
	once    sync.Once
	paused  atomic.Bool
	parked  chan struct{} // closed when the reader has handed over all that it read
	parking sync.Once
	closed  chan struct{}

	senders [recent]net.Addr // of the last messages; the reader's until it is parked
	read    int
}

func newSocket(conn net.PacketConn) *socket {
	return &socket{PacketConn: conn, ready: make(chan struct{}), parked: make(chan struct{}), closed: make(chan struct{})}
}

func (s *socket) ReadFrom(b []byte) (int, net.Addr, error) {
	s.once.Do(func() { close(s.ready) })
	n, addr, err := s.PacketConn.ReadFrom(b)
	if err == nil {
		s.senders[s.read%recent] = addr
		s.read++
	}
	if errors.Is(err, os.ErrDeadlineExceeded) && s.paused.Load() {
		s.park()
		<-s.closed
		return 0, nil, net.ErrClosed
	}
	return n, addr, err //nolint:wrapcheck // sipgo compares with net.ErrClosed
}

func (s *socket) park() { s.parking.Do(func() { close(s.parked) }) }

// pause stops reading and returns when what was read has been taken over.
func (s *socket) pause() {
	s.paused.Store(true)
	if err := s.SetReadDeadline(time.Unix(1, 0)); err != nil {
		return // closed already
	}
	<-s.parked
}

// bury lets those whose messages may be under way find a connection that is none. Where it finds nothing sipgo opens a
// socket to answer, and a process that stands still or is crowded may let it look at any later time.
func (s *socket) bury(pool *sip.ConnectionPool) {
	for _, sender := range s.senders {
		if sender != nil {
			pool.Add(sender.String(), grave{s.LocalAddr()})
		}
	}
}

func (s *socket) Close() error {
	close(s.closed)
	return s.PacketConn.Close() //nolint:wrapcheck // wraps nothing
}

// grave is a connection that was.
type grave struct{ local net.Addr }

func (g grave) LocalAddr() net.Addr      { return g.local }
func (grave) WriteMsg(sip.Message) error { return ErrClosed }
func (grave) Ref(int) int                { return 1 }
func (grave) TryClose() (int, error)     { return 1, nil }
func (grave) Close() error               { return nil }
