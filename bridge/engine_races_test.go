package bridge

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// race has a thing happen at every instant around another, and holds what comes of it against what is true of all calls.
// The run of one instant sets up, lets the first thing happen, waits so long and lets the second happen.
func race(t *testing.T, run func(t *testing.T, s *sim, after time.Duration)) {
	t.Helper()
	for after := time.Duration(0); after <= 120*time.Millisecond; after += 5 * time.Millisecond {
		engineTest(t, func(t *testing.T, s *sim) {
			s.latency = 7 * time.Millisecond
			run(t, s, after)
			pass(t, time.Minute)
			require.Empty(t, s.unsettled(true), "%s later", after)
		})
	}
}

// inConsultation is a customer's call at 5001, and the one out of it to 5002, who rings and answers a second later.
func inConsultation(t *testing.T, s *sim) (primary, consultation CallView) {
	t.Helper()
	primary = inCall(t, s)
	consultation, err := s.e.Consult(t.Context(), Consult{PartyCommand: PartyCommand{Call: primary.ID, By: "5001"}, To: "5002", Purpose: ConsultTransfer})
	require.NoError(t, err)
	return primary, consultation
}

// inAnsweredConsultation is the same when 5002 has answered.
func inAnsweredConsultation(t *testing.T, s *sim) (primary, consultation CallView) {
	t.Helper()
	primary, consultation = inConsultation(t, s)
	pass(t, 2*time.Second)
	call, lives := s.e.Call(consultation.ID)
	require.True(t, lives)
	require.Equal(t, PartyEstablished, call.State)
	return primary, consultation
}

// phoneOf is the one channel of a DN's phone, or the customer's.
func phoneOf(t *testing.T, s *sim, dn string) string {
	t.Helper()
	if dn == "customer" {
		return "cust1"
	}
	ids := s.channels(dn)
	require.Len(t, ids, 1)
	return ids[0]
}

func by5001(call CallView) PartyCommand { return PartyCommand{Call: call.ID, By: "5001"} }

func TestRaceEverybodyHangsUp(t *testing.T) {
	t.Parallel()
	for _, conference := range []bool{false, true} {
		engineTest(t, func(t *testing.T, s *sim) {
			_, consultation := inAnsweredConsultation(t, s)
			if conference {
				_, err := s.e.CompleteConference(t.Context(), by5001(consultation))
				require.NoError(t, err)
			}
			var wg sync.WaitGroup
			for _, id := range s.channels("") {
				wg.Go(func() { s.hangup(id) })
			}
			wg.Wait()
			pass(t, time.Second)
			require.Empty(t, s.e.Calls())
			require.Empty(t, s.channels(""))
		})
	}
}

// TestRaceAnswerAgainstReconnect gives up the consultation as its target answers.
func TestRaceAnswerAgainstReconnect(t *testing.T) {
	t.Parallel()
	race(t, func(t *testing.T, s *sim, after time.Duration) {
		primary, consultation := inConsultation(t, s)
		pass(t, 940*time.Millisecond+after) // the answer is due within
		_, err := s.e.Reconnect(t.Context(), by5001(consultation))
		require.NoError(t, err)
		pass(t, time.Second)
		require.Empty(t, s.channels("5002"))
		call, _ := s.e.Call(primary.ID)
		require.Equal(t, PartyEstablished, call.State)
		lines := s.eventLines("5002")
		require.Contains(t, []string{"Abandoned OK", "Released OK"}, lines[len(lines)-1])
	})
}

// TestRaceAnswerAgainstTransfer completes the transfer as its target answers.
func TestRaceAnswerAgainstTransfer(t *testing.T) {
	t.Parallel()
	race(t, func(t *testing.T, s *sim, after time.Duration) {
		_, consultation := inConsultation(t, s)
		pass(t, 940*time.Millisecond+after)
		_, err := s.e.CompleteTransfer(t.Context(), by5001(consultation))
		require.NoError(t, err)
		pass(t, 2*time.Second)
		require.Empty(t, s.channels("5001"))
		call := oneCall(t, s)
		require.True(t, call.Has("5002"))
		require.Equal(t, PartyEstablished, call.State)
	})
}

// TestRaceHangupAgainstCompletion has each of the three hang up around a transfer or conference.
func TestRaceHangupAgainstCompletion(t *testing.T) {
	t.Parallel()
	for who, remain := range map[string]struct{ transfer, conference int }{"customer": {0, 1}, "5002": {0, 1}, "5001": {1, 1}} {
		for _, conference := range []bool{false, true} {
			t.Run(who, func(t *testing.T) {
				t.Parallel()
				race(t, func(t *testing.T, s *sim, after time.Duration) {
					_, consultation := inAnsweredConsultation(t, s)
					complete, calls := s.e.CompleteTransfer, remain.transfer
					if conference {
						complete, calls = s.e.CompleteConference, remain.conference
					}
					id := phoneOf(t, s, who)
					_, err := complete(t.Context(), by5001(consultation))
					require.NoError(t, err)
					pass(t, after)
					s.hangup(id)
					pass(t, time.Second)
					require.Len(t, s.e.Calls(), calls)
				})
				race(t, func(t *testing.T, s *sim, after time.Duration) {
					_, consultation := inAnsweredConsultation(t, s)
					complete := s.e.CompleteTransfer
					if conference {
						complete = s.e.CompleteConference
					}
					s.hangup(phoneOf(t, s, who))
					pass(t, after)
					_, err := complete(t.Context(), by5001(consultation))
					require.Error(t, err, "there is nothing to complete")
				})
			})
		}
	}
}

// TestRaceDoubleCompletion presses the button twice.
func TestRaceDoubleCompletion(t *testing.T) {
	t.Parallel()
	for _, op := range []OpID{"", "op1"} {
		race(t, func(t *testing.T, s *sim, after time.Duration) {
			_, consultation := inAnsweredConsultation(t, s)
			cmd := by5001(consultation)
			cmd.Op = op
			var wg sync.WaitGroup
			var errs [2]error
			for n := range errs {
				wg.Go(func() {
					_ = wait(t.Context(), time.Duration(n)*after)
					_, errs[n] = s.e.CompleteTransfer(t.Context(), cmd)
				})
			}
			wg.Wait()
			if op != "" {
				require.NoError(t, errors.Join(errs[:]...), "it is the same operation")
				return
			}
			refused := errs[0]
			if refused == nil {
				refused = errs[1]
			}
			require.Error(t, refused)
			require.True(t, errs[0] == nil || errs[1] == nil)
			require.True(t, errors.Is(refused, ErrCallNotFound) || errors.Is(refused, ErrNotAParty), "%v", refused)
		})
	}
}

// TestRaceAlternateDuringRetrieve alternates while the phone, a page of ours, is being told to retrieve.
func TestRaceAlternateDuringRetrieve(t *testing.T) {
	t.Parallel()
	race(t, func(t *testing.T, s *sim, after time.Duration) {
		s.phones["5001"] = phone{Page: true, Ring: 100 * time.Millisecond, Answer: time.Second}
		_, consultation := inAnsweredConsultation(t, s)
		_, err := s.e.Hold(t.Context(), by5001(consultation))
		require.NoError(t, err)
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = s.e.Retrieve(t.Context(), by5001(consultation)) })
		pass(t, after)
		got, err := s.e.Alternate(t.Context(), by5001(consultation))
		require.NoError(t, err)
		wg.Wait()
		pass(t, time.Second)
		require.Equal(t, PartyHeld, partyOf(t, s, consultation.ID, "5001").State, "%s later", after)
		require.NotEqual(t, consultation.ID, got.ID)
	})
}

// partyOf is the party of a DN in a call that lives.
func partyOf(t *testing.T, s *sim, call CallID, dn DN) PartyView {
	t.Helper()
	view, _ := s.e.Call(call)
	for _, p := range view.Parties {
		if p.DN == dn {
			return p
		}
	}
	require.Failf(t, "no such party", "%s in %+v", dn, view)
	return PartyView{}
}

// TestRaceTargetAnswersAsTheCustomerLeaves has the agent left with the target, or the target abandoned.
func TestRaceTargetAnswersAsTheCustomerLeaves(t *testing.T) {
	t.Parallel()
	for _, blind := range []bool{false, true} {
		race(t, func(t *testing.T, s *sim, after time.Duration) {
			_, consultation := inConsultation(t, s)
			if blind {
				_, err := s.e.CompleteTransfer(t.Context(), by5001(consultation))
				require.NoError(t, err)
			}
			pass(t, 940*time.Millisecond+after)
			s.hangup("cust1")
			pass(t, time.Second)
			if blind {
				require.Empty(t, s.e.Calls(), "nobody is left to talk to")
				return
			}
			require.Equal(t, consultation.ID, oneCall(t, s).ID)
		})
	}
}

// TestCommandsOnADeadCall are refused by name, and touch nobody.
func TestCommandsOnADeadCall(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		primary, consultation := inAnsweredConsultation(t, s)
		_, err := s.e.Reconnect(t.Context(), by5001(consultation))
		require.NoError(t, err)
		pass(t, time.Second)
		dead := by5001(consultation)
		for name, command := range map[string]func(context.Context, PartyCommand) (CallView, error){
			"complete transfer": s.e.CompleteTransfer, "complete conference": s.e.CompleteConference, "alternate": s.e.Alternate,
			"reconnect": s.e.Reconnect, "release": s.e.Release, "hold": s.e.Hold, "retrieve": s.e.Retrieve, "answer": s.e.Answer, "reject": s.e.Reject,
		} {
			_, err := command(t.Context(), dead)
			require.ErrorIs(t, err, ErrCallNotFound, name)
		}
		for _, kind := range partyDeeds() {
			_, err := partyDoes(t.Context(), s.e, CallView{ID: dead.Call}, deed{Kind: kind})
			require.ErrorIs(t, err, ErrCallNotFound, kind)
		}
		call, _ := s.e.Call(primary.ID)
		require.Equal(t, PartyEstablished, call.State)
	})
}
