package bridge

import "slices"

// What has ended stays in the record for a while: a fact that is late may be about it, and a command may show it. A call
// can go on for hours, so only the latest are kept. Who needs more has it by then: the feed was told, Complete and repeated
// commands have results of their own (released, operations), and what was recorded has been handed over.
const (
	keepEnded    = 4 // consultations of an interaction, and supervisors at its calls
	keepLeft     = 8 // parties of a call, besides the one that began it
	keepRecorded = 4 // recordings of a call
)

// prune forgets what ended before this step. What this step ends is in the record once at least.
func (s *step) prune() {
	needed := map[ConnID]bool{}
	for n := range s.i.calls() {
		if c := s.i.nth(n); !c.Done {
			needed[c.Parent] = true
		}
	}
	var ended []Call
	s.i.Consults, ended = keepLast(s.i.Consults, keepEnded, func(c *Call) bool {
		watched := slices.ContainsFunc(s.i.Watches, func(w Watch) bool { return w.Call == c.ID })
		return c.Done && !needed[c.ConnID] && !watched && !slices.ContainsFunc(c.Recordings, func(r Recording) bool { return !r.over() })
	})
	for k := range ended {
		s.do(ForgetCall{Call: ended[k]})
		s.forgetLegs(ended[k].Parties)
	}
	s.i.Watches, _ = keepLast(s.i.Watches, keepEnded, func(w *Watch) bool { return w.Done })
	for n := range s.i.calls() {
		c := s.i.nth(n)
		var left []Party
		c.Parties, left = keepLast(c.Parties, keepLeft, func(p *Party) bool { return !c.refersTo(p) })
		s.forgetLegs(left)
		c.Recordings, _ = keepLast(c.Recordings, keepRecorded, func(r *Recording) bool { return r.over() })
		for k := range c.Recordings {
			c.Recordings[k].remember(left)
		}
	}
}

// keepLast takes those that may go out of a list, but the last of them.
func keepLast[T any](list []T, keep int, mayGo func(*T) bool) (kept, gone []T) {
	var may []int
	for k := range list {
		if mayGo(&list[k]) {
			may = append(may, k)
		}
	}
	if len(may) <= keep {
		return list, nil
	}
	may = may[:len(may)-keep]
	for k := range list {
		if len(may) > 0 && may[0] == k {
			gone, may = append(gone, list[k]), may[1:]
			continue
		}
		kept = append(kept, list[k])
	}
	return kept, gone
}

func (s *step) forgetLegs(of []Party) {
	for _, p := range of {
		if p.Leg.Channel.ID != "" {
			s.do(ForgetLeg{Channel: p.Leg.Channel, Name: p.Leg.Name})
		}
	}
}

// refersTo reports whether a party is in the call, has a leg, or is still spoken of.
func (c *Call) refersTo(p *Party) bool {
	switch {
	case p.alive() || p.Leg.alive() || p.Reply != 0 || len(p.Asked.Replies) > 0 || p.ID == c.Parties[0].ID:
		return true
	case c.Transfer != nil && (c.Transfer.By == p.ID || c.Transfer.To == p.ID):
		return true
	case c.Queue != nil && c.Queue.Offer == p.ID:
		return true
	case len(c.Recordings) > 0 && c.Recordings[len(c.Recordings)-1].Of == p.ID:
		return true
	}
	return slices.ContainsFunc(c.Parties, func(q Party) bool { return q.alive() && q.Third == p.ID })
}

// over reports whether nothing is left to be done about a recording.
func (r *Recording) over() bool {
	return r.Told && !r.Says.Leg.alive() && !r.Hears.Leg.alive()
}

// remember keeps the DNs that have talked for the recording's metadata, when their parties are forgotten.
func (r *Recording) remember(left []Party) {
	for _, p := range left {
		if p.DN != "" && !p.JoinedAt.IsZero() && !slices.Contains(r.Former, p.DN) {
			r.Former = append(slices.Clone(r.Former), p.DN)
		}
	}
}
