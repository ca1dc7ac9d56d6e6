package numbering

import (
	"time"

	"sidecar/config"
)

// Inbound gives the target of a number that a trunk delivers: that of the first route which matches, open or closed
// at that moment, else the DN or the queue with this number. The error is a *RefusedError.
func (p *Plan) Inbound(trunk, called string, now time.Time) (Target, error) {
	number, err := clean(called)
	if err != nil {
		return Target{}, err
	}
	for i := range p.routes {
		r := &p.routes[i]
		if !r.Matches(trunk, number) {
			continue
		}
		if r.hours != nil && !r.hours.Open(now) {
			target, err := p.resolve(called, r.Closed)
			target.Closed = true
			return target, err
		}
		target, err := p.resolve(called, r.To)
		if !r.Fallback.IsZero() {
			target.Fallback = r.Fallback
		}
		return target, err
	}
	if dn, ok := p.dns[number]; ok {
		return dnTarget(dn), nil
	}
	if name, ok := p.queues[number]; ok {
		return queueTarget(name, number), nil
	}
	return Target{}, refuse(called, RuleUnknown, "no route and no DN for this number: add a route for it")
}

// Resolve gives what a configured target, such as a DN's fallback, leads to. Dial rules don't apply: the operator
// chose it. The error is a *RefusedError.
func (p *Plan) Resolve(target config.Target) (Target, error) {
	return p.resolve(target.String(), target)
}

func (p *Plan) resolve(asked string, t config.Target) (Target, error) {
	switch t.Kind {
	case config.TargetDN:
		dn, ok := p.dns[t.Value]
		if !ok {
			return Target{}, refuse(t.Value, RuleUnknown, "is not a DN")
		}
		return dnTarget(dn), nil
	case config.TargetNumber:
		if !p.hasTrunk {
			return Target{}, refuse(t.Value, RuleNoTrunk, "no trunk carries outside calls: name one in dial_rules.default_trunk")
		}
		return outside(t.Value, t.Value, p.fallback)
	case config.TargetQueue:
		for number, name := range p.queues {
			if name == t.Value {
				return queueTarget(name, number), nil
			}
		}
		return Target{}, refuse(t.Value, RuleUnknown, "is not a queue")
	case config.TargetVoicemail, config.TargetMessage:
		return Target{Kind: t.Kind, Name: t.Value}, nil
	case config.TargetHangup:
		return Target{Kind: t.Kind}, nil
	case config.TargetNone:
	}
	return Target{}, refuse(asked, RuleUnknown, "the route has no destination")
}

func queueTarget(name, number string) Target {
	return Target{Kind: config.TargetQueue, Name: name, Number: number, Dialled: number}
}

func dnTarget(dn config.DN) Target {
	return Target{Kind: config.TargetDN, DN: dn, Number: dn.Number, Dialled: dn.Number, Fallback: dn.Fallback}
}
