package gateway

import (
	"context"
	"errors"

	"sidecar/media"
	"sidecar/sip"
)

// beginInbound calls the browser for an upstream. The caller hears 180 before anything is gathered.
func (c *call) beginInbound() {
	offer := c.in.Body.Data
	codecs := c.g.opts.Codecs
	if len(offer) > 0 { // without one ours goes out with the 200
		offered, err := media.OfferedCodecs(offer)
		if err != nil {
			c.failMedia(err)
			return
		}
		codecs = c.codecsFor(offered)
	}
	if err := c.openRTP(c.g.opts.Codecs); err != nil {
		c.failMedia(err)
		return
	}
	if err := c.upstream.Ring(c.ctx, 180, "Ringing", sip.Body{}, nil); err != nil {
		c.log.Info("ring_failed", "error", err) // a caller that gave up: Ended follows
	}
	if err := c.openWeb(codecs); err != nil {
		c.failMedia(err)
		return
	}
	ctx, cancel := c.media()
	defer cancel()
	text, err := c.web.Offer(ctx)
	if err != nil {
		c.failMedia(err)
		return
	}
	c.browser, err = c.g.endpoint.Invite(ctx, sip.Invite{
		DN: c.dn, FromUser: c.in.From, FromName: c.in.FromName, Headers: carried(c.in.Headers), Body: sip.SDP(text),
	})
	if err != nil {
		c.log.Info("browser_not_reached", "error", err)
		c.end(480, "DN Has No Phone Now", nil)
	}
}

// browserAnswered takes the browser's answer and answers the upstream.
func (c *call) browserAnswered(m sip.Message) {
	ctx, cancel := c.media()
	defer cancel()
	if err := c.web.Accept(ctx, m.Body.Data); err != nil {
		c.failMedia(err)
		return
	}
	c.rtp.Prefer(c.codecsFor(spoken(c.web)))
	delayed := c.in.Body.Empty()
	var text []byte
	if delayed {
		text = c.rtp.Offer()
	} else {
		var err error
		if text, err = c.rtp.Answer(c.in.Body.Data); err == nil {
			err = c.join()
		}
		if err != nil {
			c.failMedia(err)
			return
		}
	}
	var ack sip.Message
	c.outside(func(ctx context.Context) (err error) {
		ack, err = c.upstream.Answer(ctx, sip.SDP(text), nil)
		return err
	}, func(err error) {
		if err == nil && delayed {
			if err = c.rtp.Accept(ack.Body.Data); err == nil {
				err = c.join()
			}
			if err != nil {
				c.failMedia(err)
				return
			}
			c.cover()
		}
		c.acknowledged(err)
	})
}

// acknowledged is the end of the set-up: the caller has our 200.
func (c *call) acknowledged(err error) {
	switch {
	case err == nil:
		c.established = true
		c.tell(Answered, "")
	case errors.Is(err, sip.ErrNoAck):
		c.end(408, "No ACK Came", reason("408", "no ACK came"))
	default: // the dialog is over, and its Ended says why
		c.log.Info("answer_failed", "error", err)
	}
}
