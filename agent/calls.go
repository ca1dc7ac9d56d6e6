package agent

import (
	"fmt"
	"time"
)

// Reserve counts a call that is offered to the DN, unless it can't take one: ErrUnknownDN, ErrOutOfService, ErrDND,
// *ForwardedError or ErrMaxCalls. A call that the DN has already is no error.
func (r *Registry) Reserve(number, id string) error {
	return r.reserve(number, id, offered, func(d *dn) error {
		switch {
		case d.dnd:
			return fmt.Errorf("%s: %w", number, ErrDND)
		case d.forward != "":
			return &ForwardedError{DN: number, To: d.forward}
		}
		return nil
	})
}

// ReserveReady is Reserve for one who gives calls to whoever is free, such as a queue: it also refuses with ErrNotReady
// unless an agent is ready there and in no call.
func (r *Registry) ReserveReady(number, id string) error {
	return r.reserve(number, id, offered, func(d *dn) error {
		switch {
		case d.dnd:
			return fmt.Errorf("%s: %w", number, ErrDND)
		case d.forward != "":
			return &ForwardedError{DN: number, To: d.forward}
		case d.status.State != Ready, len(d.calls) > 0:
			return fmt.Errorf("%s: %w", number, ErrNotReady)
		}
		return nil
	})
}

// ReserveOwn is Reserve for a call that the DN itself asked for, such as a click-to-dial: neither do-not-disturb nor a
// forward stands against it.
func (r *Registry) ReserveOwn(number, id string) error {
	return r.reserve(number, id, initiated, func(*dn) error { return nil })
}

func (r *Registry) reserve(number, id string, p phase, refuse func(*dn) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.dns[number]
	switch {
	case d == nil:
		return fmt.Errorf("%s: %w", number, ErrUnknownDN)
	case !d.inService():
		return fmt.Errorf("%s: %w", number, ErrOutOfService)
	case d.find(id) != nil:
		return nil
	}
	if err := refuse(d); err != nil {
		return err
	}
	if len(d.calls) >= d.maxCalls {
		return fmt.Errorf("%s: %w", number, ErrMaxCalls)
	}
	r.change(d, func(time.Time) []EventKind {
		d.add(id, p)
		return nil
	})
	return nil
}

// Occupy counts a call that the DN has already, such as one that its phone began.
func (r *Registry) Occupy(number, id string) {
	r.with(number, func(d *dn, _ time.Time) []EventKind {
		d.add(id, initiated)
		return nil
	})
}

// Offered says of a call that Occupy has counted that the DN did not begin it: it rings there, as it did before a restart.
func (r *Registry) Offered(number, id string) {
	r.with(number, func(d *dn, _ time.Time) []EventKind {
		if c := d.find(id); c != nil && c.phase == initiated {
			c.phase = offered
		}
		return nil
	})
}

// Answered says that the DN talks in a call of that kind, for the first time or again after a hold.
func (r *Registry) Answered(number, id string, kind CallKind) {
	r.with(number, func(d *dn, _ time.Time) []EventKind {
		if c := d.find(id); c != nil {
			c.phase, c.kind = talking, kind
			c.wraps = c.wraps || r.policy.wraps(kind)
		}
		return nil
	})
}

// Held says that the DN has put a call on hold; Answered takes it back.
func (r *Registry) Held(number, id string) {
	r.with(number, func(d *dn, _ time.Time) []EventKind {
		if c := d.find(id); c != nil {
			c.phase = held
		}
		return nil
	})
}

// Unanswered ends what Reserve counted because the call rang out: an agent who was there for calls is taken to the
// state of the policy.
func (r *Registry) Unanswered(number, id string) {
	r.with(number, func(d *dn, now time.Time) []EventKind {
		if c := d.find(id); c == nil || c.phase != offered {
			return nil
		}
		d.remove(id)
		if len(d.calls) > 0 {
			return nil // busy in another one
		}
		return append(d.next(r.policy.noAnswer(now)), r.wrapUp(d, now)...)
	})
}

// Free ends what Reserve or Occupy counted; a second time does nothing. After the last call, after-call work begins if
// one of them counts for it.
func (r *Registry) Free(number, id string) {
	r.with(number, func(d *dn, now time.Time) []EventKind {
		c := d.find(id)
		if c == nil {
			return nil
		}
		if c.phase == talking || c.phase == held {
			d.lastCallEnd = now
			d.wrapDue = d.wrapDue || c.wraps
		}
		d.remove(id)
		return r.wrapUp(d, now)
	})
}

// wrapUp begins after-call work when it is due. An agent who ends it by hand gets no timer.
func (r *Registry) wrapUp(d *dn, now time.Time) []EventKind {
	if !d.wrapDue || len(d.calls) > 0 {
		return nil
	}
	d.wrapDue = false
	length := r.duration(d, 0)
	if length == 0 && d.status.Login != ManualIn {
		return nil
	}
	return d.next(Input{Kind: InputCallEnded, At: now, For: length})
}

func (r *Registry) with(number string, fn func(*dn, time.Time) []EventKind) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d := r.dns[number]; d != nil {
		r.change(d, func(now time.Time) []EventKind { return fn(d, now) })
	}
}
