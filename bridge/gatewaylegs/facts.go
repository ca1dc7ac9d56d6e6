package gatewaylegs

import (
	"sidecar/bridge"
	"sidecar/gateway"
)

// switchServer marks the registrations at a switch of that name, which no Asterisk's id begins with.
const switchServer = "switch:"

// switched reports whether an upstream is a switch that mixes itself, and not our own PBX.
func switched(upstream string) bool { return upstream != "" && upstream != gateway.Asterisk }

// OnEvent takes what happens to a call, in order: gateway.Options.OnEvent. Of a call that Asterisk has, Asterisk tells
// the rest.
func (l *Legs) OnEvent(e gateway.Event) {
	s := l.sides.Load()
	if s == nil {
		return
	}
	change := bridge.PhoneChange{Leg: e.Leg}
	own := switched(e.Upstream)
	switch e.Kind {
	case gateway.Ringing:
		if own {
			s.engine.SwitchCall(bridge.SwitchCall{
				Switch: e.Upstream, Leg: e.Leg, DN: bridge.DN(e.DN), Number: e.Number, Inbound: e.Inbound, CallID: bridge.CallID(e.CallUUID),
			})
		}
		return
	case gateway.Answered:
		change.Change = bridge.LegIsUp
	case gateway.Ended:
		change.Change, change.Cause = bridge.LegIsGone, causeOf(e.Status)
	case gateway.Held:
		own, change.Change = true, bridge.LegIsHeld
	case gateway.Retrieved:
		own, change.Change = true, bridge.LegIsBack
	case gateway.MediaLost:
		l.lost.Add(1)
		l.log.Warn("browser_media_lost", "dn", e.DN, "leg", e.Leg)
		own, change.Change = true, bridge.LegIsSilent
	case gateway.MediaBack:
		l.log.Info("browser_media_back", "dn", e.DN, "leg", e.Leg)
		own, change.Change = true, bridge.LegIsAudible
	default:
		return
	}
	if own {
		s.engine.Phone(change)
	}
}

// OnRefer takes the transfer that a phone asks for: gateway.Options.OnRefer.
func (l *Legs) OnRefer(r gateway.Referral) {
	if s := l.sides.Load(); s != nil {
		s.engine.Refer(bridge.Referral{Leg: r.Leg, From: bridge.DN(r.DN), To: r.To, Attended: r.ReplacesLeg != "", ReplacesLeg: r.ReplacesLeg})
	}
}

// OnLine takes how a DN's registration upstream stands: gateway.Options.OnLine. Asterisk tells of its own.
func (l *Legs) OnLine(line gateway.Line) {
	if switched(line.Upstream) {
		l.service.SetService(switchServer+line.Upstream, line.DN, line.Registered)
	}
}

// causeOf is the Q.850 cause for the status that a call ended with: RFC 3398 section 8.2.6.1, but for 487, which is a
// hang-up on either side.
func causeOf(status int) int {
	switch status {
	case 487:
		return 16 // normal clearing
	case 486, 600:
		return 17 // busy
	case 480:
		return 18 // no user responding
	case 404, 485, 604:
		return 1 // unallocated number
	case 401, 402, 403, 407, 603:
		return 21 // rejected
	case 410:
		return 22 // number changed
	case 408, 504:
		return 102 // timer expired
	case 484:
		return 28 // address incomplete
	case 500, 503:
		return 41 // temporary failure
	}
	return 127 // interworking
}
