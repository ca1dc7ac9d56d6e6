package gateway

import (
	"context"
	"time"

	"sidecar/media"
	"sidecar/sip"
)

func (c *call) onBrowser(e sip.Event) {
	switch e := e.(type) {
	case sip.Progress:
		c.commandPickUp()
	case sip.Answered:
		c.browserAnswered(e.Message)
	case *sip.Offer:
		c.reoffered(e, browserSide{c})
	case *sip.Refer:
		c.referred(e)
	case sip.Info:
		c.digit(e, c.rtp)
	case sip.Ended:
		c.onBrowserEnded(e.Cause)
	default: // the caller has its 180; the rest is no matter of the other side
	}
}

func (c *call) onUpstream(e sip.Event) {
	switch e := e.(type) {
	case sip.Progress:
		c.progress(e.Message)
	case sip.Answered:
		c.upstreamAnswered(e.Message)
	case *sip.Offer:
		c.reoffered(e, upstreamSide{c})
	case *sip.Refer: // our DNs don't call where the PBX says; a switch with refer-enabled does the transfer itself
		c.refuseRefer(e, 603, "No Transfers Here")
	case sip.Notify:
		c.onNotify(e)
	case sip.Info:
		c.digit(e, c.web)
	case sip.Ended:
		c.onEnded(e.Cause, !c.inbound)
	default:
	}
}

// digits is a leg that sends DTMF.
type digits interface {
	SendDigits(ctx context.Context, digits string, length time.Duration) error
}

// digit sends what one side asked for by INFO to the other one as RTP event (RFC 4733).
func (c *call) digit(info sip.Info, to digits) {
	digit, length, ok := digitOf(info.Body.Type, info.Body.Data)
	if !ok || c.relay == nil {
		return
	}
	c.outside(func(ctx context.Context) error { return to.SendDigits(ctx, digit, length) }, func(err error) {
		if err != nil {
			c.log.Info("digit_failed", "error", err)
		}
	})
}

// side is one leg as a re-offer needs it.
type side interface {
	offer(ctx context.Context) ([]byte, error)
	answer(ctx context.Context, offer []byte) ([]byte, error)
	accept(ctx context.Context, answer []byte) error
	changed() // the descriptions are complete
}

// reoffered answers a re-INVITE or UPDATE from the leg's own state. The other side hears nothing of it.
func (c *call) reoffered(o *sip.Offer, s side) {
	switch {
	case c.relay == nil && c.in.Body.Empty() && (c.picked || c.answer != nil):
		// It overtook the ACK that brings the answer to our offer: a Genesys SIP Server re-INVITEs right behind it.
		c.early = append(c.early, func() { c.reoffered(o, s) })
		return
	case c.relay == nil:
		c.refuseOffer(o, 491, "Call Is Not Up")
		return
	}
	ctx, cancel := c.media()
	defer cancel()
	ours := o.Body.Empty()
	var text []byte
	var err error
	if ours {
		text, err = s.offer(ctx)
	} else {
		text, err = s.answer(ctx, o.Body.Data)
	}
	if err != nil {
		c.log.Warn("offer_not_met", "error", err)
		c.refuseOffer(o, 488, "Not Acceptable Here")
		return
	}
	if !ours {
		s.changed()
	}
	var ack sip.Message
	c.outside(func(ctx context.Context) (err error) {
		ack, err = o.Accept(ctx, sip.SDP(text), nil)
		return err
	}, func(err error) {
		if err == nil && ours {
			ctx, cancel := c.media()
			defer cancel()
			if err = s.accept(ctx, ack.Body.Data); err == nil {
				s.changed()
			}
		}
		if err != nil {
			c.log.Warn("offer_failed", "error", err)
		}
	})
}

func (c *call) refuseOffer(o *sip.Offer, status int, text string) {
	if err := o.Reject(status, text); err != nil {
		c.log.Info("offer_refusal_failed", "error", err)
	}
}

type browserSide struct{ *call }

func (s browserSide) offer(ctx context.Context) ([]byte, error) { return s.web.Offer(ctx) }

func (s browserSide) answer(ctx context.Context, offer []byte) ([]byte, error) {
	return s.web.Answer(ctx, offer)
}

func (s browserSide) accept(ctx context.Context, answer []byte) error {
	return s.web.Accept(ctx, answer)
}

// changed reports hold and retrieve: a browser on hold wants nothing from us.
func (s browserSide) changed() {
	held := !s.web.Direction().Sends()
	if held == s.held {
		return
	}
	s.held = held
	s.cover()
	if held {
		s.tell(Held, "")
	} else {
		s.tell(Retrieved, "")
	}
}

type upstreamSide struct{ *call }

func (s upstreamSide) offer(context.Context) ([]byte, error) { return s.rtp.Offer(), nil }

func (s upstreamSide) answer(_ context.Context, offer []byte) ([]byte, error) {
	return s.rtp.Answer(offer)
}

func (s upstreamSide) accept(_ context.Context, answer []byte) error { return s.rtp.Accept(answer) }

// changed plays on in the codec that counts now.
func (s upstreamSide) changed() {
	if err := media.CheckCodecs(s.web.Formats(), s.rtp.Formats()); err != nil {
		s.failMedia(err)
		return
	}
	s.cover()
}
