package gateway

import (
	"context"

	"sidecar/media"
	"sidecar/sip"
)

// beginOutbound calls the PBX for a browser. The browser's own credentials and its idea of the leg stay here.
func (c *call) beginOutbound() {
	if c.in.Body.Empty() {
		c.end(488, "An INVITE Needs an Offer", nil)
		return
	}
	offered, err := media.OfferedCodecs(c.in.Body.Data)
	if err == nil {
		err = c.openRTP(c.codecsFor(offered))
	}
	if err == nil {
		err = c.openWeb(c.g.opts.Codecs)
	}
	if err != nil {
		c.failMedia(err)
		return
	}
	ctx, cancel := c.media()
	defer cancel()
	c.upstream, err = c.g.endpoint.Invite(ctx, sip.Invite{
		URI: c.up.uri(c.number), Next: c.up.Proxy, FromUser: c.dn, FromName: c.in.FromName, FromHost: c.up.fromHost(), Auth: c.up.Auth,
		Headers: append(carried(c.in.Headers), sip.Header{Name: LegHeader, Value: c.leg}), Body: sip.SDP(c.rtp.Offer()),
	})
	if err != nil {
		c.log.Warn("upstream_not_reached", "error", err)
		c.end(503, "PBX Is Not Reachable", nil)
	}
}

func (u *Upstream) fromHost() string {
	if u.Domain != "" {
		return u.Domain
	}
	return u.host()
}

// progress passes ringing and early media on.
func (c *call) progress(m sip.Message) {
	status, body := m.Status, sip.Body{}
	if !m.Body.Empty() {
		if !c.connect(m.Body.Data) {
			return
		}
		body = sip.SDP(c.answer)
	}
	if err := c.browser.Ring(c.ctx, status, m.Reason, body, carried(m.Headers)); err != nil {
		c.log.Info("ring_failed", "error", err)
	}
}

// connect takes an answer of the PBX, an early one or the final one, and answers the browser's offer, once.
func (c *call) connect(answer []byte) bool {
	if err := c.rtp.Accept(answer); err != nil {
		c.failMedia(err)
		return false
	}
	if c.answer == nil {
		ctx, cancel := c.media()
		defer cancel()
		c.web.Prefer(c.codecsFor(spoken(c.rtp)))
		text, err := c.web.Answer(ctx, c.in.Body.Data)
		if err != nil {
			c.failMedia(err)
			return false
		}
		c.answer = text
	}
	if err := c.join(); err != nil {
		c.failMedia(err)
		return false
	}
	return true
}

// upstreamAnswered answers the browser. A 200 without a description confirms the early one.
func (c *call) upstreamAnswered(m sip.Message) {
	if !m.Body.Empty() && !c.connect(m.Body.Data) {
		return
	}
	if c.answer == nil {
		c.failMedia(media.ErrBadSDP)
		return
	}
	c.outside(func(ctx context.Context) error {
		_, err := c.browser.Answer(ctx, sip.SDP(c.answer), carried(m.Headers))
		return err
	}, c.acknowledged)
}
