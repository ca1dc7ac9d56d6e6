package bridge

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
)

// recording is a customer's call at 5001 that is being recorded.
func recording(t *testing.T) *script {
	t.Helper()
	return talking(t).in(
		doRecord{By: "5001", Verb: CanStartRecording, Reason: "command", Reply: 3},
		leg("n1-x.2", LegIsCreated), leg("n1-x.4", LegIsCreated),
	)
}

func TestRecordingOfBothSides(t *testing.T) {
	t.Parallel()
	s := talking(t).in(doRecord{By: "5001", Verb: CanStartRecording, Reason: "command", Reply: 3})
	require.Equal(t, []string{
		"5001: RecordingChanged OK other=030123",
		"SnoopLeg {Snoop:{Channel:{Server:pbx1 ID:n1-x.2} Of:{Server:pbx1 ID:cust} Hear:in Whisper:false}}",
		"SnoopLeg {Snoop:{Channel:{Server:pbx1 ID:n1-x.4} Of:{Server:pbx1 ID:cust} Hear:out Whisper:false}}",
		"Reply {Token:3 Err:<nil>}",
	}, s.lines)
	require.Equal(t, RecordingOn, s.state.view().Recording)
	require.Equal(t, []string{"RecordLeg {Channel:{Server:pbx1 ID:n1-x.2} Name:n1-x.r3}"}, s.in(leg("n1-x.2", LegIsCreated)).lines)
	s.in(leg("n1-x.4", LegIsCreated))
	require.Contains(t, s.capabilities(2), CanPauseRecording)
	require.NotContains(t, s.capabilities(2), CanStartRecording)
	require.Equal(t, map[int]string{5: "start-recording is not possible while the call is Established: it is being recorded"},
		s.replies(doRecord{By: "5001", Verb: CanStartRecording, Reply: 5}))
}

func TestRecordingIsPausedAndStopped(t *testing.T) {
	t.Parallel()
	s := recording(t).in(doRecord{By: "5001", Verb: CanPauseRecording, Reply: 4})
	require.Equal(t, []string{"PauseRecording", "PauseRecording", "Reply"}, s.effects())
	require.Equal(t, RecordingPaused, s.state.view().Recording)
	s.in(doRecord{By: "5001", Verb: CanResumeRecording, Reply: 5}, doRecord{By: "5001", Verb: CanStopRecording, Reply: 6})
	require.Equal(t, []string{"HangupLeg", "HangupLeg", "Reply"}, s.effects())
	s.in(Recorded{Name: "n1-x.r3"})
	require.Empty(t, s.effects(), "the other file is not complete yet")
	require.Equal(t, []string{"HandOver"}, s.in(Recorded{Name: "n1-x.r5"}).effects())
	require.Empty(t, s.in(gone("n1-x.2", 16), gone("n1-x.4", 16)).lines)
	require.Contains(t, s.capabilities(2), CanStartRecording)
}

func TestTheEndOfTheCallEndsItsRecording(t *testing.T) {
	t.Parallel()
	s := recording(t).in(gone("cust", 16))
	require.Equal(t, []string{"HangupLeg", "HangupLeg", "HangupLeg"}, s.effects())
	s.in(gone("n1-x.1", 16), Recorded{Name: "n1-x.r3"}, Recorded{Name: "n1-x.r5"})
	require.Equal(t, []string{"HandOver"}, s.effects())
	require.False(t, s.state.Finished, "the snoop channels are there")
	require.True(t, s.in(gone("n1-x.2", 16), gone("n1-x.4", 16)).state.Finished)
}

func TestRecordingStaysWithTheCustomer(t *testing.T) {
	t.Parallel()
	s := recording(t).in(doTransfer{By: "5001", Dest: toDN("5002"), Reply: 8}, leg("n1-x.6", LegIsCreated), gone("n1-x.1", 16))
	require.Equal(t, RecordingOn, s.state.view().Recording)
}

// In a conference that the recorded party leaves, the next one's sound is recorded.
func TestRecordingGoesOnAtAnotherParty(t *testing.T) {
	t.Parallel()
	s := recording(t).in(
		doAdd{By: "5001", Dest: toDN("5003"), Reply: 9}, leg("n1-x.6", LegIsCreated), leg("n1-x.6", LegIsUp), Joined{Parties: []PartyID{3}},
		gone("cust", 16), Recorded{Name: "n1-x.r3"},
	)
	require.Equal(t, []string{"HangupLeg", "HangupLeg", "SnoopLeg", "SnoopLeg"}, s.effects())
	require.Equal(t, 2, s.state.Call.Recordings[1].Segment)
	require.Equal(t, PartyID(2), s.state.Call.Recordings[1].Of)
	require.Equal(t, []string{"HandOver"}, s.in(Recorded{Name: "n1-x.r5"}).effects(), "the first segment")
}

// Asterisk ends the snoop channels before it tells that their party has left; what is paused is paused for the next one too.
func TestPausedRecordingGoesOnAtAnotherPartyWhenTheSoundEndsFirst(t *testing.T) {
	t.Parallel()
	s := recording(t).in(
		doAdd{By: "5001", Dest: toDN("5003"), Reply: 9}, leg("n1-x.6", LegIsCreated), leg("n1-x.6", LegIsUp), Joined{Parties: []PartyID{3}},
		doRecord{By: "5001", Verb: CanPauseRecording, Reply: 4}, Recorded{Name: "n1-x.r3"}, Recorded{Name: "n1-x.r5"},
	)
	require.Equal(t, RecordingStopped, s.state.view().Recording)
	s.in(gone("n1-x.2", 16), gone("n1-x.4", 16))
	require.Len(t, s.state.Call.Recordings, 1, "its party is there")
	s.in(gone("cust", 16))
	require.Equal(t, []string{"IdentifyPeer", "IdentifyPeer", "SnoopLeg", "SnoopLeg"}, s.effects())
	require.Equal(t, RecordingPaused, s.state.view().Recording)
	next := s.state.Call.Recordings[1].Says.Leg.Channel.ID
	require.Equal(t, []string{"RecordLeg", "PauseRecording"}, s.in(leg(next, LegIsCreated)).effects())
}

func TestRecordingThatCannotBe(t *testing.T) {
	t.Parallel()
	s := talking(t).in(doRecord{By: "5001", Verb: CanStartRecording, Reply: 3}, LegFailed{Channel: ch("n1-x.2"), Err: errMatrix})
	require.Equal(t, []string{"5001: RecordingChanged OK other=030123"}, s.events())
	require.Equal(t, RecordingStopped, s.state.view().Recording)
	require.Equal(t, PartyEstablished, s.party(2).State, "the call goes on")
}

// What a pause keeps out of the recording is said while it may not have been asked for yet.
func TestAPauseIsAskedForAgain(t *testing.T) {
	t.Parallel()
	s := recording(t).in(doRecord{By: "5001", Verb: CanPauseRecording, Reply: 4})
	there := Reconciled{
		Channels: upNow("cust", "n1-x.1", "n1-x.2", "n1-x.4"), Bridges: map[string][]string{"n1-x": {"cust", "n1-x.1"}},
	}
	require.Equal(t, []string{"PauseRecording", "PauseRecording", "PlayMusic"}, s.in(there).effects())
	there.Restarted = true
	require.Equal(t, []string{"RecordLeg", "RecordLeg", "PauseRecording", "PauseRecording", "PlayMusic"}, s.in(there).effects())
	require.NotContains(t, recording(t).in(there).effects(), "PauseRecording")
}

type takenRecordings struct {
	noRecorder

	names []string
}

func (r *takenRecordings) Finished(f FinishedRecording) { r.names = append(r.names, f.Says) }

// The record says that a recording was handed over before it was: the next engine does it again.
func TestAFinishedRecordingIsHandedOverAgain(t *testing.T) {
	t.Parallel()
	s := newSim()
	recorder := &takenRecordings{}
	p := port{s, s.gen}
	e := New(Options{
		Node: "n1", NodeID: 1, Server: "pbx1", Switch: p, Plan: simPlan{}, Agents: p, Journal: p, Feed: p, Recorder: recorder,
		Logger: slog.New(slog.DiscardHandler),
	})
	defer e.Close()
	ended := recording(t).in(gone("cust", 16), gone("n1-x.1", 16), Recorded{Name: "n1-x.r3"}, Recorded{Name: "n1-x.r5"}, gone("n1-x.2", 16), gone("n1-x.4", 16))
	require.True(t, ended.state.Finished)
	e.Restore([]Interaction{ended.state})
	require.Equal(t, []string{"n1-x.r3"}, recorder.names)
}
