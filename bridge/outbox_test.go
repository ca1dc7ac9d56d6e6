package bridge

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A kill comes when the log has nothing yet of a call that is over: every step of it is told after the restart, and then the
// record goes.
func TestKilledBeforeTheEndOfACallIsKept(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		s.lag = time.Hour
		inCall(t, s)
		s.hangup("cust1")
		pass(t, time.Minute)
		require.Empty(t, s.e.actors, "the call is over, its channels and its bridge are gone")
		require.Empty(t, s.events, "and the log has heard nothing of it")
		require.Len(t, s.journal, 1)
		s.kill()
		s.lag = 0
		s.start()
		require.Equal(t, []string{"Ringing OK", "Established OK", "Released OK"}, s.eventLines("5001"))
		require.Empty(t, s.journal)
	})
}

// What comes behind the end of a call, while its bridge is still being removed, takes nothing from its record.
func TestAnInputBehindTheEndLeavesTheRecord(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		a := newActor(s.e, Interaction{ID: "over", Call: Call{Done: true}, Finished: true, Events: 3, Earlier: []Event{{N: 1}, {N: 2}}, Outbox: []Event{{N: 3}}})
		for range 2 {
			require.NotNil(t, a.advance("", RingTimeout{Party: 1}))
			var kept Interaction
			require.NoError(t, json.Unmarshal(s.journal["over"], &kept))
			list := kept.unkept(0)
			require.Len(t, list, 3)
			require.Equal(t, 3, list[2].N)
		}
		delete(s.journal, "over")
	})
}

// Also of a call that lives all steps are told again that the log may not have, and no others.
func TestKilledBeforeTheStepsOfACallAreKept(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		call := inCall(t, s)
		kept := len(s.events)
		s.lag = time.Hour
		for _, note := range []string{"a", "b", "c"} {
			_, err := s.e.UpdateData(t.Context(), UpdateData{PartyCommand: PartyCommand{Call: call.ID, By: "5001"}, Data: UserDataOf(map[string]string{"note": note})})
			require.NoError(t, err)
		}
		s.kill()
		s.lag = 0
		s.start()
		synctest.Wait()
		var notes []string
		for _, e := range s.events[kept:] {
			if e.Kind == EventAttachedDataChanged {
				notes = append(notes, fmt.Sprint(e.Call.UserData))
			}
		}
		require.Len(t, notes, 3)
		for n, note := range []string{"a", "b", "c"} {
			require.Contains(t, notes[n], note)
		}
	})
}

// What the log has is in the record no longer than until the next step.
func TestTheRecordHoldsOnlyWhatIsNotKept(t *testing.T) {
	t.Parallel()
	i := Interaction{Earlier: []Event{{N: 1}, {N: 2}}, Outbox: []Event{{N: 3}, {N: 4}}}
	for kept, want := range [][]Event{{{N: 1}, {N: 2}, {N: 3}, {N: 4}}, {{N: 2}, {N: 3}, {N: 4}}, {{N: 3}, {N: 4}}, {{N: 4}}, nil} {
		require.Equal(t, want, i.unkept(kept), kept)
	}
	require.Len(t, i.Earlier, 2, "which nobody changed")
	for n := range 3 * mostEarlier {
		i.Outbox = append(i.Outbox, Event{N: 5 + n})
	}
	list := i.unkept(0)
	require.Len(t, list, mostEarlier)
	require.Equal(t, 4+3*mostEarlier, list[len(list)-1].N, "the oldest go first")
}

// A DN that left one call and came to another sees it in that order again.
func TestWhatIsToldAgainComesAsItHappened(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		at := time.Now()
		event := func(id string, n int, after time.Duration) Event {
			return Event{ID: id, N: n, Time: at.Add(after)}
		}
		s.e.tellAgain([]Interaction{
			{Outbox: []Event{event("b1", 1, 3), event("b2", 2, 3)}},
			{Earlier: []Event{event("a1", 1, 1)}, Outbox: []Event{event("a2", 2, 4), event("a3", 3, 2)}},
		})
		var ids []string
		for _, e := range s.events {
			ids = append(ids, e.ID)
		}
		require.Equal(t, "a1 b1 b2 a2 a3", strings.Join(ids, " "))
		s.events = nil
	})
}
