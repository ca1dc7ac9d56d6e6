package bridge

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// size is what one record takes in the journal, and what the engine has in memory for it.
func size(t *testing.T, s *sim, call CallView) (record, memory int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.e.mu.RLock()
	defer s.e.mu.RUnlock()
	a := s.e.actors[call.Interaction]
	require.NotNil(t, a)
	require.NoError(t, a.loop.Do(t.Context(), func() { memory = len(a.timers) + len(a.waiting) + a.state.parties() }))
	return len(s.journal[string(call.Interaction)]), memory + len(s.e.views) + len(s.e.arrivals) + len(s.e.legs)
}

// bounded does something many times with one call, and checks that its record stops growing.
func bounded(t *testing.T, s *sim, call CallView, times int, do func()) {
	t.Helper()
	const full = 30 // times fill what is kept
	var record, memory int
	for n := range times {
		do()
		if n == full {
			record, memory = size(t, s, call)
		}
	}
	after, held := size(t, s, call)
	require.Less(t, after, record+record/10, "the record; only its numbers get longer")
	require.LessOrEqual(t, held, memory)
	t.Logf("record: %d octets after %d times, %d after %d", record, full, after, times)
}

func TestEngineLongCallWithConsultations(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		call := inCall(t, s)
		bounded(t, s, call, 2000, func() {
			consult, err := s.e.Consult(t.Context(), Consult{PartyCommand: PartyCommand{Call: call.ID, By: "5001"}, To: "5002"})
			require.NoError(t, err)
			pass(t, 3*time.Second)
			_, err = s.e.Reconnect(t.Context(), PartyCommand{Call: consult.ID, By: "5001"})
			require.NoError(t, err)
			pass(t, time.Second)
		})
		require.Equal(t, PartyEstablished, oneCall(t, s).State)
	})
}

func TestEngineLongCallOfferedAgainAndAgain(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		s.phones["5001"] = phone{Ring: 100 * time.Millisecond, Reject: 200 * time.Millisecond, Cause: causeBusy}
		s.arrive("", "6000")
		pass(t, time.Second)
		call := oneCall(t, s)
		bounded(t, s, call, 2000, func() {
			require.NoError(t, s.e.Offer(t.Context(), Offer{Call: call.ID, To: "5001"}))
			pass(t, time.Second)
		})
		require.NoError(t, s.e.Offer(t.Context(), Offer{Call: call.ID, To: "5002"}))
		pass(t, 3*time.Second)
		require.Equal(t, PartyEstablished, oneCall(t, s).State)
	})
}

func TestEngineLongCallTransferredAgainAndAgain(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		call := inCall(t, s)
		by, to := DN("5001"), DN("5002")
		bounded(t, s, call, 100, func() {
			_, err := s.e.Transfer(t.Context(), Transfer{Call: call.ID, By: by, To: string(to)})
			require.NoError(t, err)
			pass(t, 3*time.Second)
			by, to = to, by
		})
		require.LessOrEqual(t, len(oneCall(t, s).Parties), 2+keepLeft+1)
	})
}

func TestEngineLongCallSupervisedAgainAndAgain(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		call := inCall(t, s)
		bounded(t, s, call, 100, func() {
			view, err := s.e.Monitor(t.Context(), Monitor{SupervisorNumber: "030", Call: call.ID, Mode: MonitorCoach})
			require.NoError(t, err)
			pass(t, 3*time.Second)
			_, err = s.e.StopMonitor(t.Context(), view.ID)
			require.NoError(t, err)
			pass(t, time.Second)
		})
	})
}

type longRecorder struct {
	rules

	last  FinishedRecording
	count int
}

func (r *longRecorder) Finished(f FinishedRecording) { r.last, r.count = f, r.count+1 }

func TestEngineLongCallRecordedAgainAndAgain(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		s.e.Close()
		recorder := &longRecorder{}
		s.recorder = recorder
		s.start()
		call := inCall(t, s)
		bounded(t, s, call, 100, func() {
			_, err := s.e.StartRecording(t.Context(), PartyCommand{Call: call.ID, By: "5001"})
			require.NoError(t, err)
			pass(t, time.Second)
			_, err = s.e.StopRecording(t.Context(), PartyCommand{Call: call.ID, By: "5001"})
			require.NoError(t, err)
			pass(t, time.Second)
		})
		require.Equal(t, 100, recorder.count, "each is handed over")
		require.Equal(t, 100, recorder.last.Segment)
	})
}

// A recording names the DNs that have talked, also those whose parties the record has no more.
func TestEngineRecordingOfALongCallNamesEverybody(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		s.e.Close()
		recorder := &longRecorder{rules: rules{dns: []DN{"5003"}}}
		s.recorder = recorder
		s.start()
		s.arrive("", "5003")
		pass(t, 3*time.Second)
		by, to := DN("5003"), DN("5002")
		for range 2 * keepLeft {
			_, err := s.e.Transfer(t.Context(), Transfer{Call: oneCall(t, s).ID, By: by, To: string(to)})
			require.NoError(t, err)
			pass(t, 3*time.Second)
			if by = to; to == "5002" {
				to = "5001"
			} else {
				to = "5002"
			}
		}
		_, err := s.e.StopRecording(t.Context(), PartyCommand{Call: oneCall(t, s).ID, By: by})
		require.NoError(t, err)
		pass(t, time.Second)
		require.ElementsMatch(t, []DN{"5001", "5002", "5003"}, recorder.last.DNs)
	})
}
