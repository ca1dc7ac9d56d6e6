package bridge

import (
	"fmt"
	"time"
)

// Recording is a recording of a call: what one of its parties says and what it hears, the two sides of the stereo file. They
// are taken from the party that came from outside, or began the call: it stays when the call is transferred.
//
//	           start                      stop, its party leaves
//	(none) ──────────> Recording <──> Paused ──────────> Stopped
//	                      pause, resume
type Recording struct {
	Segment   int // counts those of the call from 1
	State     RecordingState
	Of        PartyID
	Says      RecordedSide
	Hears     RecordedSide
	By        DN     // who asked for it, empty: the settings
	Reason    string // command, or the setting
	StartedAt time.Time
	EndedAt   time.Time
	Told      bool           // what was recorded is handed over
	Former    []DN           // talked in the call, and are in its record no more
	Left      RecordingState // what it was when its sound ended without a command, until another party is recorded instead
}

// RecordedSide is a snoop channel and the file that it is recorded to.
type RecordedSide struct {
	Leg    Leg
	Name   string
	Over   bool // nothing is written any more
	Failed bool
}

func (r *Recording) sides() []*RecordedSide { return []*RecordedSide{&r.Says, &r.Hears} }

// running reports whether the recording goes on, paused or not.
func (r *Recording) running() bool {
	return r.State == RecordingOn || r.State == RecordingPaused
}

// recording is the one that runs, nil when none does.
func (c *Call) recording() *Recording {
	if n := len(c.Recordings); n > 0 && c.Recordings[n-1].running() {
		return &c.Recordings[n-1]
	}
	return nil
}

// recordingState is that of the last recording.
func (c *Call) recordingState() RecordingState {
	if n := len(c.Recordings); n > 0 {
		return c.Recordings[n-1].State
	}
	return RecordingNone
}

// whyRecord says why a recording can't be started, stopped, paused or resumed now.
func (c *Call) whyRecord(verb Capability) string {
	r := c.recording()
	switch {
	case verb == CanStartRecording && c.AnsweredAt.IsZero():
		return needsAnswer
	case verb == CanStartRecording && r != nil:
		return "it is being recorded"
	case verb != CanStartRecording && r == nil:
		return "it is not being recorded"
	case verb == CanPauseRecording && r.State != RecordingOn:
		return "the recording is paused"
	case verb == CanResumeRecording && r.State != RecordingPaused:
		return "the recording is not paused"
	}
	return ""
}

// record does what a command, or a setting, wants of the recording.
func (s *step) record(in doRecord) {
	c := s.call()
	if in.By != "" {
		if _, err := s.actor(in.By, in.Verb); err != nil {
			s.do(Reply{Token: in.Reply, Err: err})
			return
		}
	} else if c.whyRecord(in.Verb) != "" {
		return
	}
	switch in.Verb {
	case CanStartRecording:
		s.startRecording(in.By, in.Reason, RecordingOn)
		if in.Prompt != "" {
			s.do(PlayMedia{Playback: NewPlayback{ID: s.nextID("p"), Bridge: c.Bridge, Media: []string{in.Prompt}}})
		}
	case CanStopRecording:
		s.stopRecording(c.recording())
	default:
		r := c.recording()
		r.State = RecordingOn
		if in.Verb == CanPauseRecording {
			r.State = RecordingPaused
		}
		s.pauseSides(r)
	}
	s.recordingChanged(in.Op)
	s.do(Reply{Token: in.Reply})
}

func (s *step) nextID(kind string) string {
	s.i.NextLeg++
	return fmt.Sprintf("%s.%s%d", s.i.ID, kind, s.i.NextLeg)
}

// recordingChanged tells every DN of the call.
func (s *step) recordingChanged(op OpID) {
	c := s.call()
	for i := range c.Parties {
		if p := &c.Parties[i]; p.alive() && p.Told {
			s.tell(p, Event{Kind: EventRecordingChanged, CallState: CallStateOK, Reference: op})
		}
	}
}

func (s *step) startRecording(by DN, reason string, state RecordingState) {
	c := s.call()
	of := c.anchor()
	if of == nil {
		return
	}
	segment := 1
	if n := len(c.Recordings); n > 0 {
		segment = c.Recordings[n-1].Segment + 1
	}
	r := Recording{Segment: segment, State: state, Of: of.ID, By: by, Reason: reason, StartedAt: s.at}
	hear := []SnoopHear{HearIn, HearOut}
	for k, side := range r.sides() {
		side.Leg = s.newLeg("")
		side.Name = s.nextID("r")
		s.do(SnoopLeg{Snoop: NewSnoop{Channel: side.Leg.Channel, Of: of.Leg.Channel, Hear: hear[k]}})
	}
	c.Recordings = append(c.Recordings, r)
}

// anchor is the party whose sound is recorded: one from outside before a DN, the earlier before the later.
func (c *Call) anchor() *Party {
	var found *Party
	for i := range c.Parties {
		p := &c.Parties[i]
		if p.State != PartyEstablished && p.State != PartyHeld || !p.Leg.talks() {
			continue
		}
		if p.DN == "" {
			return p
		}
		if found == nil {
			found = p
		}
	}
	return found
}

// stopRecording ends a recording; its files are handed over when the switch has closed them.
func (s *step) stopRecording(r *Recording) {
	if r == nil {
		return
	}
	r.State, r.EndedAt = RecordingStopped, s.at
	for _, side := range r.sides() {
		if side.Leg.usable() { // whose end closes the file
			side.Leg.State = LegLeaving
			s.do(HangupLeg{Channel: side.Leg.Channel, Cause: causeNormal})
		}
	}
}

func (s *step) pauseSides(r *Recording) {
	for _, side := range r.sides() {
		if side.Leg.State == LegUp && !side.Over {
			s.do(PauseRecording{Server: s.i.Server, Name: side.Name, On: r.State == RecordingPaused})
		}
	}
}

// recordedSide turns to the call that a snoop channel, or a file, records, and gives the recording and the side.
func (s *step) recordedSide(is func(*RecordedSide) bool) (*Recording, *RecordedSide) {
	for n := range s.i.calls() {
		c := s.i.nth(n)
		for k := range c.Recordings {
			for _, side := range c.Recordings[k].sides() {
				if is(side) {
					s.n = n
					return &c.Recordings[k], side
				}
			}
		}
	}
	return nil, nil
}

// snooped takes a fact of a recording's snoop channel, and reports whether it was one.
func (s *step) snooped(ch ChannelID, change LegChange) bool {
	r, side := s.recordedSide(func(side *RecordedSide) bool { return side.Leg.Channel == ch })
	switch {
	case r == nil:
		return false
	case change == LegIsCreated && side.Leg.State == LegRequested && r.running():
		side.Leg.State = LegUp
		s.do(RecordLeg{Channel: ch, Name: side.Name})
		if r.State == RecordingPaused {
			s.do(PauseRecording{Server: s.i.Server, Name: side.Name, On: true})
		}
	case change == LegIsCreated && side.Leg.State == LegRequested:
		side.Leg.State = LegLeaving
		s.do(HangupLeg{Channel: ch, Cause: causeNormal})
	case change == LegIsCreated && side.Leg.State == LegGone: // it was given up, and came to be nevertheless
		s.do(HangupLeg{Channel: ch, Cause: causeNormal})
	case change == LegIsGone:
		side.Leg.State, side.Over = LegGone, true // the end of the file was told before
		s.sideOver(r)
	}
	return true
}

// notSnooped takes the failure of a request for a snoop channel, and reports whether it was one. One that is there all the
// same is of use as long as nobody knows of the failure.
func (s *step) notSnooped(ch ChannelID) bool {
	r, side := s.recordedSide(func(side *RecordedSide) bool { return side.Leg.Channel == ch })
	if r == nil {
		return false
	}
	if side.Leg.State == LegRequested || side.Leg.State == LegLeaving {
		s.do(HangupLeg{Channel: ch, Cause: causeNormal}) // the answer may be lost and the channel there
		side.Leg.State, side.Over = LegGone, true
		s.sideOver(r)
	}
	return true
}

// recorded takes the end of a file.
func (s *step) recorded(in Recorded) {
	r, side := s.recordedSide(func(side *RecordedSide) bool { return side.Name == in.Name })
	if r == nil {
		return
	}
	side.Failed = in.Failed
	side.Over = side.Over || !in.Failed || !side.Leg.alive() // what seemed to fail may be written nevertheless, while its channel is there
	s.sideOver(r)
}

// sideOver goes on after one side has ended: the other ends with it, and what there is is handed over.
func (s *step) sideOver(r *Recording) {
	c := s.call()
	if r.running() {
		if !r.Says.Failed && !r.Hears.Failed {
			r.Left = r.State
		}
		s.stopRecording(r)
		s.recordingChanged("")
	}
	if !r.Told && r.Says.Over && r.Hears.Over {
		r.Told = true
		s.do(HandOver{Call: c.ID, Recording: *r})
	}
}

// recordElsewhere ends the sound of a recording whose party goes to another call, which is none of this one's business.
func (s *step) recordElsewhere(p *Party) {
	if r := s.call().recording(); r != nil && r.Of == p.ID {
		r.Left = r.State
		s.stopRecording(r)
		s.recordingChanged("")
	}
}

// recordAnother records another party when the recorded one has left, and those who stay talk. Asterisk may tell of the
// snoop channel's end before it tells of the party's, and whoever is called instead may answer later. A pause goes on.
func (s *step) recordAnother() {
	c := s.call()
	if len(c.Recordings) == 0 {
		return
	}
	r := &c.Recordings[len(c.Recordings)-1]
	if of := c.party(r.Of); r.Left == RecordingNone || of != nil && of.alive() && !of.Away || c.talking() < 2 {
		return
	}
	by, reason, state := r.By, r.Reason, r.Left
	r.Left = RecordingNone
	s.startRecording(by, reason, state)
	s.recordingChanged("")
}

// endRecordings stops what is recorded of a call that is over. It reports whether snoop channels are left.
func (s *step) endRecordings() bool {
	c := s.call()
	s.stopRecording(c.recording())
	for k := range c.Recordings {
		for _, side := range c.Recordings[k].sides() {
			if side.Leg.alive() {
				return true
			}
		}
	}
	return false
}

// reconcileRecordings brings the recordings in line with the channels that there are.
func (s *step) reconcileRecordings(in Reconciled) {
	type fact struct {
		ch     ChannelID
		change LegChange
	}
	var facts []fact
	for n := range s.i.calls() {
		c := s.i.nth(n)
		for k := range c.Recordings {
			for _, side := range c.Recordings[k].sides() {
				_, there := in.Channels[side.Leg.Channel.ID]
				switch {
				case side.Leg.alive() && !there:
					facts = append(facts, fact{side.Leg.Channel, LegIsGone})
				case side.Leg.State == LegGone && there, side.Leg.State == LegLeaving:
					s.do(HangupLeg{Channel: side.Leg.Channel, Cause: causeNormal})
				case side.Leg.State == LegRequested:
					facts = append(facts, fact{side.Leg.Channel, LegIsCreated})
				case side.Leg.State == LegUp && in.Restarted: // it may not have been asked for
					s.do(RecordLeg{Channel: side.Leg.Channel, Name: side.Name})
				}
			}
			if c.Recordings[k].State == RecordingPaused { // what must not be recorded is said now
				s.pauseSides(&c.Recordings[k])
			}
		}
	}
	for _, f := range facts {
		s.snooped(f.ch, f.change)
	}
	s.n = 0
}
