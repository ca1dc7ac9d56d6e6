package bridge

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// rules want the calls of some DNs recorded.
type rules struct {
	noRecorder

	dns   []DN
	asked [][]DN
}

func (r *rules) Room() error { return nil }

func (r *rules) Wanted(_ CallView, dns []DN) (reason, prompt string) {
	r.asked = append(r.asked, dns)
	for _, dn := range dns {
		if slices.Contains(r.dns, dn) {
			return "setting", ""
		}
	}
	return "", ""
}

// ruledCall is a customer's call at 5001, in a house that records the calls of some DNs.
func ruledCall(t *testing.T, run func(t *testing.T, s *sim, call CallView), dns ...DN) {
	t.Helper()
	engineTest(t, func(t *testing.T, s *sim) {
		s.e.Close()
		s.recorder = &rules{dns: dns}
		s.start()
		run(t, s, inCall(t, s))
	})
}

func TestEngineRecordsFromTheAnswerOfTheDNThatIsToBe(t *testing.T) {
	t.Parallel()
	recording := func(t *testing.T, s *sim, call CallView) RecordingState {
		t.Helper()
		view, ok := s.e.Call(call.ID)
		require.True(t, ok)
		return view.Recording
	}
	to5002 := func(t *testing.T, s *sim, call CallView) {
		t.Helper()
		_, err := s.e.Transfer(t.Context(), Transfer{Call: call.ID, By: "5001", To: "5002"})
		require.NoError(t, err)
	}
	ruledCall(t, func(t *testing.T, s *sim, call CallView) {
		require.Equal(t, RecordingOn, recording(t, s, call), "the first answer")
		to5002(t, s, call)
		pass(t, 3*time.Second)
		require.Equal(t, RecordingOn, recording(t, s, call), "goes on when the DN has left")
		require.Equal(t, [][]DN{{"5001"}}, s.recorder.(*rules).asked, "nobody asks while it is recorded")
	}, "5001")
	ruledCall(t, func(t *testing.T, s *sim, call CallView) {
		require.Equal(t, RecordingNone, recording(t, s, call))
		to5002(t, s, call)
		pass(t, 500*time.Millisecond)
		require.Equal(t, RecordingNone, recording(t, s, call), "it rings")
		pass(t, 3*time.Second)
		require.Equal(t, RecordingOn, recording(t, s, call), "single-step transfer")
	}, "5002")
	ruledCall(t, func(t *testing.T, s *sim, call CallView) {
		_, err := s.e.SingleStepConference(t.Context(), SingleStepConference{PartyCommand: PartyCommand{Call: call.ID, By: "5001"}, To: "5003"})
		require.NoError(t, err)
		pass(t, 3*time.Second)
		require.Equal(t, RecordingOn, recording(t, s, call), "conference")
	}, "5003")
	ruledCall(t, func(t *testing.T, s *sim, call CallView) {
		consult, err := s.e.Consult(t.Context(), Consult{PartyCommand: PartyCommand{Call: call.ID, By: "5001"}, To: "5002", Purpose: ConsultTransfer})
		require.NoError(t, err)
		pass(t, 3*time.Second)
		require.Equal(t, RecordingNone, recording(t, s, call), "the customer does not talk to it yet")
		require.Equal(t, RecordingOn, recording(t, s, consult), "the consultation")
		_, err = s.e.CompleteTransfer(t.Context(), PartyCommand{Call: consult.ID, By: "5001"})
		require.NoError(t, err)
		pass(t, 3*time.Second)
		require.Equal(t, RecordingOn, recording(t, s, call), "two-step transfer")
	}, "5002")
}

func TestEngineRecordsARedirectedCall(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		s.e.Close()
		s.recorder = &rules{dns: []DN{"5003"}}
		s.phones["5001"] = phone{Ring: 100 * time.Millisecond}
		s.start()
		s.arrive("", "5001")
		pass(t, time.Second)
		call := oneCall(t, s)
		_, err := s.e.Redirect(t.Context(), Redirect{PartyCommand: PartyCommand{Call: call.ID, By: "5001"}, To: "5003"})
		require.NoError(t, err)
		pass(t, 3*time.Second)
		require.Equal(t, RecordingOn, oneCall(t, s).Recording)
	})
}
