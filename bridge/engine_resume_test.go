package bridge

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// restartAfter lets another engine, with another gateway, take up what the first one left.
func restartAfter(t *testing.T, s *sim, away time.Duration) {
	t.Helper()
	require.True(t, s.stop())
	pass(t, away)
	s.start()
}

func atPages(s *sim, dns ...string) {
	for _, dn := range dns {
		ph := answering()
		ph.Page = true
		s.phones[dn] = ph
	}
}

func (s *sim) setAbsent(dn string, absent bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ph := s.phones[dn]
	ph.Absent = absent
	s.phones[dn] = ph
}

func (s *sim) plays(call CallView) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.bridges[string(call.Interaction)]
	return b != nil && b.music
}

func (s *sim) inBridgeOf(call CallView) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.bridges[string(call.Interaction)].members)
}

// The browser's leg died with the sidecar: music for the customer until the page is back, which is in the same call then.
func TestEngineResumesAPage(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		atPages(s, "5001")
		before := inCall(t, s)
		s.setAbsent("5001", true)
		restartAfter(t, s, time.Second)
		pass(t, 4*time.Second)
		away := oneCall(t, s)
		require.True(t, away.Parties[1].MediaLost)
		require.True(t, s.plays(away))
		require.Empty(t, s.channels("5001"), "the dead leg is gone")
		s.setAbsent("5001", false)
		pass(t, 2*time.Second)
		after := oneCall(t, s)
		require.Equal(t, before.ConnID, after.ConnID)
		require.Equal(t, before.Parties[1].ID, after.Parties[1].ID)
		require.True(t, before.Parties[1].JoinedAt.Equal(after.Parties[1].JoinedAt))
		require.False(t, after.Parties[1].MediaLost)
		require.False(t, s.plays(after))
		require.Equal(t, 2, s.inBridgeOf(after))
		require.Equal(t, []string{"Ringing OK", "Established OK"}, s.eventLines("5001"), "it was told before")
	})
}

func TestEngineResumesBothPages(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		atPages(s, "5001", "5002")
		s.arrive("5002", "5001")
		pass(t, 3*time.Second)
		restartAfter(t, s, time.Second)
		pass(t, 3*time.Second)
		require.Equal(t, 2, s.inBridgeOf(oneCall(t, s)))
		require.NotContains(t, s.channels("5002"), "cust1", "the leg that it called with is dead")
		require.Equal(t, []string{"Dialing OK", "Established OK"}, s.eventLines("5002"))
		restartAfter(t, s, time.Second) // and once more
		pass(t, 3*time.Second)
		require.Equal(t, 2, s.inBridgeOf(oneCall(t, s)))
		require.Len(t, s.channels(""), 2)
	})
}

func TestEnginePageDoesNotComeBack(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		atPages(s, "5001")
		inCall(t, s)
		s.setAbsent("5001", true)
		restartAfter(t, s, time.Second)
		pass(t, 19*time.Second)
		oneCall(t, s)
		pass(t, 3*time.Second)
		require.Empty(t, s.e.Calls())
		require.Equal(t, []string{"Ringing OK", "Established OK", "Released OK"}, s.eventLines("5001"))
		require.Empty(t, s.channels(""))
	})
}

// Another phone than our page rings, and its agent may refuse.
func TestEngineResumedPhoneRefuses(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		atPages(s, "5001")
		inCall(t, s)
		require.True(t, s.stop())
		s.phones["5001"] = phone{Page: true, Reject: time.Second, Cause: causeBusy}
		s.start()
		s.mu.Lock()
		s.phones["5001"] = phone{Page: true}
		s.mu.Unlock()
		pass(t, 10*time.Second)
		require.NotEmpty(t, s.eventLines("5001"))
	})
}

// The sidecar dies again while the phone rings for the second time: that one has its whole time, too.
func TestEngineResumesAfterTwoDeaths(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		atPages(s, "5001")
		before := inCall(t, s)
		rings := func(answer time.Duration) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.phones["5001"] = phone{Ring: 100 * time.Millisecond, Answer: answer}
		}
		restartAfter(t, s, time.Second)
		rings(0) // no page of ours: it answers nothing by itself
		pass(t, 2*time.Second)
		atPages(s, "5001")
		restartAfter(t, s, time.Second)
		rings(15 * time.Second)
		pass(t, 17*time.Second)
		after := oneCall(t, s)
		require.Equal(t, before.ConnID, after.ConnID)
		require.False(t, after.Parties[1].MediaLost)
		require.Equal(t, 2, s.inBridgeOf(after))
	})
}

func TestEngineRingsAgain(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		s.phones["5001"] = phone{Page: true, Ring: 100 * time.Millisecond}
		s.arrive("", "5001")
		pass(t, time.Second)
		require.Equal(t, []string{"Ringing OK"}, s.eventLines("5001"))
		atPages(s, "5001")
		restartAfter(t, s, time.Second)
		pass(t, 5*time.Second)
		require.Equal(t, []string{"Ringing OK", "Established OK"}, s.eventLines("5001"))
		require.Equal(t, 2, s.inBridgeOf(oneCall(t, s)))
	})
}

// What was held by command is held afterwards, and can be retrieved.
func TestEngineResumesHeld(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		atPages(s, "5001")
		call := inCall(t, s)
		s.mu.Lock()
		s.phoneTells(call.Parties[1].leg(s), true)
		s.mu.Unlock()
		pass(t, time.Second)
		require.Equal(t, PartyHeld, oneCall(t, s).Parties[1].State)
		restartAfter(t, s, time.Second)
		pass(t, 5*time.Second)
		require.Equal(t, PartyEstablished, oneCall(t, s).Parties[1].State, "a new phone holds nothing")
		require.Equal(t, []string{"Ringing OK", "Established OK", "Held OK", "Retrieved OK"}, s.eventLines("5001"))
	})
}

func (p PartyView) leg(s *sim) string { return s.e.views[s.only()].state.Call.party(p.ID).Leg.Name }

func (s *sim) only() CallID {
	for id := range s.e.views {
		return id
	}
	return ""
}

// The agent was in a consultation: the leg that is called again belongs to it, and goes home with its end.
func TestEngineResumesAConsultation(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		atPages(s, "5001")
		call := inCall(t, s)
		_, err := s.e.Consult(t.Context(), Consult{PartyCommand: PartyCommand{Call: call.ID, By: "5001"}, To: "5002"})
		require.NoError(t, err)
		pass(t, 3*time.Second)
		s.setAbsent("5001", true)
		restartAfter(t, s, time.Second)
		pass(t, 3*time.Second)
		for _, id := range s.channels("5002") {
			s.hangup(id) // while nobody is there to hear it
		}
		pass(t, time.Second)
		s.setAbsent("5001", false)
		pass(t, 3*time.Second)
		after := oneCall(t, s)
		require.Equal(t, call.ConnID, after.ConnID)
		require.Equal(t, PartyEstablished, after.Parties[1].State)
		require.Equal(t, 2, s.inBridgeOf(after))
	})
}
