package cti

// Stats counts what the feed has done since it was made, and shows how it stands.
type Stats struct {
	Published   uint64 // events taken from bridge and agent
	Appended    uint64 // events of ours that the log has taken
	Delivered   uint64 // events queued for a subscriber, counted for each
	Replayed    uint64 // events read again for subscribers that came back, before their filters
	Lost        uint64 // events given up because there was no room for them
	Gaps        uint64 // gaps met in the log, of sidecars that lost events and of its own
	Slow        uint64 // subscribers cut off because they did not keep up
	Stalls      uint64 // times that the log did not answer for too long
	Waiting     int    // events not yet appended, without those in the spool
	Spooled     int    // events that wait for the log to come back
	Retained    int    // events that can be replayed from memory
	Subscribers int
	Stalled     bool // the log does not answer, or has not been opened yet
	Degraded    bool // stalled, or events were given up a moment ago
	Head        Cursor
}

// Stats may be called at any time.
func (f *Feed) Stats() Stats {
	s := Stats{
		Published: f.published.Load(),
		Appended:  f.appended.Load(),
		Delivered: f.delivered.Load(),
		Replayed:  f.replayed.Load(),
		Lost:      f.lost.Load(),
		Gaps:      f.gaps.Load(),
		Slow:      f.slow.Load(),
		Spooled:   int(f.append.spooled.Load()),
	}
	var overflowed bool
	s.Waiting, overflowed = f.intake.state()
	f.health.mu.Lock()
	s.Stalled, s.Stalls = f.health.stalled, f.health.stalls
	f.health.mu.Unlock()
	s.Degraded = s.Stalled || overflowed
	f.mu.Lock()
	defer f.mu.Unlock()
	s.Retained = f.ring.count
	s.Subscribers = len(f.subs) + len(f.late)
	s.Head = Cursor{Epoch: f.epoch, Seq: f.ring.head}
	return s
}
