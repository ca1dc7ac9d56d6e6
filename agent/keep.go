package agent

import (
	"context"
	"strings"
	"time"
)

// Record is what outlives a restart: neither calls nor registrations, which are read anew where they are.
type Record struct {
	DN          string
	Agent       Status
	DND         bool
	Forward     string
	LastCallEnd time.Time
}

// Record is the part of the view that is worth keeping.
func (v View) Record() Record {
	return Record{DN: v.Number, Agent: v.Agent, DND: v.DND, Forward: v.Forward, LastCallEnd: v.LastCallEnd}
}

// Restore takes up where the last run ended. It comes after SetPolicy and Add and tells nobody: whoever listens begins
// with All. Records of numbers that are no DNs any more are left out. After-call work lasts until its time, and is over
// at once if that has passed meanwhile; an agent who is still absent is logged out after the whole time of absence.
func (r *Registry) Restore(records []Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	for _, rec := range records {
		d := r.dns[rec.DN]
		if d == nil {
			continue
		}
		d.dnd, d.forward, d.lastCallEnd = rec.DND, rec.Forward, rec.LastCallEnd
		if rec.Agent.AgentID != "" && r.agents[strings.ToLower(rec.Agent.AgentID)] != nil {
			continue // would be on two DNs
		}
		d.status = rec.Agent
		r.index(d, "")
		if until := d.status.Until; d.status.State == AfterCallWork && !until.IsZero() && !until.After(now) {
			d.next(Input{Kind: InputTimeout, At: until})
		}
		r.arm(d, now)
	}
}

// Watch logs agents out who are absent for as long as the policy says: no phone is registered on the DN, present knows
// of no desktop, and no call goes on. It looks several times in that span, so that it is late by a tenth at most and
// never early, until ctx ends.
func (r *Registry) Watch(ctx context.Context, present func(dn string) bool) {
	const looks, least, most = 10, 50 * time.Millisecond, 15 * time.Second
	if r.policy.Absence <= 0 {
		return
	}
	ticker := time.NewTicker(min(max(r.policy.Absence/looks, least), most))
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			for _, v := range r.All() {
				if v.Agent.State != LoggedOut {
					r.look(v.Number, present(v.Number))
				}
			}
		case <-ctx.Done():
			return
		}
	}
}

func (r *Registry) look(number string, present bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.dns[number]
	if d == nil {
		return
	}
	now := time.Now()
	switch {
	case present || d.inService() || len(d.calls) > 0:
		d.absent = time.Time{}
		return
	case d.absent.IsZero():
		d.absent = now
		return
	case now.Sub(d.absent) < r.policy.Absence:
		return
	}
	d.absent = time.Time{}
	r.change(d, func(now time.Time) []EventKind {
		return d.next(Input{Kind: InputLogout, At: now, Reason: ReasonAbsence})
	})
}
