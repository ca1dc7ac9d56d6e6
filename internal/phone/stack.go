package phone

import (
	"context"
	"fmt"

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
		p.socket.Park()
	})
	<-p.socket.Ready()
	return nil
}

// closeStack ends sipgo and the socket. The order keeps sipgo from opening
// sockets of its own: it does so for every message, in or out, that finds the
// listening one gone, and nothing ever closes those. So first nothing is read any more,
// then nothing is sent, then all is closed. Goroutines of sipgo that still carry what was
// read can't be waited for; they find a grave.
func (p *Phone) closeStack() {
	p.socket.Pause()
	p.sending.Lock()
	defer p.sending.Unlock()
	p.sendingOver = true
	// Not the agent: it would clear the pool, graves and all. A phone has no connection but its socket.
	p.agent.TransactionLayer().Close()
	p.socket.Bury(p.agent.TransportLayer().Pool("udp"), ErrClosed)
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
