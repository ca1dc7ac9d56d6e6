package bridge

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// simStudio is what the simulated switch records and plays, and what those were told who take it.
type simStudio struct {
	files    map[string]*simFile        // by name
	plays    map[string]string          // bridge by id of a playback
	finished map[string]map[take]bool   // by name of the first file: as what it was handed over
	begun    map[take]FinishedRecording // recordings that the journal has had
	waits    map[CallID]Waiting         // what the present engine has told of
	asked    map[CallID]int             // offers whose failure was not told
	rules    map[DN]bool                // whose calls are to be recorded
	strict   bool                       // every offer is in asked
}

// simFile is a file that a channel is recorded to.
type simFile struct {
	of           string
	open, paused bool
}

// take is one recording of a call.
type take struct {
	call    CallID
	segment int
}

func newStudio() simStudio {
	return simStudio{
		files: map[string]*simFile{}, plays: map[string]string{}, finished: map[string]map[take]bool{},
		begun: map[take]FinishedRecording{}, waits: map[CallID]Waiting{}, asked: map[CallID]int{}, rules: map[DN]bool{},
	}
}

func (p port) Record(ctx context.Context, id ChannelID, name string) error {
	return p.on(ctx, id, func(*simChannel) error {
		if p.studio.files[name] == nil {
			p.studio.files[name] = &simFile{of: id.ID, open: true}
		}
		return nil
	})
}

func (p port) file(ctx context.Context, name string, do func(*simFile)) error {
	return p.request(ctx, func() error {
		f := p.studio.files[name]
		if f == nil || !f.open {
			return fmt.Errorf("%w: %s is not being recorded", errSim, name)
		}
		do(f)
		return nil
	})
}

func (p port) PauseRecording(ctx context.Context, _ ServerID, name string, on bool) error {
	return p.file(ctx, name, func(f *simFile) { f.paused = on })
}

func (p port) StopRecording(ctx context.Context, _ ServerID, name string) error {
	return p.file(ctx, name, func(f *simFile) { p.closeFile(name, f) })
}

// closeFile ends a file. The lock is held.
func (s *sim) closeFile(name string, f *simFile) {
	f.open = false
	if s.e != nil && !s.gap {
		s.e.Recorded("pbx1", Recorded{Name: name})
	}
}

// closeFiles ends those of a channel. The lock is held.
func (s *sim) closeFiles(of string) {
	for _, name := range slices.Sorted(maps.Keys(s.studio.files)) {
		if f := s.studio.files[name]; f.of == of && f.open {
			s.closeFile(name, f)
		}
	}
}

// Play lasts for two seconds, or as long as its bridge.
func (p port) Play(ctx context.Context, play NewPlayback) error {
	return p.request(ctx, func() error {
		if p.bridges[play.Bridge.ID] == nil {
			return fmt.Errorf("%w: no bridge %s", errSim, play.Bridge.ID)
		}
		p.studio.plays[play.ID] = play.Bridge.ID
		time.AfterFunc(2*time.Second, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.endPlay(play.ID, false)
		})
		return nil
	})
}

func (p port) StopPlay(ctx context.Context, _ ServerID, id string) error {
	return p.request(ctx, func() error { p.endPlay(id, false); return nil })
}

// endPlay ends an announcement. The lock is held.
func (s *sim) endPlay(id string, failed bool) {
	if _, plays := s.studio.plays[id]; !plays {
		return
	}
	delete(s.studio.plays, id)
	if s.e != nil && !s.gap {
		s.e.Played("pbx1", Played{ID: id, Failed: failed})
	}
}

// endPlays ends those of a bridge. The lock is held.
func (s *sim) endPlays(bridge string) {
	for _, id := range slices.Sorted(maps.Keys(s.studio.plays)) {
		if s.studio.plays[id] == bridge {
			s.endPlay(id, true)
		}
	}
}

// simRecorder takes what was recorded.
type simRecorder struct{ port }

func (p simRecorder) Room() error { return nil }

func (p simRecorder) Wanted(_ CallView, dns []DN) (reason, prompt string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if slices.ContainsFunc(dns, func(dn DN) bool { return p.studio.rules[dn] }) {
		return "setting", "sound:beep"
	}
	return "", ""
}

func (p simRecorder) Finished(r FinishedRecording) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.act() {
		return
	}
	of := take{r.Call.ID, r.Segment}
	if p.studio.finished[r.Says] == nil {
		p.studio.finished[r.Says] = map[take]bool{}
	}
	p.studio.finished[r.Says][of] = true
	for _, name := range []string{r.Says, r.Hears} {
		if f := p.studio.files[name]; f != nil && f.open && !p.cut { // else nobody can fetch it now
			p.wrong = append(p.wrong, name+" is handed over while it is being written")
		}
	}
}

// simQueues is told who waits.
type simQueues struct{ port }

func (p simQueues) Waiting(w Waiting) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.act() {
		return
	}
	before, known := p.studio.waits[w.Call.ID]
	switch {
	case w.Failed != nil && p.studio.asked[w.Call.ID] == 0 && p.studio.strict:
		p.wrong = append(p.wrong, fmt.Sprintf("%s: an offer to %s failed that nobody asked for", w.Call.ID, w.Offered))
	case w.Failed != nil:
		p.studio.asked[w.Call.ID]--
	case known && before.Queue == w.Queue && p.own == 1: // later ones may tell it behind the failure of an offer
		p.wrong = append(p.wrong, fmt.Sprintf("%s waits, as was told before", w.Call.ID))
	}
	p.studio.waits[w.Call.ID] = w
}

func (p simQueues) Gone(call CallID, why GoneReason) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.act() {
		return
	}
	if _, known := p.studio.waits[call]; !known && p.own == 1 {
		p.wrong = append(p.wrong, fmt.Sprintf("%s: %s, and nobody was told that it waits", call, why))
	}
	delete(p.studio.waits, call)
}

func (p simQueues) Digit(CallID, string) {}

// keeps looks at a state that goes into the journal. The lock is held.
func (s *sim) keeps(i *Interaction) {
	wrong := func(c *Call, why string) { s.wrong = append(s.wrong, fmt.Sprintf("%s: %s", c.ID, why)) }
	for n := range i.calls() {
		c := i.nth(n)
		if q := c.Queue; q != nil && q.Offer != 0 {
			if p := c.party(q.Offer); p == nil || p.State != PartyAlerting && p.State != PartyRinging {
				wrong(c, fmt.Sprintf("is offered to party %d: %+v", q.Offer, p))
			}
		}
		for k, r := range c.Recordings {
			s.studio.begun[take{c.ID, r.Segment}] = FinishedRecording{Says: r.Says.Name, Hears: r.Hears.Name}
			switch {
			case r.running() && k < len(c.Recordings)-1:
				wrong(c, "two recordings run")
			case r.running() && !c.EndedAt.IsZero():
				wrong(c, "has ended, and is recorded")
			case r.Told && (r.running() || !r.Says.Over || !r.Hears.Over):
				wrong(c, fmt.Sprintf("a recording that is not over was handed over: %+v", r))
			}
		}
	}
}

// lostTakes are recordings that came to no end, files that belong to none, and announcements without a listener.
func (s *sim) lostTakes() []string {
	var list []string
	names := map[string]bool{}
	for of, r := range s.studio.begun {
		names[r.Says], names[r.Hears] = true, true
		if !s.studio.finished[r.Says][of] && s.recorder == nil {
			list = append(list, fmt.Sprintf("recording %d of %s was never handed over", of.segment, of.call))
		}
	}
	for says, as := range s.studio.finished {
		if len(as) > 1 {
			list = append(list, fmt.Sprintf("%s was handed over as %v", says, as))
		}
	}
	for name, f := range s.studio.files {
		if f.open || !names[name] {
			list = append(list, fmt.Sprintf("the file %s is left: %+v", name, *f))
		}
	}
	for id := range s.studio.plays {
		list = append(list, id+" still plays")
	}
	for call := range s.studio.waits {
		list = append(list, string(call)+" waits for ever")
	}
	return list
}
