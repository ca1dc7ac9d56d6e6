package gateway

import (
	"context"
	"time"

	"sidecar/media"
	"sidecar/sip"
)

// A browser may go without a word, and come back: its WebSocket breaks, its network changes, its page is loaded anew. The
// upstream is kept for the grace period meanwhile.
//
//	          flow ends, media lost               same Contact registers: dialog moved, ICE restart
//	(there) -------------------------> (absent) ---------------------------------------------------> (there)
//	                                    |    |   another Contact: ring again, or a successor answers
//	                          grace over|    +-----------------------------------------------------> (there)
//	                                    v
//	                                 (ended)

// setBrowser makes a dialog the call's, and its phone the one that commands go to.
func (c *call) setBrowser(d *sip.Dialog) {
	c.browser, c.away = d, false
	c.phone.Store(c.g.phoneOf(c.dn, d))
}

// ended reports whether the WebSocket that a browser's dialog goes by is gone.
func ended(d *sip.Dialog) bool {
	select {
	case <-d.Flow().Done():
		return true
	default:
		return false
	}
}

// flowEnd is closed when the browser's WebSocket goes.
func (c *call) flowEnd() <-chan struct{} {
	if c.browser == nil || c.away {
		return nil
	}
	return c.browser.Flow().Done()
}

// onAway begins to wait for the browser.
func (c *call) onAway() {
	c.away = true
	c.onReturn() // it may be back by now
	c.watch()
}

// onReturn looks whether the DN's phone is there.
func (c *call) onReturn() {
	switch {
	case !c.away || c.next != nil:
	case c.browser != nil && !ended(c.browser): // the same page: its dialog has moved
		c.away = false
		c.watch()
		c.revive()
	case !c.inbound && !c.picked: // its INVITE went with its flow, and Ended follows
	default:
		if _, err := c.g.endpoint.Locate(c.dn); err != nil {
			return // the grace period runs
		}
		if c.picked {
			c.callSuccessor()
		} else {
			c.ringAgain()
		}
	}
}

// watch lets the grace period run while the browser is absent.
func (c *call) watch() {
	switch absent := c.away || c.lost; {
	case absent && c.grace == nil:
		c.grace = time.NewTimer(c.g.opts.MediaGrace)
	case !absent && c.grace != nil:
		c.grace.Stop()
		c.grace = nil
	}
}

func (c *call) onGraceOver() {
	why := "browser's media is gone"
	if c.away {
		why = "browser is gone"
	}
	c.end(480, "Temporarily Unavailable", reason("480", why))
}

// vanished reports whether a browser's dialog ended because the browser is gone, and not by what the browser said.
func (c *call) vanished(cause sip.Cause) bool {
	said := cause.Method == "BYE" && !cause.Local || cause.Method == "CANCEL" || cause.Status != 0 && cause.Status != 408
	return !said && (c.inbound || c.picked) && ended(c.browser)
}

// forgetBrowser lets go of a dialog that ended with its browser.
func (c *call) forgetBrowser() {
	c.before, c.browser = c.browser.CallID(), nil
	if !c.picked {
		c.closeWeb(c.web)
		c.web = nil
	}
	c.onAway()
}

// revive makes a browser that is there but whose media is not look for a new path.
func (c *call) revive() {
	if c.browser == nil || c.away || c.restarting || !c.established {
		return
	}
	switch c.web.State() {
	case media.PeerDisconnected, media.PeerFailed:
	case media.PeerConnecting, media.PeerConnected, media.PeerClosed: // nothing to do, or nothing to be done
		return
	}
	ctx, cancel := c.media()
	defer cancel()
	web, browser := c.web, c.browser
	text, err := web.RestartICE(ctx)
	if err != nil {
		c.log.Warn("ice_restart_impossible", "error", err)
		return
	}
	c.restarting = true
	c.log.Info("ice_restarts")
	var answer sip.Message
	c.outside(func(ctx context.Context) (err error) {
		answer, err = browser.Reinvite(ctx, sip.SDP(text), nil, nil)
		return err //nolint:wrapcheck // logged below
	}, func(err error) {
		c.restarting = false
		if err == nil && web == c.web {
			ctx, cancel := c.media()
			defer cancel()
			err = web.Accept(ctx, answer.Body.Data)
		}
		if err != nil {
			c.log.Warn("ice_restart_failed", "error", err)
		}
	})
}
