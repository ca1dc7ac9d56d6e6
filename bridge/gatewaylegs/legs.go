package gatewaylegs

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"

	"sidecar/bridge"
	"sidecar/gateway"
)

// ErrNotAttached says that there is no gateway, or not yet.
var ErrNotAttached = errors.New("the gateway is not there")

// Gateway commands the phones.
type Gateway interface {
	Abilities(leg string) gateway.Abilities
	Lost(dn, leg string) bool
	Answer(ctx context.Context, leg string) error
	Hold(ctx context.Context, leg string) error
	Retrieve(ctx context.Context, leg string) error
	Hangup(ctx context.Context, leg string) error
	ReferResult(ctx context.Context, leg string, ok bool) error
}

// Engine takes the facts.
type Engine interface {
	Phone(in bridge.PhoneChange)
	SwitchCall(in bridge.SwitchCall)
	Refer(in bridge.Referral)
}

// Service takes the state of the DNs' registrations.
type Service interface {
	SetService(server, number string, inService bool)
}

// Legs stands between the two. Gateway and engine each need it before they can be made: make it first, give it to both,
// and Attach them. Until then no phone can do anything, and what the gateway reports is dropped.
type Legs struct {
	service Service
	log     *slog.Logger
	sides   atomic.Pointer[sides]
	lost    atomic.Uint64
}

type sides struct {
	gateway Gateway
	engine  Engine
}

// New makes an adapter that tells service of the DNs whose upstream is no Asterisk.
func New(service Service, log *slog.Logger) *Legs { return &Legs{service: service, log: log} }

// Attach joins the two sides.
func (l *Legs) Attach(g Gateway, e Engine) { l.sides.Store(&sides{gateway: g, engine: e}) }

// MediaLosses counts how often the media of a browser was lost.
func (l *Legs) MediaLosses() uint64 { return l.lost.Load() }

// Abilities says what the phone of a leg can be told to do now.
func (l *Legs) Abilities(leg string) bridge.PhoneAbilities {
	if s := l.sides.Load(); s != nil {
		return bridge.PhoneAbilities(s.gateway.Abilities(leg))
	}
	return bridge.PhoneAbilities{}
}

// Lost reports whether a leg of a DN would be in the gateway, and is not.
func (l *Legs) Lost(dn bridge.DN, leg string) bool {
	s := l.sides.Load()
	return s != nil && s.gateway.Lost(string(dn), leg)
}

// Answer lets a phone answer.
func (l *Legs) Answer(ctx context.Context, leg string) error {
	return l.ask(func(g Gateway) error { return g.Answer(ctx, leg) })
}

// Hold lets a phone put its call on hold.
func (l *Legs) Hold(ctx context.Context, leg string) error {
	return l.ask(func(g Gateway) error { return g.Hold(ctx, leg) })
}

// Retrieve lets a phone take its call back.
func (l *Legs) Retrieve(ctx context.Context, leg string) error {
	return l.ask(func(g Gateway) error { return g.Retrieve(ctx, leg) })
}

// Hangup ends a leg on both sides. Without a gateway there is none.
func (l *Legs) Hangup(ctx context.Context, leg string) error {
	err := l.ask(func(g Gateway) error { return g.Hangup(ctx, leg) })
	if errors.Is(err, ErrNotAttached) {
		return nil
	}
	return err
}

// ReferResult tells a phone what became of its transfer.
func (l *Legs) ReferResult(ctx context.Context, leg string, ok bool) error {
	return l.ask(func(g Gateway) error { return g.ReferResult(ctx, leg, ok) })
}

func (l *Legs) ask(request func(Gateway) error) error {
	s := l.sides.Load()
	if s == nil {
		return ErrNotAttached
	}
	return request(s.gateway)
}
