package gateway

import (
	"context"

	"sidecar/media"
	"sidecar/sip"
)

// ResumeHeader is in the INVITE by which a page that was loaded anew gets its call back: the Call-ID that it had before.
const ResumeHeader = "X-Sidecar-Resume"

// ResumeAny stands there for a Call-ID that nobody knows any more, since the call was with a gateway that died: the page
// puts this call in the place of one that it had then. Our own PBX asks for it by the same header.
const ResumeAny = "*"

// resumes asks a phone to answer by itself.
func resumes(callID string) sip.Headers {
	return sip.Headers{{Name: "Call-Info", Value: "<sip:resume@sidecar>;answer-after=0"}, {Name: ResumeHeader, Value: callID}}
}

// successor is the phone that is asked to take the place of one that is gone.
type successor struct {
	dialog *sip.Dialog
	web    *media.BrowserLeg
}

func (s *successor) events() <-chan sip.Event {
	if s == nil {
		return nil
	}
	return s.dialog.Events()
}

// callSuccessor asks the phone that registered for the DN to take the call up. Our page answers by itself; another phone
// rings, and gets the whole grace period for it. The upstream hears music until its media is there.
func (c *call) callSuccessor() {
	c.setLost(true)
	if c.grace != nil {
		c.grace.Reset(c.g.opts.MediaGrace)
	}
	before := c.before
	if c.browser != nil {
		before = c.browser.CallID()
	}
	var headers sip.Headers
	if c.inbound {
		headers = carried(c.in.Headers)
	}
	d, web, err := c.inviteBrowser(c.codecsFor(spoken(c.rtp)), append(headers, resumes(before)...))
	if err != nil {
		c.notReached(err)
		return
	}
	c.next = &successor{d, web}
}

// onSuccessor follows the new phone until it has answered. If it refuses, the agent doesn't want the call any more.
func (c *call) onSuccessor(e sip.Event) {
	switch e := e.(type) {
	case sip.Answered:
		c.succeed(e.Message)
	case sip.Ended:
		gone := ended(c.next.dialog)
		c.giveUpSuccessor()
		if gone {
			c.onReturn()
			return
		}
		c.end(480, "Temporarily Unavailable", reason("480", "the call was not taken up again"))
	default:
	}
}

// succeed puts the new phone in the place of the old one.
func (c *call) succeed(m sip.Message) {
	ctx, cancel := c.media()
	defer cancel()
	if err := c.next.web.Accept(ctx, m.Body.Data); err != nil {
		c.failMedia(err)
		return
	}
	old, oldWeb := c.browser, c.web
	c.web = c.next.web
	c.setBrowser(c.next.dialog)
	c.next = nil
	c.rejoin()
	c.retire(old, oldWeb)
}

// retire ends a dialog whose browser is gone, and its media. Nobody hears it; it is over all the same.
func (c *call) retire(d *sip.Dialog, web *media.BrowserLeg) {
	c.closeWeb(web)
	if d == nil {
		return
	}
	c.out.Go(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), hangupTimeout)
		defer cancel()
		if err := d.Hangup(ctx, nil); err != nil {
			c.log.Debug("old_dialog_dropped", "error", err)
		}
	})
}

func (c *call) giveUpSuccessor() {
	c.retire(c.next.dialog, c.next.web)
	c.next = nil
}

// rejoin relays between the new browser and the upstream. What the new page shows is a call that is not on hold.
func (c *call) rejoin() {
	if running := c.relay; len(c.rtp.Formats()) > 0 {
		err := c.join()
		if err == nil && running != nil {
			err = running.Replace(media.Browser, c.web)
		}
		if err != nil {
			c.failMedia(err)
			return
		}
	}
	if c.held {
		c.held = false
		c.tell(Retrieved, "")
		c.holdThere()
	}
	c.watch()
	c.cover()
	c.onMedia()
}
