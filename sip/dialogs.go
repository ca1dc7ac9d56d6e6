package sip

import (
	"context"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

// dialogKey is what a request of the peer names a dialog by. The peer's own tag is compared later: a forked call has several.
type dialogKey struct{ callID, localTag string }

func (e *Endpoint) remember(d *Dialog) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	e.dialogs[dialogKey{d.callID, d.localTag}] = d
	return true
}

func (e *Endpoint) forget(d *Dialog) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if key := (dialogKey{d.callID, d.localTag}); e.dialogs[key] == d {
		delete(e.dialogs, key)
	}
}

func (e *Endpoint) find(callID, localTag string) *Dialog {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.dialogs[dialogKey{callID, localTag}]
}

// Dialogs is the number of dialogs that are not over.
func (e *Endpoint) Dialogs() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.dialogs)
}

// background runs fn within the endpoint's life; Close waits for it. It reports false once the endpoint closes.
func (e *Endpoint) background(fn func(context.Context)) bool {
	if !e.enter() {
		return false
	}
	go func() { // joined by Close, through enter's count
		defer e.wg.Done()
		fn(e.ctx)
	}()
	return true
}

// endAll ends what is left when the endpoint closes.
func (e *Endpoint) endAll() {
	e.mu.Lock()
	dialogs := make([]*Dialog, 0, len(e.dialogs))
	for _, d := range e.dialogs {
		dialogs = append(dialogs, d)
	}
	e.mu.Unlock()
	for _, d := range dialogs {
		d.end(Cause{Local: true, Reason: ErrClosed.Error()})
	}
}

// earlyCancels are CANCELs that overtook their INVITE, by branch.
type earlyCancels struct {
	mu      sync.Mutex
	waiting map[string]chan struct{}
}

// maxEarlyCancels bounds them; more are answered 481, as if the INVITE had never come.
const maxEarlyCancels = 256

func (c *earlyCancels) claim(branch string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	claimed, ok := c.waiting[branch]
	if ok {
		delete(c.waiting, branch)
		close(claimed)
	}
	return ok
}

// onCancel gets only a CANCEL whose INVITE is not there: over, or not there yet.
func (e *Endpoint) onCancel(req *sip.Request, tx *sip.ServerTx) {
	branch := branchOf(req)
	claimed := make(chan struct{})
	e.cancels.mu.Lock()
	if len(e.cancels.waiting) >= maxEarlyCancels || e.cancels.waiting[branch] != nil {
		e.cancels.mu.Unlock()
		e.reply(req, tx, refuse(481, "Call/Transaction Does Not Exist"))
		return
	}
	e.cancels.waiting[branch] = claimed
	e.cancels.mu.Unlock()
	timer := time.NewTimer(overtaking)
	defer timer.Stop()
	select {
	case <-claimed:
		e.reply(req, tx, refuse(200, "OK"))
		return
	case <-timer.C:
	case <-e.ctx.Done():
	}
	e.cancels.mu.Lock()
	delete(e.cancels.waiting, branch)
	e.cancels.mu.Unlock()
	e.reply(req, tx, refuse(481, "Call/Transaction Does Not Exist"))
}
