package phone

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

// registration is the phone's binding at its registrar.
type registration struct {
	busy sync.Mutex // one REGISTER at a time, in the order of CSeq (RFC 3261 section 10.2)

	mu     sync.Mutex
	callID string
	tag    string
	seq    uint32
	active bool
	stop   context.CancelFunc // ends the refresher
}

// Register binds the phone to its number for the given time and keeps the
// binding alive until Unregister, Close or Kill. It returns when the registrar
// has accepted or refused.
func (p *Phone) Register(ctx context.Context, expires time.Duration) error { //nolint:contextcheck // the refresher lives as long as the phone
	granted, err := p.register(ctx, expires)
	if err != nil {
		return err
	}
	refreshCtx, stop := context.WithCancel(p.ctx)
	p.reg.mu.Lock()
	if p.reg.stop != nil {
		p.reg.stop()
	}
	p.reg.stop, p.reg.active = stop, true
	p.reg.mu.Unlock()
	return p.background(func() { p.refresh(refreshCtx, granted) })
}

// Unregister removes the phone's binding.
func (p *Phone) Unregister(ctx context.Context) error {
	p.reg.mu.Lock()
	if p.reg.stop != nil {
		p.reg.stop()
		p.reg.stop = nil
	}
	p.reg.active = false
	p.reg.mu.Unlock()
	_, err := p.register(ctx, 0)
	return err
}

// Registered reports whether Register succeeded and Unregister was not called since.
func (p *Phone) Registered() bool {
	p.reg.mu.Lock()
	defer p.reg.mu.Unlock()
	return p.reg.active
}

// refresh repeats the REGISTER at half of the granted time.
func (p *Phone) refresh(ctx context.Context, granted time.Duration) {
	for {
		timer := time.NewTimer(max(granted/2, time.Second))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		next, err := p.register(ctx, granted)
		if err != nil {
			p.log.Warn("registration_refresh_failed", "error", err)
			continue
		}
		granted = next
	}
}

// register sends one REGISTER and returns the time that the registrar granted.
func (p *Phone) register(ctx context.Context, expires time.Duration) (time.Duration, error) {
	p.reg.busy.Lock()
	defer p.reg.busy.Unlock()
	res, err := p.do(ctx, p.registerRequest(expires), p.reg.nextSeq)
	if err != nil {
		return 0, fmt.Errorf("register %s at %s: %w", p.opts.User, p.opts.Server, err)
	}
	if !res.IsSuccess() {
		return 0, fmt.Errorf("register %s at %s: %w", p.opts.User, p.opts.Server,
			&StatusError{Method: "REGISTER", Status: res.StatusCode, Reason: res.Reason})
	}
	return grantedExpiry(res, expires), nil
}

func (p *Phone) registerRequest(expires time.Duration) *sip.Request {
	p.reg.mu.Lock()
	if p.reg.callID == "" {
		p.reg.callID, p.reg.tag = sip.GenerateTagN(24), sip.GenerateTagN(12)
	}
	callID, tag := sip.CallIDHeader(p.reg.callID), p.reg.tag
	p.reg.mu.Unlock()

	host, port := splitHostPort(p.opts.Domain)
	req := sip.NewRequest(sip.REGISTER, sip.Uri{Scheme: "sip", Host: host, Port: port})
	aor := sip.Uri{Scheme: "sip", User: p.opts.User, Host: host}
	from := &sip.FromHeader{DisplayName: p.opts.DisplayName, Address: aor}
	from.Params.Add("tag", tag)
	seconds := sip.ExpiresHeader(expires / time.Second) //nolint:gosec // a registration lasts less than a century
	req.AppendHeader(from)
	req.AppendHeader(&sip.ToHeader{Address: aor})
	req.AppendHeader(&callID)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: p.reg.nextSeq(), MethodName: sip.REGISTER})
	req.AppendHeader(p.contact())
	req.AppendHeader(&seconds)
	req.AppendHeader(sip.NewHeader("Allow", allow))
	req.AppendHeader(sip.NewHeader("User-Agent", userAgent))
	req.SetDestination(p.opts.Server)
	return req
}

func (r *registration) nextSeq() uint32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seq++
	return r.seq
}

// grantedExpiry is what the registrar's Contact or Expires says, else what was asked.
func grantedExpiry(res *sip.Response, asked time.Duration) time.Duration {
	text := ""
	if header := res.GetHeader("Expires"); header != nil {
		text = header.Value()
	}
	if contact := res.Contact(); contact != nil {
		text = contact.Params.GetOr("expires", text)
	}
	if seconds, err := strconv.Atoi(strings.TrimSpace(text)); err == nil && seconds > 0 {
		return time.Duration(seconds) * time.Second
	}
	return asked
}

func splitHostPort(s string) (host string, port int) {
	host, text, found := strings.Cut(s, ":")
	if found {
		if n, err := strconv.Atoi(text); err == nil {
			port = n
		}
	}
	return host, port
}
