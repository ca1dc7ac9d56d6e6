package bridge

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// watched is the one order there is.
func watched(t *testing.T, s *sim) MonitorView {
	t.Helper()
	list := s.e.Monitors()
	require.Len(t, list, 1)
	return list[0]
}

func order(next MonitorNext) Monitor {
	return Monitor{Supervisor: "5003", Target: "5001", Mode: MonitorMute, Scope: ScopeCall, Next: next, By: "boss"}
}

func TestMonitorOfTheNextCall(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		view, err := s.e.Monitor(t.Context(), order(MonitorOne))
		require.NoError(t, err)
		require.Equal(t, MonitorWaiting, view.State)
		require.Equal(t, []string{"MonitoringNextCall OK"}, s.eventLines("5003"))
		call := inCall(t, s)
		pass(t, 2*time.Second)
		require.Equal(t, MonitorActive, watched(t, s).State)
		require.Equal(t, call.ID, watched(t, s).Call)
		require.Equal(t, []string{"MonitoringNextCall OK", "Ringing Bridged", "Established Bridged"}, s.eventLines("5003"))
		require.Equal(t, []string{"Ringing OK", "Established OK", "PartyAdded Bridged"}, s.eventLines("5001"))
		s.hangup("cust1")
		pass(t, 2*time.Second)
		require.Empty(t, s.e.Monitors(), "one call it was")
		require.Equal(t, "MonitoringCancelled OK", s.eventLines("5003")[5], s.eventLines("5003"))
	})
}

func TestMonitorOfAllCalls(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		inCall(t, s)
		view, err := s.e.Monitor(t.Context(), order(MonitorAll))
		require.NoError(t, err)
		require.Equal(t, MonitorRinging, view.State)
		pass(t, 2*time.Second)
		require.Equal(t, MonitorActive, watched(t, s).State)
		s.hangup("cust1")
		pass(t, 2*time.Second)
		require.Equal(t, MonitorWaiting, watched(t, s).State)
		inCall(t, s)
		pass(t, 2*time.Second)
		require.Equal(t, MonitorActive, watched(t, s).State)
		s.hangup(s.channels("5003")[0]) // the supervisor has had enough
		pass(t, 2*time.Second)
		require.Empty(t, s.e.Monitors())
		require.Equal(t, PartyEstablished, oneCall(t, s).State)
	})
}

func TestMonitorCommands(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		call := inCall(t, s)
		view, err := s.e.Monitor(t.Context(), Monitor{SupervisorNumber: "030", Call: call.ID, Mode: MonitorCoach})
		require.NoError(t, err)
		require.Equal(t, ScopeCall, view.Scope)
		pass(t, 2*time.Second)
		for _, mode := range []MonitorMode{MonitorConnect, MonitorMute, MonitorCoach, MonitorCoach} {
			view, err = s.e.SwitchMonitor(t.Context(), view.ID, mode)
			require.NoError(t, err)
			pass(t, time.Second)
			require.Equal(t, mode, watched(t, s).Mode)
		}
		_, err = s.e.SwitchMonitor(t.Context(), view.ID, "loud")
		require.ErrorIs(t, err, ErrMonitorField)
		view, err = s.e.StopMonitor(t.Context(), view.ID)
		require.NoError(t, err)
		require.Equal(t, MonitorEnded, view.State)
		pass(t, time.Second)
		require.Empty(t, s.e.Monitors())
		require.Len(t, s.channels(""), 2)
		_, err = s.e.StopMonitor(t.Context(), view.ID)
		require.ErrorIs(t, err, ErrMonitorNotFound)
		_, err = s.e.SwitchMonitor(t.Context(), view.ID, MonitorMute)
		require.ErrorIs(t, err, ErrMonitorNotFound)
	})
}

func TestMonitorRefusals(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		var target *TargetError
		for name, cmd := range map[string]Monitor{
			"himself":      {Supervisor: "5001", Target: "5001"},
			"as a number":  {SupervisorNumber: "5001", Target: "5001"},
			"no such DN":   {Supervisor: "5003", Target: "7001"},
			"no such boss": {Supervisor: "7003", Target: "5001"},
			"denied":       {SupervisorNumber: "0900", Target: "5001"},
			"treated":      {SupervisorNumber: "8000", Target: "5001"},
		} {
			_, err := s.e.Monitor(t.Context(), cmd)
			require.ErrorAs(t, err, &target, name)
		}
		for _, cmd := range []Monitor{
			{},
			{Supervisor: "5003"},
			{Supervisor: "5003", SupervisorNumber: "030", Target: "5001"},
			{Supervisor: "5003", Target: "5001", Mode: "loud"},
			{Supervisor: "5003", Target: "5001", Scope: "world"},
			{Supervisor: "5003", Target: "5001", Next: "some"},
		} {
			_, err := s.e.Monitor(t.Context(), cmd)
			require.ErrorIs(t, err, ErrMonitorField)
		}
		_, err := s.e.Monitor(t.Context(), Monitor{Supervisor: "5003", Call: "nix"})
		require.ErrorIs(t, err, ErrCallNotFound)
		require.Empty(t, s.e.Monitors())

		first, err := s.e.Monitor(t.Context(), order(MonitorOne))
		require.NoError(t, err)
		again := order(MonitorOne)
		again.Target = "5002"
		_, err = s.e.Monitor(t.Context(), again)
		require.ErrorAs(t, err, &target)
		require.ErrorContains(t, err, "it supervises 5001 already")
		_, err = s.e.SwitchMonitor(t.Context(), first.ID, MonitorCoach)
		require.NoError(t, err)
		require.Equal(t, MonitorCoach, watched(t, s).Mode)
		_, err = s.e.StopMonitor(t.Context(), first.ID)
		require.NoError(t, err)

		inCall(t, s)
		s.phones["5003"] = phone{Absent: true}
		_, err = s.e.Monitor(t.Context(), order(MonitorAll))
		require.ErrorAs(t, err, &target)
		require.Empty(t, s.e.Monitors(), "an order that fails at once is none")
	})
}

func TestMonitorTwiceUnderOneOperation(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		inCall(t, s)
		cmd := order(MonitorOne)
		cmd.Op = "op"
		first, err := s.e.Monitor(t.Context(), cmd)
		require.NoError(t, err)
		second, err := s.e.Monitor(t.Context(), cmd)
		require.NoError(t, err)
		require.Equal(t, first, second)
		pass(t, 2*time.Second)
		require.Len(t, s.channels("5003"), 1)
	})
}

// The supervisor does not answer: one call it was to be, or the next one.
func TestMonitorNotAnswered(t *testing.T) {
	t.Parallel()
	for next, state := range map[MonitorNext]int{MonitorOne: 0, MonitorAll: 1} {
		engineTest(t, func(t *testing.T, s *sim) {
			s.phones["5003"] = phone{Ring: time.Second, Cause: causeNoAnswer}
			inCall(t, s)
			_, err := s.e.Monitor(t.Context(), order(next))
			require.NoError(t, err)
			pass(t, time.Minute)
			require.Len(t, s.e.Monitors(), state)
			require.Empty(t, s.channels("5003"), "and it is not tried again at this call")
			require.Len(t, s.e.Calls(), 1)
			for _, view := range s.e.Monitors() {
				_, err := s.e.StopMonitor(t.Context(), view.ID)
				require.NoError(t, err)
			}
		})
	}
}

func TestMonitorSurvivesARestart(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		_, err := s.e.Monitor(t.Context(), order(MonitorAll))
		require.NoError(t, err)
		require.True(t, s.stop())
		s.start()
		require.Equal(t, MonitorWaiting, watched(t, s).State)
		inCall(t, s)
		pass(t, 2*time.Second)
		require.Equal(t, MonitorActive, watched(t, s).State)
		require.True(t, s.stop())
		s.start()
		pass(t, time.Second)
		require.Equal(t, MonitorActive, watched(t, s).State)
		_, err = s.e.SwitchMonitor(t.Context(), watched(t, s).ID, MonitorCoach)
		require.NoError(t, err)
		require.True(t, s.stop())
		s.hangup("cust1") // while nobody looks
		s.start()
		pass(t, 5*time.Second)
		require.Equal(t, MonitorWaiting, watched(t, s).State)
		_, err = s.e.StopMonitor(t.Context(), watched(t, s).ID)
		require.NoError(t, err)
	})
}

// The engine is killed after each of its acts in turn; what is left is made good.
func TestMonitorKilledAnywhere(t *testing.T) {
	t.Parallel()
	for at := 1; at < 80; at++ {
		engineTest(t, func(t *testing.T, s *sim) {
			inCall(t, s)
			e := s.e
			s.mu.Lock()
			s.killAt, s.lag = s.ops+at, simLag
			s.mu.Unlock()
			if view, err := e.Monitor(t.Context(), order(MonitorOne)); err == nil {
				pass(t, 2*time.Second)
				_, _ = e.SwitchMonitor(t.Context(), view.ID, MonitorCoach)
				pass(t, time.Second)
				_, _ = e.SwitchMonitor(t.Context(), view.ID, MonitorConnect)
				pass(t, time.Second)
			}
			s.mu.Lock()
			dead := s.e == nil
			s.killAt = 0
			s.mu.Unlock()
			if dead {
				s.start()
			}
			pass(t, 10*time.Second)
			for _, view := range s.e.Monitors() {
				_, err := s.e.StopMonitor(t.Context(), view.ID)
				require.NoError(t, err)
			}
			pass(t, 5*time.Second)
			require.Len(t, s.channels(""), 2, "the call goes on alone")
			require.Len(t, s.bridges, 1)
		})
	}
}
