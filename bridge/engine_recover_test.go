package bridge

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestEngineSwitchDown(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		call := inCall(t, s)
		s.setGap(true, true)
		_, err := s.e.MakeCall(t.Context(), MakeCall{From: "5002", To: "030"})
		require.ErrorIs(t, err, ErrSwitchUnavailable)
		_, err = s.e.Transfer(t.Context(), Transfer{Call: call.ID, To: "5002"})
		require.ErrorIs(t, err, ErrSwitchUnavailable)
		_, err = s.e.Hangup(t.Context(), Hangup{Call: call.ID})
		require.ErrorIs(t, err, ErrSwitchUnavailable)
		s.setGap(false, false)
		pass(t, time.Second)
		require.Equal(t, []string{"Ringing OK", "Established OK"}, s.eventLines("5001"), "a gap is not the end")
	})
}

func TestEngineCutWhileJoining(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		s.latency = 100 * time.Millisecond
		s.arrive("", "5001")
		pass(t, 1250*time.Millisecond)
		s.setGap(true, true)
		pass(t, 2*time.Second)
		s.setGap(false, false)
		pass(t, 2*time.Second)
		require.Equal(t, []string{"Ringing OK", "Established OK"}, s.eventLines("5001"))
	})
}

// cutting is a call at a moment when the connection goes away, which the engine is told later.
func cutting(t *testing.T, s *sim, at, told time.Duration) {
	t.Helper()
	s.latency = 100 * time.Millisecond
	s.arrive("", "5001")
	pass(t, at)
	s.mu.Lock()
	s.cut = true
	s.mu.Unlock()
	pass(t, told-at)
	s.setGap(true, true)
	pass(t, 500*time.Millisecond)
	s.setGap(false, false)
}

func TestEngineCutWhileSettingUp(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name     string
		at, told time.Duration
	}{
		{"create, gap known", 0, 50},
		{"create, gap not known", 0, 150},
		{"create was done", 50, 60},
		{"create was done, gap not known", 50, 151},
		{"dial was done", 150, 160},
		{"dial, gap not known", 150, 301},
		{"dial, gap known", 110, 120},
		{"answer", 1250, 1260},
		{"answer, gap not known", 1250, 1351},
		{"join", 1350, 1360},
		{"join, gap not known", 1350, 1480},
	} {
		engineTest(t, func(t *testing.T, s *sim) {
			cutting(t, s, tc.at*time.Millisecond, tc.told*time.Millisecond)
			pass(t, 20*time.Second)
			require.Equal(t, []string{"Ringing OK", "Established OK"}, s.eventLines("5001"), tc.name)
		})
	}
}

// The server goes out of reach under a dial that never arrives there: the end of the gap dials.
func TestEngineDialLostInGap(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		s.faults[2] = requestLost
		s.arrive("", "5001")
		pass(t, time.Second)
		s.setGap(true, true)
		pass(t, 6*time.Second)
		s.setGap(false, false)
		pass(t, 5*time.Second)
		require.Equal(t, []string{"Ringing OK", "Established OK"}, s.eventLines("5001"))
	})
}

// No gap follows: the request is made again, and a server that never answers ends the call.
func TestEngineRequestWithoutAnswer(t *testing.T) {
	t.Parallel()
	for lost := 1; lost <= 6; lost++ { // create, dial, ring, answer, join
		for _, wrong := range []fault{requestLost, answerLost} {
			engineTest(t, func(t *testing.T, s *sim) {
				s.faults[lost] = wrong
				s.arrive("", "5001")
				pass(t, 20*time.Second)
				require.Equal(t, []string{"Ringing OK", "Established OK"}, s.eventLines("5001"), "request %d", lost)
			})
		}
	}
	engineTest(t, func(t *testing.T, s *sim) {
		for n := 1; n <= 100; n++ {
			s.faults[n] = requestLost
		}
		s.arrive("", "5001")
		pass(t, time.Minute)
		require.Empty(t, s.e.Calls())
		clear(s.faults)
	})
}

// A command whose request gets lost fails; what it began is undone, and the call goes on as it was.
func TestEngineCommandCut(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		call := inCall(t, s)
		s.latency = 100 * time.Millisecond
		errs := make(chan error, 2)
		go func() {
			_, err := s.e.Transfer(t.Context(), Transfer{Call: call.ID, To: "5002"})
			errs <- err
		}()
		go func() {
			_, err := s.e.MakeCall(t.Context(), MakeCall{From: "5003", To: "030"})
			errs <- err
		}()
		pass(t, 50*time.Millisecond)
		s.mu.Lock()
		s.cut, s.gap = true, true // it is done, and nobody hears of it
		s.e.Gap("pbx1")
		s.mu.Unlock()
		require.ErrorIs(t, <-errs, ErrSwitchUnavailable)
		require.ErrorIs(t, <-errs, ErrSwitchUnavailable)
		s.setGap(false, false)
		pass(t, 5*time.Second)
		require.Equal(t, []string{"Ringing OK", "Established OK"}, s.eventLines("5001"))
		require.Empty(t, s.eventLines("5002"))
		require.Empty(t, s.channels("5002"), "what was made nevertheless is gone")
		require.Empty(t, s.channels("5003"))
	})
}

// Who rings when the server goes out of reach may have answered: that the time is over does not count before the gap's end.
func TestEngineRingTimeoutInGap(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		s.phones["5001"] = phone{Ring: 100 * time.Millisecond, Answer: 10 * time.Second}
		s.arrive("", "5001")
		pass(t, 5*time.Second)
		s.setGap(true, true)
		pass(t, time.Minute)
		s.setGap(false, false)
		pass(t, time.Second)
		require.Equal(t, []string{"Ringing OK", "Established OK"}, s.eventLines("5001"))
	})
	engineTest(t, func(t *testing.T, s *sim) {
		s.phones["5001"] = phone{Ring: 100 * time.Millisecond}
		s.arrive("", "5001")
		pass(t, 20*time.Second)
		s.setGap(true, false)
		pass(t, 12*time.Second)
		s.setGap(false, false)
		pass(t, time.Second)
		require.Equal(t, []string{"Ringing OK", "Released NoAnswer"}, s.eventLines("5001"))
	})
}

func TestEngineLost(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		inCall(t, s)
		s.lose(true)
		synctest.Wait()
		require.Equal(t, []string{"Ringing OK", "Established OK", "Released Dropped"}, s.eventLines("5001"))
		require.Empty(t, s.e.Calls())
		s.setGap(false, false)
	})
}

// A journal may hold calls of a server that has been taken out of the configuration: they end at once.
func TestEngineServerRemoved(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		inCall(t, s)
		s.stop()
		for id, raw := range s.journal {
			s.journal[id] = []byte(strings.ReplaceAll(string(raw), "pbx1", "old"))
		}
		clear(s.chans)
		clear(s.bridges)
		s.start()
		pass(t, time.Second)
		require.Empty(t, s.e.Calls())
		lines := s.eventLines("5001")
		require.Equal(t, "Released Dropped", lines[len(lines)-1])
	})
}

func TestEngineSecondServer(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		s.stop()
		s.servers, s.gap = []ServerID{"pbx1", "pbx2"}, true
		s.start()
		s.gap = false
		call := func() error {
			_, err := s.e.MakeCall(t.Context(), MakeCall{From: "5001", To: "5002"})
			return err
		}
		require.ErrorIs(t, call(), ErrSwitchUnavailable, "none has been seen yet")
		s.e.Recovered(Snapshot{Server: "pbx2"})
		require.NoError(t, call())
		s.e.Recovered(s.snapshot())
		require.NoError(t, call())
		for id, want := range map[string]int{"pbx1": 1, "pbx2": 1} {
			require.Len(t, s.e.actorsOn(ServerID(id)), want, id)
		}
		begins := func() ServerID {
			server, err := s.e.reachable("5001")
			require.NoError(t, err)
			return server
		}
		require.Equal(t, ServerID("pbx1"), begins())
		s.e.Homes = func(dn DN) []ServerID {
			require.Equal(t, DN("5001"), dn)
			return []ServerID{"pbx9", "pbx2"}
		}
		require.Equal(t, ServerID("pbx2"), begins(), "where the phone is registered")
		s.e.Gap("pbx2")
		require.Equal(t, ServerID("pbx1"), begins(), "that one is out of reach")
		pass(t, 5*time.Second)
	})
}

func TestEngineCloseLeavesCalls(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		call := inCall(t, s)
		before := s.channels("")
		s.e.Close()
		require.Equal(t, before, s.channels(""))
		require.Len(t, s.journal, 1)
		s.mu.Lock()
		s.chans["n1-orphan.1"] = &simChannel{id: ch("n1-orphan.1"), state: LegIsUp}
		s.chans["other.1"] = &simChannel{id: ch("other.1"), state: LegIsUp}
		s.bridges["n1-orphan"] = &simBridge{members: map[string]bool{}}
		s.e = nil
		s.mu.Unlock()
		s.arrive("", "5002") // while nobody is there
		published := len(s.events)
		s.start()
		pass(t, 3*time.Second)
		require.NotContains(t, s.channels(""), "n1-orphan.1", "what is ours and nobody's is removed")
		require.Contains(t, s.channels(""), "other.1", "what is not ours stays")
		require.NotContains(t, s.bridges, "n1-orphan")
		require.Equal(t, []string{"Ringing OK", "Established OK"}, s.eventLines("5002"), "who came meanwhile is taken up")
		again, ok := s.e.Call(call.ID)
		require.True(t, ok)
		require.Equal(t, call.ConnID, again.ConnID)
		require.Equal(t, s.events[published-2].ID, s.events[published].ID, "the last step is published again, under its ids")
	})
}

// Whatever request is under way when the engine stops in good order: no call may end by it.
func TestEngineCloseWhileRequestsAreUnderWay(t *testing.T) {
	t.Parallel()
	for _, after := range []time.Duration{50, 150, 1250, 1350} { // creating, dialling, answering, joining
		engineTest(t, func(t *testing.T, s *sim) {
			s.latency = 100 * time.Millisecond
			s.arrive("", "5001")
			pass(t, after*time.Millisecond)
			s.stop()
			s.start()
			pass(t, 5*time.Second)
			require.Contains(t, s.eventLines("5001"), "Established OK", "after %d ms", after)
			require.NotContains(t, s.eventLines("5001"), "Released OK", "after %d ms", after)
		})
	}
}

func TestEngineCloseWhileTransferring(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		call := inCall(t, s)
		s.latency = 100 * time.Millisecond
		errs := make(chan error, 1)
		go func() {
			_, err := s.e.Transfer(t.Context(), Transfer{Call: call.ID, To: "5002"})
			errs <- err
		}()
		pass(t, 50*time.Millisecond)
		s.stop()
		require.ErrorIs(t, <-errs, ErrDraining)
		s.start()
		pass(t, 5*time.Second)
		require.Contains(t, s.eventLines("5001"), "Released Transferred")
		require.Contains(t, s.eventLines("5002"), "Established OK")
	})
}

// The feeders go on a moment longer than the engine: what they bring is left to the next one.
func TestEngineClosedTakesNothing(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		call := inCall(t, s)
		s.e.Close()
		before := len(s.journal)
		s.e.Arrive(Arrival{Channel: ch("late"), Trunk: "t", Called: "5002"})
		s.e.Leg(LegChanged{Channel: ch("cust1"), Change: LegIsGone})
		s.e.Leg(LegChanged{Channel: ch("n1-nobody.1"), Change: LegIsCreated})
		s.e.Lost("pbx1")
		for _, op := range []OpID{"", "op-1"} {
			_, err := s.e.MakeCall(t.Context(), MakeCall{From: "5002", To: "030", Op: op})
			require.ErrorIs(t, err, ErrDraining)
		}
		_, err := s.e.Hangup(t.Context(), Hangup{Call: call.ID})
		require.ErrorIs(t, err, ErrDraining)
		synctest.Wait()
		require.Len(t, s.journal, before)
		require.Len(t, s.channels(""), 2)
		s.stop()
		s.start()
		pass(t, time.Second)
		require.Equal(t, PartyEstablished, oneCall(t, s).State)
	})
}
