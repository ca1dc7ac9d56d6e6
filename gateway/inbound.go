package gateway

import (
	"context"
	"errors"

	"sidecar/media"
	"sidecar/sip"
)

// beginInbound calls the browser for an upstream. The caller hears 180 before anything is gathered.
func (c *call) beginInbound() {
	if _, err := c.offered(); err != nil {
		c.failMedia(err)
		return
	}
	if err := c.openRTP(c.codecs()); err != nil {
		c.failMedia(err)
		return
	}
	if err := c.upstream.Ring(c.ctx, 180, "Ringing", sip.Body{}, nil); err != nil {
		c.log.Info("ring_failed", "error", err) // a caller that gave up: Ended follows
	}
	c.away = true // until the phone is reached; one that left a moment ago has the grace period to come back
	c.ringAgain()
	c.watch()
}

// offered are the codecs that the upstream offers; none when it leaves the offer to us.
func (c *call) offered() ([]media.Codec, error) {
	if c.in.Body.Empty() {
		return nil, nil
	}
	return media.OfferedCodecs(c.in.Body.Data)
}

// ringAgain calls the phone that the DN has now.
func (c *call) ringAgain() {
	offered, err := c.offered()
	if err != nil {
		c.failMedia(err)
		return
	}
	c.retire(c.browser, c.web)
	c.browser, c.web = nil, nil
	headers := carried(c.in.Headers)
	if c.resumed {
		headers = append(headers, resumes(ResumeAny)...)
	}
	d, web, err := c.inviteBrowser(c.codecsFor(offered), headers)
	if err != nil {
		c.notReached(err)
		return
	}
	c.web = web
	c.setBrowser(d)
	c.watch()
}

// notReached waits for a phone that has just gone. What else there is against calling one stays.
func (c *call) notReached(err error) {
	c.log.Info("browser_not_reached", "error", err)
	if !errors.Is(err, sip.ErrNotRegistered) && !errors.Is(err, sip.ErrFlowGone) {
		c.failMedia(err)
	}
}

// inviteBrowser offers a new browser's leg to the DN's phone.
func (c *call) inviteBrowser(codecs []media.Codec, headers sip.Headers) (*sip.Dialog, *media.BrowserLeg, error) {
	web, err := c.newWeb(codecs)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := c.media()
	defer cancel()
	text, err := web.Offer(ctx)
	var d *sip.Dialog
	if err == nil {
		invite := sip.Invite{DN: c.dn, FromUser: c.number, Headers: headers, Body: sip.SDP(text)}
		if c.inbound {
			invite.FromName = c.in.FromName
		}
		d, err = c.g.endpoint.Invite(ctx, invite)
	}
	if err != nil {
		c.closeWeb(web)
		return nil, nil, err //nolint:wrapcheck // both say what they are
	}
	return d, web, nil
}

// browserAnswered takes the browser's answer and answers the upstream.
func (c *call) browserAnswered(m sip.Message) {
	c.picked = true
	c.pickedUp(nil)
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
		c.established, c.picked = true, true
		c.watchdog.Reset(c.g.opts.Silence)
		c.tell(Answered, "")
		for _, late := range c.early {
			late()
		}
		c.early = nil
		c.in.Body, c.answer = sip.Body{}, nil // the descriptions have done their duty
	case errors.Is(err, sip.ErrNoAck):
		c.end(408, "No ACK Came", reason("408", "no ACK came"))
	default: // the dialog is over, and its Ended says why
		c.log.Info("answer_failed", "error", err)
	}
}
