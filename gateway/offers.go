package gateway

import (
	"context"

	"sidecar/media"
	"sidecar/sip"
)

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
	s.holdThere()
}

// holdThere tells a switch that mixes by itself: it plays the music, and after a NOTIFY hold or talk of its own it waits
// for our re-INVITE. At our own PBX the call engine sees to that.
func (c *call) holdThere() {
	if c.up.paired() || !c.established || c.holding {
		return
	}
	direction, held := media.SendRecv, c.held
	if held {
		direction = media.SendOnly
	}
	c.rtp.SetDirection(direction)
	text := c.rtp.Offer()
	c.holding = true
	var answer sip.Message
	c.outside(func(ctx context.Context) (err error) {
		answer, err = c.upstream.Reinvite(ctx, sip.SDP(text), nil, nil)
		return err //nolint:wrapcheck // logged below
	}, func(err error) {
		c.holding = false
		if err == nil {
			err = c.rtp.Accept(answer.Body.Data)
		}
		if err != nil {
			c.log.Warn("hold_not_told", "error", err)
		} else {
			upstreamSide{c}.changed()
		}
		if c.held != held {
			c.holdThere()
		}
	})
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
