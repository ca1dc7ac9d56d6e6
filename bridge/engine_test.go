package bridge

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// answering is a phone that rings after 100 ms and is answered after a second.
func answering() phone {
	return phone{Ring: 100 * time.Millisecond, Answer: time.Second, Cause: causeBusy}
}

// engineTest runs a test in virtual time, on a switch whose phones all answer. At the end everybody hangs up, and
// nothing may be left.
func engineTest(t *testing.T, run func(t *testing.T, s *sim)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newSim()
		for _, number := range []string{"5001", "5002", "5003", "5004", "030", "031"} {
			s.phones[number] = answering()
		}
		s.start()
		defer func() {
			for _, e := range s.engines {
				e.Close()
			}
			_ = wait(t.Context(), 2*time.Minute) // the timers of phones
		}()
		run(t, s)
		for _, id := range s.channels("") {
			s.hangup(id)
		}
		pass(t, time.Minute)
		s.clean(t)
	})
}

// pass lets time pass.
func pass(t *testing.T, d time.Duration) {
	t.Helper()
	require.NoError(t, wait(t.Context(), d))
	synctest.Wait()
}

// oneCall is the call there is.
func oneCall(t *testing.T, s *sim) CallView {
	t.Helper()
	calls := s.e.Calls()
	require.Len(t, calls, 1)
	return calls[0]
}

// inCall brings a customer to 5001, who answers.
func inCall(t *testing.T, s *sim) CallView {
	t.Helper()
	s.arrive("", "5001")
	pass(t, 3*time.Second)
	call := oneCall(t, s)
	require.Equal(t, PartyEstablished, call.State)
	return call
}

func TestEngineRingTimeout(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		s.phones["5001"] = phone{Ring: 100 * time.Millisecond}
		s.arrive("", "5001")
		pass(t, 29*time.Second)
		require.Equal(t, []string{"Ringing OK"}, s.eventLines("5001"))
		pass(t, 3*time.Second)
		require.Equal(t, []string{"Ringing OK", "Released NoAnswer"}, s.eventLines("5001"))
		require.Empty(t, s.channels(""))
	})
}

func TestEngineLateAnswer(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		// The phone is picked up within the request that ends its ringing.
		s.phones["5001"] = phone{Ring: 100 * time.Millisecond, Answer: 30*time.Second + time.Millisecond}
		s.arrive("", "5001")
		pass(t, 31*time.Second)
		require.Equal(t, []string{"Ringing OK", "Released NoAnswer"}, s.eventLines("5001"))
		require.Empty(t, s.channels(""))
	})
	engineTest(t, func(t *testing.T, s *sim) {
		// And the other way round: the time is over while the answered phone is being joined.
		s.phones["5001"] = phone{Ring: 100 * time.Millisecond, Answer: 29*time.Second + 980*time.Millisecond}
		s.latency = 15 * time.Millisecond
		s.arrive("", "5001")
		pass(t, 31*time.Second)
		require.Equal(t, []string{"Ringing OK", "Established OK"}, s.eventLines("5001"))
	})
}

func TestEngineBothHangUpAtOnce(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		inCall(t, s)
		var wg sync.WaitGroup
		for _, id := range s.channels("") {
			wg.Go(func() { s.hangup(id) })
		}
		wg.Wait()
		pass(t, time.Second)
		require.Equal(t, []string{"Ringing OK", "Established OK", "Released OK"}, s.eventLines("5001"))
		require.Empty(t, s.e.Calls())
	})
}

func TestEngineHangupDuringAnswer(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		s.latency = 100 * time.Millisecond
		s.arrive("", "5001")
		pass(t, 1250*time.Millisecond) // answered, and the requests that join are under way
		call := oneCall(t, s)
		require.Equal(t, PartyRinging, call.State)
		got, err := s.e.Hangup(t.Context(), Hangup{Call: call.ID})
		require.NoError(t, err)
		require.Equal(t, PartyReleased, got.State)
		pass(t, time.Second)
		require.Equal(t, []string{"Ringing OK", "Released OK"}, s.eventLines("5001"))
		require.Empty(t, s.channels(""))
		_, err = s.e.Hangup(t.Context(), Hangup{Call: call.ID})
		require.ErrorIs(t, err, ErrCallNotFound)
	})
}

func TestEngineTransfer(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		call := inCall(t, s)
		got, err := s.e.Transfer(t.Context(), Transfer{Call: call.ID, To: "5002"})
		require.NoError(t, err)
		require.Equal(t, call.ConnID, got.ConnID)
		_, err = s.e.Transfer(t.Context(), Transfer{Call: call.ID, By: "5002", To: "5003"})
		require.Error(t, err, "5002 has not even answered")
		pass(t, 2*time.Second)
		require.Equal(t, []string{"Ringing OK", "Established OK", "Released Transferred"}, s.eventLines("5001"))
		require.Equal(t, []string{"Ringing OK", "Established OK"}, s.eventLines("5002"))
		_, err = s.e.Transfer(t.Context(), Transfer{Call: call.ID, To: "031"})
		require.NoError(t, err, "and further, to the outside")
		pass(t, 2*time.Second)
		require.Equal(t, PartyEstablished, oneCall(t, s).State)
	})
}

func TestEngineTransferAgainstCustomer(t *testing.T) {
	t.Parallel()
	for _, after := range []time.Duration{0, time.Millisecond, 3 * time.Millisecond, 4 * time.Millisecond, 7 * time.Millisecond, 50 * time.Millisecond} {
		engineTest(t, func(t *testing.T, s *sim) {
			call := inCall(t, s)
			var wg sync.WaitGroup
			wg.Go(func() { _, _ = s.e.Transfer(t.Context(), Transfer{Call: call.ID, To: "5002"}) })
			_ = wait(t.Context(), after)
			s.hangup("cust1")
			wg.Wait()
			pass(t, 3*time.Second)
			require.Empty(t, s.e.Calls(), "after %s", after)
			require.Empty(t, s.channels(""), "after %s", after)
		})
	}
}

func TestEngineTwoTransfersAtOnce(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		call := inCall(t, s)
		errs := make([]error, 2)
		var wg sync.WaitGroup
		for i, to := range []string{"5002", "5003"} {
			wg.Go(func() { _, errs[i] = s.e.Transfer(t.Context(), Transfer{Call: call.ID, By: "5001", To: to}) })
		}
		wg.Wait()
		var state *StateError
		require.ErrorAs(t, errors.Join(errs...), &state)
		require.True(t, errs[0] == nil || errs[1] == nil, "one of them wins")
		pass(t, 3*time.Second)
		require.Equal(t, PartyEstablished, oneCall(t, s).State)
	})
}

func TestEngineSameOperationTwice(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		var views [3]CallView
		var wg sync.WaitGroup
		for i := range 2 {
			wg.Go(func() { views[i], _ = s.e.MakeCall(t.Context(), MakeCall{From: "5001", To: "030", Op: "op-1"}) })
		}
		wg.Wait()
		pass(t, 5*time.Second)
		views[2], _ = s.e.MakeCall(t.Context(), MakeCall{From: "5001", To: "030", Op: "op-1"})
		require.Equal(t, oneCall(t, s).ID, views[0].ID)
		require.Equal(t, views[0], views[1])
		require.Equal(t, views[0], views[2])
	})
}

// A client that gave up waiting asks again: it must not get a second call.
func TestEngineOperationRepeatedAfterTimeout(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		s.latency = 2 * time.Second
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := s.e.MakeCall(ctx, MakeCall{From: "5001", To: "030", Op: "op-1"})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		view, err := s.e.MakeCall(t.Context(), MakeCall{From: "5001", To: "030", Op: "op-1"})
		require.NoError(t, err)
		pass(t, 20*time.Second)
		require.Equal(t, oneCall(t, s).ID, view.ID)
	})
}

func TestEngineRefusedOperationRunsAgain(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		ask := func() error {
			_, err := s.e.MakeCall(t.Context(), MakeCall{From: "5001", To: "030", Op: "op-1"})
			return err
		}
		s.setGap(true, true)
		require.ErrorIs(t, ask(), ErrSwitchUnavailable)
		s.setGap(false, false)
		s.phones["5001"] = phone{Absent: true}
		var target *TargetError
		require.ErrorAs(t, ask(), &target)
		s.phones["5001"] = answering()
		require.NoError(t, ask())
		require.NoError(t, ask())
		pass(t, 5*time.Second)
		require.Equal(t, PartyEstablished, oneCall(t, s).State)
	})
}

func TestEngineDrain(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		call := inCall(t, s)
		s.e.Drain()
		_, err := s.e.MakeCall(t.Context(), MakeCall{From: "5002", To: "030"})
		require.ErrorIs(t, err, ErrDraining)
		_, err = s.e.Hangup(t.Context(), Hangup{Call: call.ID})
		require.NoError(t, err)
		pass(t, time.Second)
	})
}

// With each request taking four seconds, a call takes long, and no other waits for it.
func TestEngineSlowSwitch(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		s.latency = 4 * time.Second
		for _, dn := range []string{"5001", "5002", "5003", "5004"} {
			s.arrive("", dn)
		}
		pass(t, 25*time.Second)
		for _, dn := range []DN{"5001", "5002", "5003", "5004"} {
			require.Equal(t, []string{"Ringing OK", "Established OK"}, s.eventLines(dn))
		}
		begin := time.Now()
		_, err := s.e.Hangup(t.Context(), Hangup{Call: s.e.Calls()[0].ID})
		require.NoError(t, err)
		require.Zero(t, time.Since(begin), "a hang-up does not wait for the switch")
	})
}

func TestEngineCapExhausted(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		for _, from := range []DN{"5002", "5003"} {
			_, err := s.e.MakeCall(t.Context(), MakeCall{From: from, To: "030"})
			require.NoError(t, err)
		}
		s.arrive("", "5001")
		pass(t, 5*time.Second)
		var call CallView
		for _, c := range s.e.Calls() {
			if c.Has("5001") {
				call = c
			}
		}
		_, err := s.e.Transfer(t.Context(), Transfer{Call: call.ID, To: "031"})
		var target *TargetError
		require.ErrorAs(t, err, &target)
		require.Equal(t, "class default", target.Rule)
		require.Equal(t, "031", target.Number)
		require.Equal(t, []string{"Ringing OK", "Established OK"}, s.eventLines("5001"), "the call goes on")
	})
}

// Two calls may bring one CallUUID, such as the branches of a forked one: each is a call of its own.
func TestEngineSameCallID(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		id := CallID("0123456789ABCDEF0123456789ABCDEF")
		s.mu.Lock()
		for n, dn := range []string{"5001", "5002"} {
			c := ch([]string{"g1", "g2"}[n])
			in := Arrival{Channel: c, Trunk: "t", Number: "0301", Called: dn, CallID: id}
			s.chans[c.ID] = &simChannel{id: c, state: LegIsCreated, arrived: &in}
			s.e.Arrive(in)
		}
		s.mu.Unlock()
		pass(t, 3*time.Second)
		require.Len(t, s.e.Calls(), 2)
		_, known := s.e.Call(id)
		require.True(t, known)
	})
}

func TestEngineJournalFails(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		s.diskFull = true
		inCall(t, s)
		require.Equal(t, []string{"Ringing OK", "Established OK"}, s.eventLines("5001"), "a full disk ends no call")
	})
}

// The phone of a click-to-dial rings as long as the engine is told, not as long as the destination may.
func TestEngineOwnPhoneTimeout(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		s.phones["5001"] = phone{Ring: 100 * time.Millisecond}
		_, err := s.e.MakeCall(t.Context(), MakeCall{From: "5001", To: "030"})
		require.NoError(t, err)
		pass(t, 19*time.Second)
		require.Len(t, s.channels("5001"), 1)
		pass(t, 2*time.Second)
		require.Equal(t, []string{"Error"}, s.eventLines("5001"))
	})
}

func TestEngineRecallFails(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		call := inCall(t, s)
		s.phones["5002"] = phone{Ring: 100 * time.Millisecond, Reject: time.Second, Cause: causeBusy}
		s.phones["5001"] = phone{Absent: true} // logs out while the other rings
		_, err := s.e.Transfer(t.Context(), Transfer{Call: call.ID, To: "5002"})
		require.NoError(t, err)
		pass(t, 3*time.Second)
		require.Equal(t, []string{"Ringing OK", "Released Busy"}, s.eventLines("5002"))
		require.Equal(t, []string{"Ringing OK", "Established OK", "Released Transferred"}, s.eventLines("5001"))
		require.Empty(t, s.channels(""))
	})
}

// What a client does under an id of its own says nothing about another client's, and stands for one command.
func TestEngineOperationIDsAreTheirClients(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		call := func(client string, cmd MakeCall) (CallView, error) {
			cmd.Op = OpID("op-1").For(client, cmd)
			return s.e.MakeCall(t.Context(), cmd)
		}
		first, err := call("1", MakeCall{From: "5001", To: "030"})
		require.NoError(t, err)
		again, err := call("1", MakeCall{From: "5001", To: "030"})
		require.NoError(t, err)
		require.Equal(t, first.ID, again.ID)
		other, err := call("2", MakeCall{From: "5002", To: "030"})
		require.NoError(t, err)
		require.NotEqual(t, first.ID, other.ID, "another client")
		_, err = call("1", MakeCall{From: "5001", To: "031"})
		require.ErrorIs(t, err, ErrOpTaken, "another body")
		hangup := Hangup{Call: first.ID}
		hangup.Op = OpID("op-1").For("1", hangup)
		_, err = s.e.Hangup(t.Context(), hangup)
		require.ErrorIs(t, err, ErrOpTaken, "another verb")
		require.Len(t, s.e.Calls(), 2)
		pass(t, 3*time.Second)
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, e := range s.events {
			require.NotContains(t, string(e.Reference), "\x00", "the feed has the client's own id")
		}
	})
}

func TestOperationsAreForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var o operations[int]
		runs := 0
		do := func(id OpID) {
			_, err := o.once(t.Context(), func(run func()) bool { run(); return true }, id, func(context.Context) (int, error) { runs++; return runs, nil })
			require.NoError(t, err)
		}
		for n := range opMost + 10 {
			do(OpID(strconv.Itoa(n)))
		}
		require.Len(t, o.done, opMost, "the oldest are forgotten")
		do(OpID(strconv.Itoa(opMost + 9)))
		require.Equal(t, opMost+10, runs, "the latest is remembered")
		pass(t, opLife+time.Second)
		do("x")
		require.Len(t, o.done, 1)
		require.Len(t, o.list, 1)
	})
}
