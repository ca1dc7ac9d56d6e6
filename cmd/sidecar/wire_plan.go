package main

import (
	"errors"
	"slices"
	"time"

	"sidecar/bridge"
	"sidecar/config"
	"sidecar/internal/numbering"
	"sidecar/pjsipgen"
)

// planPort lets the engine ask the numbering plan.
type planPort struct {
	plan   *numbering.Plan
	calls  config.Calls
	queues map[string]config.Queue
}

func (p planPort) Inbound(trunk, called string, at time.Time) (bridge.Destination, error) {
	t, err := p.plan.Inbound(trunk, called, at)
	if err != nil {
		return bridge.Destination{}, refused(called, err)
	}
	d := p.destination(called, t)
	if !d.Fallback.IsZero() {
		d.Fallback.Extension = called // whose route may have a fallback of its own
	}
	return d, nil
}

func (p planPort) Dial(from bridge.DN, class, number string) (bridge.Destination, error) {
	if class == "" {
		class = p.plan.ClassFor(string(from))
	}
	t, err := p.plan.Dial(class, string(from), number)
	if err != nil {
		return bridge.Destination{}, refused(number, err)
	}
	return p.destination(number, t), nil
}

// Shows allows the numbers of the DN's entry.
func (p planPort) Shows(from bridge.DN, number string) bool {
	dn, known := p.plan.DN(string(from))
	return known && slices.Contains(dn.CallerIDs, number)
}

// destination says in the engine's words where a call goes. What is neither a DN nor an outside number is done by
// the dialplan, which knows the same routes.
func (p planPort) destination(asked string, t numbering.Target) bridge.Destination {
	d := bridge.Destination{Dialled: asked}
	switch t.Kind {
	case config.TargetDN:
		d.Endpoint.DN, d.Number, d.Timeout = bridge.DN(t.DN.Number), t.DN.Number, p.calls.RingTimeout
		if !t.Fallback.IsZero() {
			d.Fallback = bridge.Treatment{Context: pjsipgen.ContextFallback, Extension: t.DN.Number}
		}
	case config.TargetNumber:
		d.Endpoint = bridge.Endpoint{Trunk: t.Trunk, Number: t.Number}
		d.Dialled, d.Number, d.CallerID, d.Timeout = t.Dialled, t.Dialled, t.CallerID, p.calls.DialTimeout
		if !t.Emergency {
			d.Caps = caps(t)
		}
	case config.TargetQueue:
		d.Queue, d.Music, d.Number = t.Name, p.queues[t.Name].MusicClass, t.Number
		d.Fallback = bridge.Treatment{Context: pjsipgen.ContextFallback, Extension: asked}
	case config.TargetVoicemail, config.TargetMessage, config.TargetHangup, config.TargetNone:
		d.Treatment = bridge.Treatment{Context: pjsipgen.ContextFallback, Extension: asked}
	}
	return d
}

// caps names the limits as the configuration does, since a refusal shows the name.
func caps(t numbering.Target) []bridge.Cap {
	var list []bridge.Cap
	if t.Cap > 0 {
		list = append(list, bridge.Cap{Name: "dial_rules.classes." + t.Class + ".max_concurrent", Limit: t.Cap})
	}
	if t.TrunkCap > 0 {
		list = append(list, bridge.Cap{Name: "trunks " + t.Trunk + " max_calls", Limit: t.TrunkCap})
	}
	return list
}

func refused(number string, err error) error {
	if r, ok := errors.AsType[*numbering.RefusedError](err); ok {
		return &bridge.TargetError{Number: r.Number, Rule: string(r.Rule), Why: r.Why, Cause: refusalCause(r.Rule)}
	}
	return &bridge.TargetError{Number: number, Rule: "numbering", Why: err.Error()}
}

// Causes of ITU-T Q.850 that say why a number is not called. The dialplan gives the same while the sidecar is away.
const (
	causeUnallocated   = 1
	causeRejected      = 21
	causeInvalidFormat = 28
	causeOutOfOrder    = 38 // network out of order: nothing carries the call
)

func refusalCause(rule numbering.Rule) int {
	switch rule {
	case numbering.RuleFormat:
		return causeInvalidFormat
	case numbering.RuleUnknown:
		return causeUnallocated
	case numbering.RuleSelf, numbering.RuleClass, numbering.RuleAllow, numbering.RuleDeny:
		return causeRejected
	case numbering.RuleNoTrunk:
		return causeOutOfOrder
	}
	return 0
}
