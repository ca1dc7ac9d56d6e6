package gateway

import (
	"context"
	"errors"
	"time"

	"sidecar/sip"
)

// A PBX that was killed says neither CANCEL nor BYE, and the one that comes up in its place knows nothing of our calls. A
// phone would ring on for ever, and a call stay until the session timer ends it, half an hour later; the DN is busy so long.

// onWatch runs when the phone has rung too long, and, once the call is up, every Options.Silence.
func (c *call) onWatch() {
	switch {
	case c.inbound && !c.picked:
		c.end(480, "Temporarily Unavailable", reason("480", "not answered for too long"))
		return
	case !c.established: // a caller waits as long as it likes
		return
	}
	c.watchdog.Reset(c.g.opts.Silence)
	if c.probing || c.rtp.Alive(time.Now(), c.g.opts.Silence) {
		return
	}
	c.probing = true
	c.outside(func(ctx context.Context) error { return c.upstream.Probe(ctx) }, c.probed)
}

// probed ends the call of a PBX that doesn't answer. One that answers that it has no such call has ended the dialog by that.
func (c *call) probed(err error) {
	c.probing = false
	if _, answered := errors.AsType[*sip.StatusError](err); err == nil || answered || errors.Is(err, sip.ErrEnded) {
		return
	}
	c.log.Warn("upstream_is_gone", "error", err)
	c.end(408, "PBX Does Not Answer", reason("408", "the PBX does not answer"))
}
