package pjsipgen

import "sidecar/config"

// fallback is where a call to a DN goes that can't be delivered.
func (b *builder) fallback(field string, dn config.DN) Target {
	if dn.Fallback.IsZero() {
		return Target{Closed: true}
	}
	return b.target(field, dn.Fallback)
}

func (b *builder) target(field string, t config.Target) Target {
	switch t.Kind {
	case config.TargetDN:
		dn, known := b.byNumber[t.Value]
		if !known {
			b.check.refuse(field, t.String(), "must name a DN of dns")
		}
		if dn.Owner == config.OwnerSidecar {
			b.check.refuse(field, t.String(), "must name a DN with owner phone or asterisk-webrtc: this one can't ring without the sidecar")
		}
		return Target{DN: t.Value}
	case config.TargetNumber:
		b.check.digits(field, t.Value)
		trunk := b.defaultTrunk()
		if trunk == "" {
			b.check.refuse(field, t.String(), "needs a trunk, and trunks is empty")
		}
		return Target{Number: t.Value, Trunk: trunk}
	case config.TargetVoicemail:
		b.check.of("0123456789", field, t.Value, "must be voicemail:MAILBOX with digits")
		b.mailboxes = append(b.mailboxes, t.Value)
		return Target{Mailbox: t.Value}
	case config.TargetMessage:
		b.check.sound(field, t.Value)
		return Target{Sound: t.Value}
	case config.TargetHangup:
		return Target{Hangup: true}
	case config.TargetNone, config.TargetQueue:
	}
	b.check.refuse(field, t.String(), "must be dn:, number:, voicemail:, message: or hangup: it serves while the sidecar is away")
	return Target{}
}
