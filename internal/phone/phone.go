package phone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"

	"sidecar/internal/sipsocket"
)

const (
	// maxWaiting bounds the incoming calls that nobody has taken yet: beyond it they get 486.
	maxWaiting = 256
	// closeTimeout is how long Close waits for the answers to its BYEs and its un-registration.
	closeTimeout = 2 * time.Second
)

// Phone is a SIP telephone. Make one with New, end it with Close.
type Phone struct {
	opts   Options
	log    *slog.Logger
	ip     netip.Addr
	local  netip.AddrPort
	socket *sipsocket.Socket
	agent  *sipgo.UserAgent
	client *sipgo.Client
	ctx    context.Context //nolint:containedctx // the phone's life, which outlasts the call of New
	cancel context.CancelFunc
	wg     sync.WaitGroup
	reg    registration

	sending     sync.RWMutex // held for reading while something is handed to sipgo
	sendingOver bool

	mu      sync.Mutex
	closing bool             // no new calls
	dead    bool             // nothing new at all
	calls   map[string]*Call // by Call-ID and our tag
	waiting []*Call
	arrived chan struct{} // closed and replaced with every incoming call
}

// New opens the phone's socket and starts to listen. It does not register. When
// ctx ends the phone drops dead, without a word to anybody; Close is the polite way.
func New(ctx context.Context, opts Options) (*Phone, error) {
	bind, err := opts.normalise()
	if err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	conn, err := lc.ListenPacket(ctx, "udp", bind.String())
	if err != nil {
		return nil, fmt.Errorf("open the SIP socket: %w", err)
	}
	local := conn.LocalAddr().(*net.UDPAddr).AddrPort() // a UDP socket has a UDPAddr
	p := &Phone{
		opts: opts, log: opts.Logger.With("phone", opts.User), ip: bind.Addr(), socket: sipsocket.New(conn),
		local: netip.AddrPortFrom(bind.Addr(), local.Port()),
		calls: map[string]*Call{}, arrived: make(chan struct{}),
	}
	p.ctx, p.cancel = context.WithCancel(ctx)
	if err := p.listen(); err != nil {
		p.cancel()
		return nil, errors.Join(err, conn.Close())
	}
	p.wg.Go(func() {
		<-p.ctx.Done()
		p.dropDead()
	})
	return p, nil
}

// Addr is the address that the phone signals from.
func (p *Phone) Addr() netip.AddrPort { return p.local }

// User is the phone's number.
func (p *Phone) User() string { return p.opts.User }

// Calls returns the calls that have not ended, in no particular order.
func (p *Phone) Calls() []*Call {
	p.mu.Lock()
	calls := make([]*Call, 0, len(p.calls))
	for _, c := range p.calls {
		calls = append(calls, c)
	}
	p.mu.Unlock()
	return slices.DeleteFunc(calls, func(c *Call) bool { return c.State() == Ended })
}

// WaitCall returns the next incoming call that was not returned yet, oldest
// first. It has rung already unless the phone's mode is Manual, and it may have
// been answered, or given up by the caller, in between.
func (p *Phone) WaitCall(ctx context.Context) (*Call, error) {
	for {
		p.mu.Lock()
		arrived, closing := p.arrived, p.closing
		if len(p.waiting) > 0 {
			c := p.waiting[0]
			p.waiting = p.waiting[1:]
			p.mu.Unlock()
			return c, nil
		}
		p.mu.Unlock()
		if closing {
			return nil, fmt.Errorf("phone %s waits for a call: %w", p.opts.User, ErrClosed)
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return nil, fmt.Errorf("phone %s waits for a call: %w", p.opts.User, context.Cause(ctx))
		}
	}
}

// Close hangs up whatever is up, un-registers, and returns when nothing of the
// phone is left running.
func (p *Phone) Close() error {
	p.mu.Lock()
	p.closing = true
	p.mu.Unlock()
	// A closing phone takes no new call, but still needs its stack to end the old ones.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.ctx), closeTimeout)
	defer cancel()
	var wg sync.WaitGroup
	if p.ctx.Err() == nil {
		for _, c := range p.Calls() {
			wg.Go(func() {
				if err := c.Hangup(ctx); err != nil {
					p.log.Debug("hangup_at_close_failed", "error", err)
				}
			})
		}
		wg.Wait()
		if p.Registered() {
			if err := p.Unregister(ctx); err != nil {
				p.log.Debug("unregister_at_close_failed", "error", err)
			}
		}
	}
	return p.Kill()
}

// Kill ends the phone as a power cut does: no BYE, no un-registration. Its peers
// find out by themselves.
func (p *Phone) Kill() error {
	p.cancel()
	p.wg.Wait()
	return nil
}

// dropDead runs once, when the phone's context ends.
func (p *Phone) dropDead() {
	p.mu.Lock()
	p.closing, p.dead = true, true
	calls := make([]*Call, 0, len(p.calls))
	for _, c := range p.calls {
		calls = append(calls, c)
	}
	close(p.arrived)
	p.mu.Unlock()
	for _, c := range calls {
		c.finish(EndCause{Local: true, Reason: "the phone was closed"})
	}
	p.closeStack()
}

// enter counts a handler or goroutine in, so that Kill waits for it; false when the phone
// is dead. Until then one goroutine always is counted, so Add never meets a finished Wait.
func (p *Phone) enter() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead {
		return false
	}
	p.wg.Add(1)
	return true
}

func (p *Phone) isClosing() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closing
}

// background runs f on a goroutine that Kill waits for.
func (p *Phone) background(f func()) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead {
		return ErrClosed
	}
	p.wg.Go(f)
	return nil
}

func callKey(callID, localTag string) string { return callID + " " + localTag }

func (p *Phone) remember(c *Call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls[callKey(c.dialog.callID, c.dialog.local.tag)] = c
}

func (p *Phone) forget(c *Call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.calls, callKey(c.dialog.callID, c.dialog.local.tag))
}

// find returns the call whose dialog an incoming request belongs to, or nil.
func (p *Phone) find(req *sip.Request) *Call {
	if req.To() == nil || req.CallID() == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[callKey(req.CallID().Value(), req.To().Params.GetOr("tag", ""))]
}

// deliver hands a call to WaitCall; false when too many are waiting already.
func (p *Phone) deliver(c *Call) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing || len(p.waiting) >= maxWaiting {
		return false
	}
	p.waiting = append(p.waiting, c)
	close(p.arrived)
	p.arrived = make(chan struct{})
	return true
}

func (p *Phone) contact() *sip.ContactHeader {
	return &sip.ContactHeader{Address: sip.Uri{Scheme: "sip", User: p.opts.User, Host: p.ip.String(), Port: int(p.local.Port())}}
}
