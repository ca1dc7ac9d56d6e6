package bridge

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// simPhones are the phones of the gateway, as one engine sees them.
type simPhones struct{ port }

// name is what the gateway calls the channel's leg.
func (c *simChannel) name() string {
	if c.arrived != nil {
		return c.arrived.Leg
	}
	return c.id.ID
}

// called finds the channel of a leg. The lock is held.
func (s *sim) called(leg string) *simChannel {
	for _, c := range s.chans {
		if leg != "" && c.name() == leg {
			return c
		}
	}
	return nil
}

// phoneTells lets the gateway report a hold or its end. The lock is held.
func (s *sim) phoneTells(leg string, held bool) {
	change := LegIsBack
	if held {
		change = LegIsHeld
	}
	s.legTells(PhoneChange{Leg: leg, Change: change})
}

func (s *sim) legTells(change PhoneChange) {
	if s.e != nil {
		s.e.Phone(change)
	}
}

// switchCall begins a call that a switch mixes.
func (s *sim) switchCall(dn DN, number string, inbound bool) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.e == nil {
		return ""
	}
	s.arrivals++
	leg := fmt.Sprintf("g-sw%d", s.arrivals)
	s.legs[leg] = &simLeg{}
	s.e.SwitchCall(SwitchCall{Switch: "genesys", Leg: leg, DN: dn, Number: number, Inbound: inbound})
	return leg
}

// legDoes lets somebody do something with a leg of such a call.
func (s *sim) legDoes(d deed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := slices.Sorted(maps.Keys(s.legs))
	if len(names) == 0 {
		return
	}
	name := names[d.A%len(names)]
	l := s.legs[name]
	switch {
	case d.B == 0:
		s.endLeg(name, causeNormal)
	case !l.up:
		l.up = true
		s.legTells(PhoneChange{Leg: name, Change: LegIsUp})
	default:
		l.held = !l.held
		s.phoneTells(name, l.held)
	}
}

// endLeg ends a leg. The lock is held.
func (s *sim) endLeg(name string, cause int) {
	delete(s.legs, name)
	s.legTells(PhoneChange{Leg: name, Change: LegIsGone, Cause: cause})
}

func (s *sim) endLegs() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.legs {
		s.endLeg(name, causeNormal)
	}
}

func (p simPhones) Abilities(leg string) PhoneAbilities {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, switched := p.called(leg), p.legs[leg] != nil
	can := switched || c != nil && p.phones[c.to].Page && c.gen == p.gen
	return PhoneAbilities{Answer: can, Hold: can}
}

func (p simPhones) Lost(dn DN, leg string) bool {
	p.gateway.mu.Lock()
	defer p.gateway.mu.Unlock()
	return p.gateway.pages[dn] && p.gateway.legs[leg] != p.own
}

// tellPhone gives a command to the phone of a leg: channel or leg is what it is of.
func (p simPhones) tellPhone(ctx context.Context, leg string, do func(*simChannel, *simLeg)) error {
	if err := wait(ctx, 20*time.Millisecond); err != nil {
		return err
	}
	p.mu.Lock()
	silent := p.silent
	p.mu.Unlock()
	if silent {
		<-ctx.Done()
		return ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	c, l := p.called(leg), p.legs[leg]
	switch {
	case p.own != p.gen:
		return errKilled
	case c == nil && l == nil:
		return fmt.Errorf("%w: no leg %s", errSim, leg)
	}
	do(c, l)
	return nil
}

func (p simPhones) Answer(ctx context.Context, leg string) error {
	return p.tellPhone(ctx, leg, func(c *simChannel, l *simLeg) {
		switch {
		case c != nil:
			p.set(c, LegIsUp)
		case !l.up:
			l.up = true
			p.legTells(PhoneChange{Leg: leg, Change: LegIsUp})
		}
	})
}

func (p simPhones) Hold(ctx context.Context, leg string) error { return p.holds(ctx, leg, true) }

func (p simPhones) Retrieve(ctx context.Context, leg string) error { return p.holds(ctx, leg, false) }

func (p simPhones) holds(ctx context.Context, leg string, held bool) error {
	return p.tellPhone(ctx, leg, func(c *simChannel, l *simLeg) {
		if c != nil {
			c.held = held
		} else {
			l.held = held
		}
		p.phoneTells(leg, held)
	})
}

func (p simPhones) Hangup(ctx context.Context, leg string) error {
	return p.tellPhone(ctx, leg, func(c *simChannel, _ *simLeg) {
		if c != nil {
			p.wrong = append(p.wrong, leg+" is ended behind Asterisk's back")
			return
		}
		p.endLeg(leg, causeNormal)
	})
}

func (p simPhones) ReferResult(ctx context.Context, leg string, ok bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.referred = append(p.referred, fmt.Sprintf("%s %t", leg, ok))
	return ctx.Err()
}
