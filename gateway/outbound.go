package gateway

import (
	"context"
	"fmt"
	"slices"

	"sidecar/media"
	"sidecar/sip"
)

// beginOutbound calls the PBX for a browser. The browser's own credentials and its idea of the leg stay here.
func (c *call) beginOutbound() {
	offered, err := c.offered()
	if err == nil && len(offered) > 0 && !slices.ContainsFunc(c.codecs(), func(own media.Codec) bool { return slices.Contains(offered, own) }) {
		// Said now: the answer is made when the callee has answered, and would find it then.
		err = fmt.Errorf("%w: the browser has %v, the DN %v", media.ErrNoCodec, offered, c.codecs())
	}
	if err == nil {
		err = c.openRTP(c.codecsFor(offered))
	}
	if err == nil {
		c.web, err = c.newWeb(c.codecs())
	}
	if err != nil {
		c.failMedia(err)
		return
	}
	ctx, cancel := c.media()
	defer cancel()
	c.upstream, err = c.g.endpoint.Invite(ctx, sip.Invite{
		URI: c.up.uri(c.number), Next: c.up.Proxy, FromUser: c.dn, FromName: c.in.FromName, FromHost: c.up.fromHost(), Auth: c.up.Auth,
		Headers: append(carried(c.in.Headers), c.named()...), Body: sip.SDP(c.rtp.Offer()),
	})
	if err != nil {
		c.log.Warn("upstream_not_reached", "error", err)
		c.end(503, "PBX Is Not Reachable", nil)
	}
}

// named tells our own PBX the leg's name, and nobody else.
func (c *call) named() sip.Headers {
	if !c.up.paired() {
		return nil
	}
	return sip.Headers{{Name: LegHeader, Value: c.leg}}
}

func (u *Upstream) fromHost() string {
	if u.Domain != "" {
		return u.Domain
	}
	return u.host()
}

// progress passes ringing and early media on.
func (c *call) progress(m sip.Message) {
	c.learnUUID(m.Headers)
	status, body := m.Status, sip.Body{}
	if !m.Body.Empty() {
		if !c.connect(m.Body.Data) {
			return
		}
		if !c.in.Body.Empty() {
			body = sip.SDP(c.answer)
		}
	}
	if err := c.browser.Ring(c.ctx, status, m.Reason, body, carried(m.Headers)); err != nil {
		c.log.Info("ring_failed", "error", err)
	}
}

// learnUUID takes the name that a switch gives to a call that it didn't make.
func (c *call) learnUUID(headers sip.Headers) {
	if c.uuid == "" {
		c.uuid = headers.Get(uuidHeader)
	}
}

// connect takes an answer of the PBX, an early one or the final one, and answers the browser's offer, once. A browser that
// made none gets ours with the 200.
func (c *call) connect(answer []byte) bool {
	if err := c.rtp.Accept(answer); err != nil {
		c.failMedia(err)
		return false
	}
	if c.answer == nil {
		ctx, cancel := c.media()
		defer cancel()
		c.web.Prefer(c.codecsFor(spoken(c.rtp)))
		var text []byte
		var err error
		if c.in.Body.Empty() {
			text, err = c.web.Offer(ctx)
		} else {
			text, err = c.web.Answer(ctx, c.in.Body.Data)
		}
		if err != nil {
			c.failMedia(err)
			return false
		}
		c.answer = text
	}
	if c.in.Body.Empty() {
		return true
	}
	if err := c.join(); err != nil {
		c.failMedia(err)
		return false
	}
	return true
}

// upstreamAnswered answers the browser. A 200 without a description confirms the early one.
func (c *call) upstreamAnswered(m sip.Message) {
	c.learnUUID(m.Headers)
	if !m.Body.Empty() && !c.connect(m.Body.Data) {
		return
	}
	if c.answer == nil {
		c.failMedia(media.ErrBadSDP)
		return
	}
	var ack sip.Message
	browser, text := c.browser, c.answer
	c.outside(func(ctx context.Context) (err error) {
		ack, err = browser.Answer(ctx, sip.SDP(text), carried(m.Headers))
		return err
	}, func(err error) {
		if err == nil && c.in.Body.Empty() {
			ctx, cancel := c.media()
			defer cancel()
			if err = c.web.Accept(ctx, ack.Body.Data); err == nil {
				err = c.join()
			}
			if err != nil {
				c.failMedia(err)
				return
			}
		}
		c.acknowledged(err)
	})
}
