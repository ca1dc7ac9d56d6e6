package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sidecar/media"
)

// openWeb makes the browser's leg.
func (c *call) openWeb(codecs []media.Codec) error {
	peer, err := c.g.opts.Engine.NewPeer()
	if err != nil {
		return fmt.Errorf("browser's media: %w", err)
	}
	c.web = media.NewBrowserLeg(peer, codecs)
	c.web.OnState(func(media.PeerState) {
		select {
		case c.poke <- struct{}{}:
		default: // run reads the state when it comes to it
		}
	})
	return nil
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
// costs nothing. Opus is left out when the other side lacks it, because it can't be transcoded.
func (c *call) codecsFor(other []media.Codec) []media.Codec {
	var common, rest []media.Codec
	for _, codec := range c.g.opts.Codecs {
		switch {
		case slices.Contains(other, codec):
			common = append(common, codec)
		case codec != media.Opus:
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
	lost := c.lost
	switch c.web.State() {
	case media.PeerConnected:
		lost = false
	case media.PeerFailed, media.PeerClosed:
		lost = true
	case media.PeerConnecting, media.PeerDisconnected: // it may come by itself
	}
	if lost == c.lost {
		return
	}
	c.lost = lost
	if lost {
		c.grace = time.NewTimer(c.g.opts.MediaGrace)
		c.tell(MediaLost, "")
	} else {
		c.grace.Stop()
		c.grace = nil
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
