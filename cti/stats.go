package cti

// Stats counts what the feed has done since it was made, and shows how it stands.
type Stats struct {
	Published   uint64 // events taken from bridge and agent
	Appended    uint64 // events that have got a number
	Delivered   uint64 // events queued for a subscriber, counted for each
	Lost        uint64 // events given up because the intake was full
	Gaps        uint64 // times that happened
	Slow        uint64 // subscribers cut off because they did not keep up
	Waiting     int    // events in the intake
	Retained    int    // events that can be replayed
	Subscribers int
	Degraded    bool // the intake was full and the appender has not dealt with it yet
	Head        Cursor
}

// Stats may be called at any time.
func (f *Feed) Stats() Stats {
	s := Stats{
		Published: f.published.Load(),
		Appended:  f.appended.Load(),
		Delivered: f.delivered.Load(),
		Lost:      f.lost.Load(),
		Gaps:      f.gaps.Load(),
		Slow:      f.slow.Load(),
	}
	s.Waiting, s.Degraded = f.intake.state()
	f.mu.Lock()
	defer f.mu.Unlock()
	s.Retained = f.ring.len()
	s.Subscribers = len(f.subs)
	s.Head = Cursor{Epoch: f.epoch, Seq: f.ring.head}
	return s
}
