package phone

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// State is where a call stands:
//
//	         180             200/ACK
//	Dialing ------> Ringing ---------> Established
//	   |  \____________|_____________^     |
//	   |    200        |                   |
//	   +---------------+-------------------+--> Ended
//
// An incoming call starts in Dialing, too, and rings when 180 has been sent.
type State int

// The states of a call.
const (
	Dialing State = iota
	Ringing
	Established
	Ended
)

func (s State) String() string {
	switch s {
	case Dialing:
		return "dialing"
	case Ringing:
		return "ringing"
	case Established:
		return "established"
	case Ended:
		return "ended"
	}
	return "state " + strconv.Itoa(int(s))
}

// next says whether a call may go from s to another state.
func (s State) next(to State) bool {
	return s != Ended && to > s
}

// EndCause says how a call ended.
type EndCause struct {
	Local  bool   // this phone ended it
	Method string // "BYE", "CANCEL", "INVITE" (a final response refused it), or "" (phone closed, transport failed)
	Status int    // final response to the INVITE, or 0
	Reason string // reason phrase, or text of the Reason header
	Q850   int    // Q.850 cause of the Reason header (RFC 3326), or 0
}

func (e EndCause) String() string {
	parts := []string{"by the peer"}
	if e.Local {
		parts[0] = "by this phone"
	}
	if e.Method != "" {
		parts = append(parts, e.Method)
	}
	if e.Status != 0 {
		parts = append(parts, strconv.Itoa(e.Status))
	}
	if e.Reason != "" {
		parts = append(parts, e.Reason)
	}
	if e.Q850 != 0 {
		parts = append(parts, fmt.Sprintf("(Q.850 cause %d)", e.Q850))
	}
	return strings.Join(parts, " ")
}

// withReason reads the Reason header of the message that ended the call.
func (e EndCause) withReason(msg sip.Message) EndCause {
	for _, header := range msg.GetHeaders("Reason") {
		protocol, params, _ := strings.Cut(header.Value(), ";")
		for param := range strings.SplitSeq(params, ";") {
			key, value, _ := strings.Cut(strings.TrimSpace(param), "=")
			value = strings.Trim(value, `"`)
			switch {
			case strings.EqualFold(key, "text") && e.Reason == "":
				e.Reason = value
			case strings.EqualFold(key, "cause") && strings.EqualFold(strings.TrimSpace(protocol), "Q.850"):
				if cause, err := strconv.Atoi(value); err == nil {
					e.Q850 = cause
				}
			}
		}
	}
	return e
}

// await blocks until done says so. It is called with c.mu held, once now and
// again after every change of the call; ended calls get one last look.
func (c *Call) await(ctx context.Context, what string, done func() bool) error {
	for {
		c.mu.Lock()
		ok, ended, cause, changed := done(), c.state == Ended, c.cause, c.changed
		c.mu.Unlock()
		switch {
		case ok:
			return nil
		case ended:
			return fmt.Errorf("wait for %s: %w %s", what, ErrEnded, cause)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, context.Cause(ctx))
		}
	}
}

// bumpLocked wakes everybody in await.
func (c *Call) bumpLocked() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// setState moves the call on. What comes too late (a 180 that the 200 overtook) changes nothing.
func (c *Call) setState(to State) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.setStateLocked(to)
}

func (c *Call) setStateLocked(to State) {
	if !c.state.next(to) {
		return
	}
	c.state = to
	c.reached[to] = true
	c.bumpLocked()
}

// finish ends the call once: the first cause stays. It never blocks and sends
// nothing, so that it may be called from a transaction's callback.
func (c *Call) finish(cause EndCause) {
	c.mu.Lock()
	if c.state == Ended {
		c.mu.Unlock()
		return
	}
	c.cause = cause
	c.setStateLocked(Ended)
	c.decideLocked()
	close(c.done)
	referring := c.referring
	c.mu.Unlock()
	c.media.stop()
	if !referring {
		c.phone.forget(c)
	}
	c.log.Debug("call_ended", "cause", cause.String())
}
