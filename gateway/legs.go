package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sidecar/media"
)

// newWeb makes a leg towards a browser.
func (c *call) newWeb(codecs []media.Codec) (*media.BrowserLeg, error) {
	peer, err := c.g.opts.Engine.NewPeer()
	if err != nil {
		return nil, fmt.Errorf("browser's media: %w", err)
	}
	web := media.NewBrowserLeg(peer, codecs)
	web.OnState(func(media.PeerState) { nudge(c.poke) }) // run reads the state when it comes to it
	return web, nil
}

func (c *call) closeWeb(web *media.BrowserLeg) {
	if web == nil {
		return
	}
	if err := web.Close(); err != nil {
		c.log.Warn("browser_leg_close_failed", "error", err)
	}
}

// codecs of the DN in its order of preference.
func (c *call) codecs() []media.Codec {
	if len(c.up.Codecs) > 0 {
		return c.up.Codecs
	}
	return c.g.opts.Codecs
}

// openRTP takes ports for the upstream's leg.
func (c *call) openRTP(codecs []media.Codec) error {
	o := &c.g.opts
	session, err := media.NewRTPSession(c.ctx, o.Ports, media.RTPOptions{Codecs: codecs, Advertise: o.Advertise, BehindNAT: o.BehindNAT, Logger: c.log})
	if err != nil {
		return fmt.Errorf("upstream's media: %w", err)
	}
	c.rtp = session
	return nil
}

// codecsFor orders our codecs for one side so that what the other side speaks comes first: what needs no transcoding
// costs nothing. What can't be transcoded for the other side is left out.
func (c *call) codecsFor(other []media.Codec) []media.Codec {
	if len(other) == 0 {
		return c.codecs()
	}
	var common, rest []media.Codec
	for _, codec := range c.codecs() {
		hears := func(o media.Codec) bool {
			return media.CheckCodecs([]media.Format{{Codec: o}}, []media.Format{{Codec: codec}}) == nil
		}
		switch {
		case slices.Contains(other, codec):
			common = append(common, codec)
		case slices.ContainsFunc(other, hears):
			rest = append(rest, codec)
		}
	}
	return append(common, rest...)
}

// spoken are the codecs that a leg has agreed on.
func spoken(leg media.End) []media.Codec {
	var codecs []media.Codec
	for _, f := range leg.Formats() {
		if !f.Codec.IsEvent() {
			codecs = append(codecs, f.Codec)
		}
	}
	return codecs
}

// join begins to relay when both sides are negotiated.
func (c *call) join() error {
	if err := media.CheckCodecs(c.web.Formats(), c.rtp.Formats()); err != nil {
		return fmt.Errorf("join legs: %w", err)
	}
	if c.relay == nil {
		c.relay = media.NewRelay(c.web, c.rtp)
	}
	return nil
}

// cover plays to the upstream while the browser has nothing to say, and stops when it has.
func (c *call) cover() {
	if c.relay == nil {
		return
	}
	if !c.held && !c.lost {
		c.relay.Resume(media.Upstream)
		return
	}
	if err := c.relay.Play(media.Upstream, c.g.opts.Sound()); err != nil {
		c.log.Warn("sound_failed", "error", err)
	}
}

// onMedia follows the browser's transport. A page that closes it mostly hangs up at the same moment.
func (c *call) onMedia() {
	if c.web == nil || c.next != nil {
		return
	}
	lost := c.lost
	switch c.web.State() {
	case media.PeerConnected:
		lost = false
	case media.PeerFailed, media.PeerClosed:
		lost = true
	case media.PeerConnecting, media.PeerDisconnected: // it may come by itself
	}
	c.setLost(lost)
	c.revive()
}

// setLost tells of lost media and of its return, and covers it.
func (c *call) setLost(lost bool) {
	if lost == c.lost {
		return
	}
	c.lost = lost
	c.watch()
	if lost {
		c.tell(MediaLost, "")
	} else {
		c.tell(MediaBack, "")
	}
	c.cover()
}

func (c *call) media() (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.ctx, mediaTimeout)
}

// failMedia ends the call because a description can't be met (488) or we lack what it takes (503).
func (c *call) failMedia(err error) {
	c.log.Warn("media_failed", "error", err)
	switch {
	case errors.Is(err, media.ErrBadSDP), errors.Is(err, media.ErrNoCodec), errors.Is(err, media.ErrNoTranscoder):
		c.end(488, "Not Acceptable Here", reason("488", "no common media"))
	default:
		c.end(503, "No Media Now", reason("503", "no media"))
	}
}
