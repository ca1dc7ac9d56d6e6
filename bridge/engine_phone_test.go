package bridge

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// page is a browser with our page, which rings until it is told to answer.
func page() phone { return phone{Page: true, Ring: 100 * time.Millisecond} }

// ringing brings a customer to 5001, whose page rings.
func ringing(t *testing.T, s *sim) CallView {
	t.Helper()
	s.phones["5001"] = page()
	s.arrive("", "5001")
	pass(t, time.Second)
	call := oneCall(t, s)
	require.Equal(t, PartyRinging, call.State)
	return call
}

func capabilitiesOf(call CallView, dn DN) []Capability {
	for _, p := range call.Parties {
		if p.DN == dn {
			return p.Capabilities
		}
	}
	return nil
}

func musicOf(s *sim, call CallView) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.bridges[string(call.Interaction)]
	return b != nil && b.music
}

func TestEngineAnswerHoldRetrieve(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		call := ringing(t, s)
		require.Contains(t, capabilitiesOf(call, "5001"), CanAnswer)
		var wg sync.WaitGroup
		for range 2 { // both desktops
			wg.Go(func() {
				_, err := s.e.Answer(t.Context(), PartyCommand{Call: call.ID, By: "5001"})
				require.NoError(t, err)
			})
		}
		wg.Wait()
		pass(t, time.Second)
		cmd := PartyCommand{Call: call.ID}
		_, err := s.e.Answer(t.Context(), cmd)
		require.NoError(t, err, "answered already")
		_, err = s.e.Retrieve(t.Context(), cmd)
		require.NoError(t, err, "not held")

		view, err := s.e.Hold(t.Context(), cmd)
		require.NoError(t, err)
		require.Equal(t, PartyHeld, view.Parties[1].State)
		pass(t, time.Second)
		require.True(t, musicOf(s, call))
		require.Contains(t, capabilitiesOf(oneCall(t, s), "5001"), CanRetrieve)
		_, err = s.e.Retrieve(t.Context(), cmd)
		require.NoError(t, err)
		pass(t, time.Second)
		require.False(t, musicOf(s, call))
		require.Equal(t, []string{"Ringing OK", "Established OK", "Held OK", "Retrieved OK"}, s.eventLines("5001"))
	})
}

// TestEnginePickUp: the page answers what its agent dials, but not while he talks in another call.
func TestEnginePickUp(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		s.phones["5001"], s.phones["5002"] = page(), phone{Answer: time.Second}
		for _, state := range []PartyState{PartyEstablished, PartyInitiated} {
			view, err := s.e.MakeCall(t.Context(), MakeCall{From: "5001", To: "5002", PickUp: true})
			require.NoError(t, err)
			pass(t, 5*time.Second)
			view, living := s.e.Call(view.ID)
			require.True(t, living)
			require.Equal(t, state, view.stateOf("5001"))
		}
	})
}

func TestEnginePhoneSilent(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		call := ringing(t, s)
		s.silent = true
		begin := time.Now()
		cmd := PartyCommand{Call: call.ID, By: "5001", Op: "op-1"}
		_, err := s.e.Answer(t.Context(), cmd)
		require.ErrorIs(t, err, ErrPhoneSilent)
		require.Equal(t, 3*time.Second, time.Since(begin))
		s.mu.Lock()
		s.silent = false
		s.mu.Unlock()
		_, err = s.e.Answer(t.Context(), cmd)
		require.NoError(t, err, "who repeats it tries again")
		pass(t, time.Second)
		require.Equal(t, PartyEstablished, oneCall(t, s).State)
	})
}

// A phone that takes its time holds up nothing else of the call.
func TestEngineHangupBesideASilentPhone(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		call := ringing(t, s)
		s.silent = true
		answered := make(chan error, 1)
		go func() {
			_, err := s.e.Answer(t.Context(), PartyCommand{Call: call.ID, By: "5001"})
			answered <- err
		}()
		synctest.Wait()
		_, err := s.e.Reject(t.Context(), PartyCommand{Call: call.ID, By: "5001"})
		require.NoError(t, err)
		pass(t, 100*time.Millisecond)
		require.Empty(t, s.channels(""))
		var state *StateError
		require.ErrorAs(t, <-answered, &state)
		require.Equal(t, []string{"Ringing OK", "Released Busy"}, s.eventLines("5001"))
		pass(t, 3*time.Second)
	})
}

func TestEngineStopsWhileAPhoneIsAsked(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		call := ringing(t, s)
		s.silent = true
		answered := make(chan error, 1)
		go func() {
			_, err := s.e.Answer(t.Context(), PartyCommand{Call: call.ID, By: "5001"})
			answered <- err
		}()
		synctest.Wait()
		require.True(t, s.stop())
		require.ErrorIs(t, <-answered, ErrDraining)
		s.silent = false
		s.start()
		pass(t, time.Second)
		_, err := s.e.Answer(t.Context(), PartyCommand{Call: call.ID, By: "5001"})
		require.NoError(t, err, "the next engine rings the phone again")
		pass(t, time.Second)
		require.Equal(t, PartyEstablished, oneCall(t, s).State)
	})
}

// The page's feed session comes and goes without a change of the call.
func TestEngineAbilitiesAreThoseOfTheMoment(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		call := ringing(t, s)
		deaf := page()
		deaf.Page = false
		s.mu.Lock()
		s.phones["5001"] = deaf
		s.mu.Unlock()
		seen, _ := s.e.Call(call.ID)
		require.NotContains(t, capabilitiesOf(seen, "5001"), CanAnswer)
		require.NotContains(t, capabilitiesOf(oneCall(t, s), "5001"), CanAnswer)
		var state *StateError
		_, err := s.e.Answer(t.Context(), PartyCommand{Call: call.ID, By: "5001"})
		require.ErrorAs(t, err, &state)
	})
}

// What a browser began is found by the name that its leg came with.
func TestEngineHoldOfACallThatABrowserBegan(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		s.phones["5001"] = page()
		id := s.arrive("5001", "030")
		pass(t, 3*time.Second)
		call := oneCall(t, s)
		_, err := s.e.Hold(t.Context(), PartyCommand{Call: call.ID})
		require.NoError(t, err)
		pass(t, time.Second)
		require.True(t, musicOf(s, call))
		s.mu.Lock()
		s.phoneTells("g-"+id, false)
		s.mu.Unlock()
		pass(t, time.Second)
		require.False(t, musicOf(s, call))
		require.Equal(t, []string{"Dialing OK", "NetworkReached OK", "Established OK", "Held OK", "Retrieved OK"}, s.eventLines("5001"))
	})
}

func TestEngineReferThroughTheGateway(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		inCall(t, s)
		leg := s.channels("5001")[0]
		s.e.Refer(Referral{Leg: leg, From: "5001", To: "5002", Attended: true})
		s.e.Refer(Referral{Leg: "g-unknown", From: "5001", To: "5002"})
		pass(t, time.Second)
		require.ElementsMatch(t, []string{leg + " false", "g-unknown false"}, s.referred, "nobody is left without an answer")
		s.e.Refer(Referral{Leg: leg, From: "5001", To: "5002"})
		pass(t, 3*time.Second)
		require.Equal(t, leg+" true", s.referred[2])
		require.Equal(t, []string{"Ringing OK", "Established OK", "Released Transferred"}, s.eventLines("5001"))
		require.Equal(t, []string{"Ringing OK", "Established OK"}, s.eventLines("5002"))
	})
}

// The phone is at another server than its call: that one's channel is told.
func TestEngineReferAtAnotherServer(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		inCall(t, s)
		leg := s.channels("5001")[0]
		far := func(id string) ChannelID { return ChannelID{Server: "pbx2", ID: id} }
		s.e.Refer(Referral{Channel: far("f2"), Name: "n1-gone.1", From: "5001", To: "5002"})
		s.e.Refer(Referral{Channel: far("f3"), Name: "n2-other.1", From: "5001", To: "5002"})
		s.e.Refer(Referral{Channel: far("f4"), Name: leg, From: "5001", To: "5002", Attended: true, Replaces: far("f5"), ReplacesName: leg})
		pass(t, time.Second)
		require.ElementsMatch(t, []string{"f2 false", "f4 false"}, s.referred, "another sidecar answers for its own")
		s.e.Refer(Referral{Channel: far("f1"), Name: leg, From: "5001", To: "5002"})
		pass(t, 3*time.Second)
		require.Equal(t, "f1 true", s.referred[2])
		require.Equal(t, []string{"Ringing OK", "Established OK", "Released Transferred"}, s.eventLines("5001"))
		require.Equal(t, []string{"Ringing OK", "Established OK"}, s.eventLines("5002"))
	})
}

func TestEngineSwitchCall(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		uuid := CallID("0123456789ABCDEF0123456789ABCDEF")
		s.mu.Lock()
		s.legs["g-1"] = &simLeg{}
		s.e.SwitchCall(SwitchCall{Switch: "genesys", Leg: "g-1", DN: "5001", Number: "030", Inbound: true, CallID: uuid})
		s.mu.Unlock()
		pass(t, time.Second)
		requests := s.requests
		call, found := s.e.Call(uuid)
		require.True(t, found)
		require.Equal(t, ControlSwitch, call.Controller)
		require.Len(t, s.agents["5001"], 1, "it counts against the DN")
		cmd := PartyCommand{Call: uuid}
		_, err := s.e.Answer(t.Context(), cmd)
		require.NoError(t, err)
		s.setGap(true, true) // Asterisk has no part in it
		_, err = s.e.Hold(t.Context(), cmd)
		require.NoError(t, err)
		s.e.Lost("pbx1")
		s.setGap(false, false)
		_, err = s.e.Retrieve(t.Context(), cmd)
		require.NoError(t, err)
		var state *StateError
		_, err = s.e.Transfer(t.Context(), Transfer{Call: uuid, To: "0900"})
		require.ErrorAs(t, err, &state)
		require.Equal(t, "transfer is not possible while the call is Established: done by the SIP Server", state.Error())
		_, err = s.e.Hangup(t.Context(), Hangup{Call: uuid})
		require.NoError(t, err)
		pass(t, time.Second)
		require.Equal(t, []string{"Ringing OK", "Established OK", "Held OK", "Retrieved OK", "Released OK"}, s.eventLines("5001"))
		require.Equal(t, requests, s.requests, "nothing was asked of Asterisk")
		require.Empty(t, s.legs)
	})
}

// The leg of such a call is in our own process: it does not survive it.
func TestEngineSwitchCallAfterARestart(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		s.switchCall("5001", "030", false)
		pass(t, time.Second)
		require.True(t, s.stop())
		s.start()
		pass(t, time.Second)
		require.Empty(t, s.e.Calls())
		lines := s.eventLines("5001")
		require.Equal(t, "Dialing OK Released Dropped", lines[0]+" "+lines[len(lines)-1], strings.Join(lines, ", "))
	})
}
