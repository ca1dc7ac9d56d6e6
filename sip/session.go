package sip

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

const (
	defaultSession = 30 * time.Minute
	minSession     = 90 * time.Second // RFC 4028 section 5
)

// session is RFC 4028: a call whose peer vanished ends although nobody hangs up.
// interval and weRefresh are set before the dialog is shared or under its lock.
type session struct {
	interval  time.Duration // 0: no timer
	floor     time.Duration // the largest Min-SE that the peer has named
	weRefresh bool
	raised    bool // our INVITE was answered 422 and repeated
	timer     *time.Timer
	epoch     int
}

// acceptSession reads a request's Session-Expires; brief says that it is below the minimum.
func acceptSession(req *sip.Request) (s session, brief bool) {
	interval, refresher := sessionExpires(req)
	timers := slices.Contains(slices.Concat(tokens(req, "Supported"), tokens(req, "k")), "timer")
	switch {
	case interval == 0 && timers:
		// The caller knows timers and asks for none: we do, and leave the refreshing to us.
		return session{interval: max(defaultSession, minSE(req)), weRefresh: true}, false
	case interval == 0:
		return session{}, false
	case interval < minSession:
		return session{interval: interval}, true
	}
	// Without a choice of the caller's the caller refreshes; one that knows no timers can't.
	return session{interval: interval, weRefresh: refresher == "uas" || !timers}, false
}

// sessionExpires reads Session-Expires and its refresher; 0 when there is none.
func sessionExpires(m message) (time.Duration, string) {
	text := headerValue(m, "Session-Expires")
	if text == "" {
		text = headerValue(m, "x")
	}
	number, params, _ := strings.Cut(text, ";")
	seconds, ok := parseSeconds(number)
	if !ok {
		return 0, ""
	}
	refresher := ""
	for param := range strings.SplitSeq(params, ";") {
		if name, value, _ := strings.Cut(strings.TrimSpace(param), "="); strings.EqualFold(name, "refresher") {
			refresher = strings.ToLower(value)
		}
	}
	return time.Duration(seconds) * time.Second, refresher
}

// minSE reads Min-SE: no interval may be shorter (section 5).
func minSE(m message) time.Duration {
	seconds, _ := parseSeconds(headerValue(m, "Min-SE"))
	return time.Duration(seconds) * time.Second
}

// ask writes what an INVITE of ours proposes.
func (s *session) ask(req *sip.Request, interval, floor time.Duration) {
	req.RemoveHeader("Session-Expires")
	req.RemoveHeader("Min-SE")
	req.AppendHeader(sip.NewHeader("Session-Expires", seconds10(interval)))
	req.AppendHeader(sip.NewHeader("Min-SE", seconds10(floor)))
}

// repeat proposes in a re-INVITE or UPDATE what is agreed, so that who refreshes stays the same.
func (s *session) repeat(d *Dialog, req *sip.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s.interval == 0 {
		return
	}
	refresher := ";refresher=uas"
	if s.weRefresh {
		refresher = ";refresher=uac"
	}
	req.AppendHeader(sip.NewHeader("Session-Expires", seconds10(s.interval)+refresher))
	req.AppendHeader(sip.NewHeader("Min-SE", seconds10(max(minSession, s.floor))))
}

// lift takes over the interval that a 422 to a refresh wants; false when it wants nothing new.
func (s *session) lift(d *Dialog, res *sip.Response) bool {
	floor := minSE(res)
	d.mu.Lock()
	defer d.mu.Unlock()
	if s.interval == 0 || floor <= s.interval {
		return false
	}
	s.interval, s.floor = floor, floor
	return true
}

// raise builds the INVITE again with the interval that the peer's 422 wants; nil when it names none.
func (s *session) raise(d *Dialog, req *sip.Request, res *sip.Response) *sip.Request {
	floor := minSE(res)
	if floor < minSession {
		return nil
	}
	next := d.e.again(req, d.nextSeq())
	d.mu.Lock()
	s.raised, s.floor = true, floor
	s.interval = max(defaultSession, floor)
	s.ask(next, s.interval, floor)
	d.mu.Unlock()
	return next
}

// describe writes into our 2xx what holds (section 9).
func (s *session) describe(d *Dialog, res *sip.Response) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s.interval == 0 {
		return
	}
	refresher := ";refresher=uac"
	if s.weRefresh {
		refresher = ";refresher=uas"
	} else {
		res.AppendHeader(sip.NewHeader("Require", "timer"))
	}
	res.AppendHeader(sip.NewHeader("Session-Expires", seconds10(s.interval)+refresher))
}

// renew takes over what a re-INVITE or UPDATE of the peer asks for, and answers in its 2xx.
func (s *session) renew(d *Dialog, req *sip.Request, res *sip.Response) {
	wanted, _ := acceptSession(req)
	d.mu.Lock()
	s.interval, s.weRefresh = wanted.interval, wanted.weRefresh
	d.mu.Unlock()
	s.describe(d, res)
	s.start(d)
}

// learn reads what the peer's 2xx to a request of ours agreed to.
func (s *session) learn(d *Dialog, res *sip.Response, request bool) {
	interval, refresher := sessionExpires(res)
	d.mu.Lock()
	defer d.mu.Unlock()
	s.interval = interval
	s.weRefresh = request && refresher != "uas"
	if interval > 0 && interval < minSession {
		s.interval = minSession
	}
}

// start lets the time run anew: the refresher refreshes at half of it, the other
// side gives the call up shortly before its end (section 10).
func (s *session) start(d *Dialog) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s.stop()
	if s.interval == 0 || d.state == Over {
		return
	}
	wait, act := s.interval/2, d.refresh
	if !s.weRefresh {
		wait = giveUp(s.interval)
		act = func(ctx context.Context) { d.quit(ctx, "session timer") }
	}
	epoch := s.epoch
	s.timer = time.AfterFunc(wait, func() {
		d.mu.Lock()
		current := s.epoch == epoch && d.state == Confirmed
		d.mu.Unlock()
		if current {
			d.e.background(act)
		}
	})
}

// stop is called with the dialog's lock held.
func (s *session) stop() {
	s.epoch++
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
}

// giveUp is when the side that doesn't refresh ends the call (section 10).
func giveUp(interval time.Duration) time.Duration { return interval - min(32*time.Second, interval/3) }

// refreshPause is between a refresh that was refused and the next.
const refreshPause = 10 * time.Second

// refresh tells the peer that we are here: by UPDATE without a body, or by
// repeating our description in a re-INVITE to a peer that knows no UPDATE. A refusal
// proves that the peer is there: there are more tries until the session would end.
func (d *Dialog) refresh(life context.Context) {
	d.mu.Lock()
	interval := d.session.interval
	d.mu.Unlock()
	ctx, stop := context.WithTimeout(life, giveUp(interval)-interval/2)
	defer stop()
	for {
		err := d.Probe(ctx)
		status, refused := errors.AsType[*StatusError](err)
		switch {
		case err == nil, d.State() != Confirmed:
			return
		case refused && gone(status.Status): // propose hangs up
			return
		case refused && after(ctx, refreshPause) == nil:
			continue
		}
		d.log().Info("session_refresh_failed", "error", err)
		d.quit(life, "session refresh failed")
		return
	}
}

// Probe asks the peer whether it has the dialog still, by a refresh of the session. A StatusError is an answer too; when it
// says that there is no such call the dialog ends.
func (d *Dialog) Probe(ctx context.Context) (err error) {
	d.mu.Lock()
	body := d.lastBody
	d.mu.Unlock()
	if d.Allows("UPDATE") || body.Empty() {
		_, err = d.Update(ctx, Body{}, nil)
	} else {
		_, err = d.Reinvite(ctx, body, nil, nil)
	}
	return err
}
