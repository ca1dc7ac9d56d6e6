package queue_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/bridge"
	"sidecar/queue"
)

func callingBack(o *queue.Options) {
	o.Queues[0].Callback = queue.CallbackOffer{
		After: time.Minute, Prompt: "press1", Accepted: "thanks", Attempts: 2, Pause: 5 * time.Minute, Lifetime: 2 * time.Hour,
	}
}

// accept lets a caller wait until the offer and take it.
func accept(t *testing.T, w *world, number string) bridge.CallID {
	t.Helper()
	id := w.arrive("a", number, "6000")
	time.Sleep(time.Minute)
	require.Equal(t, []string{"announce " + string(id) + " [sound:press1]"}, w.told())
	w.router.Digit(id, "1")
	require.Equal(t, []string{"keep " + number, "announce " + string(id) + " [sound:thanks]", "hangup " + string(id)}, w.told())
	return id
}

func established(v *bridge.CallView) {
	v.Parties[0].State, v.Parties[0].JoinedAt = bridge.PartyEstablished, time.Now()
	v.Parties = append(v.Parties[:1], bridge.PartyView{ID: 2, Role: bridge.RoleDestination, State: bridge.PartyEstablished, JoinedAt: time.Now()})
}

func agentUp(v *bridge.CallView) {
	v.Parties[0].State = bridge.PartyDialing
	v.Parties = append(v.Parties, bridge.PartyView{ID: 2, Role: bridge.RoleDestination, State: bridge.PartyAlerting})
}

func ended(v *bridge.CallView) { v.EndedAt = time.Now() }

func TestACallback(t *testing.T) {
	t.Parallel()
	story(t, callingBack, func(t *testing.T, w *world) {
		accept(t, w, "03012345")
		require.Equal(t, 1, figures(t, w, "a").Callbacks)
		require.Equal(t, queue.Figures{Entered: 1, Callbacks: 1}, figures(t, w, "a").Today)
		w.arrive("a", "0302", "6000")
		w.agent("5001", true)
		require.Equal(t, []string{"call 03012345 from 5001 default", "keep 03012345"}, w.told(), "it has kept its place")
		w.change("M003", agentUp)
		require.Empty(t, w.told())
		w.change("M003", established)
		require.Equal(t, []string{"drop 03012345"}, w.told())
		w.change("M003", ended)
		require.Equal(t, []string{"offer C002 5001"}, w.told(), "the agent is free again")
		require.Zero(t, figures(t, w, "a").Callbacks)
		require.Equal(t, 1, figures(t, w, "a").Today.CalledBack)
	})
}

func TestACallbackIsTriedAFewTimes(t *testing.T) {
	t.Parallel()
	story(t, callingBack, func(t *testing.T, w *world) {
		accept(t, w, "03012345")
		w.agent("5001", true)
		require.Equal(t, []string{"call 03012345 from 5001 default", "keep 03012345"}, w.told())
		w.change("M002", agentUp)
		w.change("M002", ended)
		require.Equal(t, []string{"keep 03012345"}, w.told())
		time.Sleep(5*time.Minute - time.Second)
		require.Empty(t, w.told(), "not before the pause is over")
		time.Sleep(2 * time.Second)
		require.Equal(t, []string{"call 03012345 from 5001 default", "keep 03012345"}, w.told())
		w.change("M003", agentUp)
		w.change("M003", ended)
		require.Equal(t, []string{"drop 03012345"}, w.told(), "two attempts")
	})
}

func TestAnAgentWhoLetsACallbackRingIsNoAttempt(t *testing.T) {
	t.Parallel()
	story(t, callingBack, func(t *testing.T, w *world) {
		accept(t, w, "03012345")
		for _, dn := range []bridge.DN{"5001", "5002", "5003"} {
			w.agent(dn, true)
			told := w.told()
			require.Equal(t, "call 03012345 from "+string(dn)+" default", told[0])
			for id := range w.made {
				w.change(id, ended)
			}
			require.Equal(t, []string{"rang out " + string(dn), "keep 03012345"}, w.told())
		}
	})
}

func TestACallbackIsDropped(t *testing.T) {
	t.Parallel()
	t.Run("when its number may not be called", func(t *testing.T) {
		t.Parallel()
		story(t, callingBack, func(t *testing.T, w *world) {
			accept(t, w, "0900123")
			w.set(func() { w.makeErr = &bridge.TargetError{Number: "0900123", Rule: "deny"} })
			w.agent("5001", true)
			require.Equal(t, []string{"call 0900123 from 5001 default", "drop 0900123"}, w.told())
		})
	})
	t.Run("when it is too old", func(t *testing.T) {
		t.Parallel()
		story(t, callingBack, func(t *testing.T, w *world) {
			accept(t, w, "03012345")
			time.Sleep(2*time.Hour + 2*time.Second)
			require.Equal(t, []string{"drop 03012345"}, w.told())
		})
	})
	t.Run("not when the agent can't be reached", func(t *testing.T) {
		t.Parallel()
		story(t, callingBack, func(t *testing.T, w *world) {
			accept(t, w, "03012345")
			w.set(func() { w.makeErr = &bridge.TargetError{Number: "5001", Unreachable: true} })
			w.agent("5001", true)
			require.Equal(t, []string{"call 03012345 from 5001 default"}, w.told())
			w.set(func() { w.makeErr = nil })
			time.Sleep(4 * time.Second)
			require.Equal(t, []string{"call 03012345 from 5001 default", "keep 03012345"}, w.told())
		})
	})
}

func TestACallbackIsNotOfferedToEverybody(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		ani  string
		edit func(o *queue.Options)
	}{
		"no number":            {"", nil},
		"no number to call":    {"anonymous", nil},
		"too short":            {"+12", nil},
		"not by the rules":     {"0900123", func(o *queue.Options) { o.Dialable = func(class, number string) bool { return class != "default" } }},
		"nor without an offer": {"03012345", func(o *queue.Options) { o.Queues[0].Callback.After = 0 }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			story(t, func(o *queue.Options) {
				callingBack(o)
				if tc.edit != nil {
					tc.edit(o)
				}
			}, func(t *testing.T, w *world) {
				id := w.arrive("a", tc.ani, "6000")
				time.Sleep(2 * time.Minute)
				w.router.Digit(id, "1")
				require.Empty(t, w.told())
				require.Equal(t, 1, figures(t, w, "a").Waiting)
			})
		})
	}
}

func TestOtherKeysAreNoAnswerToTheOffer(t *testing.T) {
	t.Parallel()
	story(t, callingBack, func(t *testing.T, w *world) {
		id := w.arrive("a", "03012345", "6000")
		w.router.Digit(id, "1")
		require.Empty(t, w.told(), "nothing was offered yet")
		time.Sleep(time.Minute)
		w.router.Digit(id, "2")
		require.Len(t, w.told(), 1)
		w.agent("5001", true)
		require.Len(t, w.told(), 1)
		w.router.Digit(id, "1")
		require.Empty(t, w.told(), "a phone rings for the caller already")
	})
}

func TestWhoAsksTwiceIsCalledBackOnce(t *testing.T) {
	t.Parallel()
	story(t, callingBack, func(t *testing.T, w *world) {
		accept(t, w, "03012345")
		id := w.arrive("a", "03012345", "6000")
		time.Sleep(time.Minute)
		w.told()
		w.router.Digit(id, "1")
		require.Equal(t, []string{"announce C002 [sound:thanks]", "hangup C002"}, w.told())
		require.Equal(t, 1, figures(t, w, "a").Callbacks)
	})
}

func TestCallbacksAndFiguresSurviveARestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		o := site()
		callingBack(&o)
		stop := w.start(o)
		w.agent("5001", true)
		w.arrive("a", "0300", "6000")
		require.True(t, func() bool { synctest.Wait(); return w.answer("5001") }())
		w.told()
		accept(t, w, "03012345")
		w.arrive("a", "0302", "6000") // waits through the restart
		time.Sleep(time.Second)
		before := figures(t, w, "a")
		stop()

		time.Sleep(time.Minute)
		stop = w.start(o)
		after := figures(t, w, "a")
		require.Equal(t, before.Today, after.Today, "the call that waits is not counted a second time")
		require.Equal(t, 1, after.Callbacks)
		require.Equal(t, 1, after.Waiting)
		w.finish("5001")
		require.Equal(t, []string{"announce C003 [sound:press1]", "call 03012345 from 5001 default", "keep 03012345"}, w.told())
		stop() // while the agent's phone rings

		stop = w.start(o)
		time.Sleep(2 * time.Second)
		w.told()
		w.change("M004", established)
		require.Equal(t, []string{"drop 03012345"}, w.told(), "it is known which call calls back")
		stop()

		require.NotContains(t, w.kept, "callback:C002")
		w.end()
	})
}

func TestACallbackThatEndedWhileWeWereAwayIsTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		o := site()
		callingBack(&o)
		stop := w.start(o)
		accept(t, w, "03012345")
		w.agent("5001", true)
		require.Len(t, w.told(), 2)
		stop()
		w.set(func() { clear(w.made); clear(w.busy) })
		stop = w.start(o)
		require.Equal(t, []string{"keep 03012345"}, w.told())
		time.Sleep(5*time.Minute + time.Second)
		require.Equal(t, "call 03012345 from 5001 default", w.told()[0])
		stop()
		w.end()
	})
}

func TestACallbackKeepsThePlaceOfItsCall(t *testing.T) {
	t.Parallel()
	story(t, callingBack, func(t *testing.T, w *world) {
		id := w.arrive("a", "03012345", "6000")
		time.Sleep(time.Second)
		w.arrive("a", "", "6000") // before the other one asks to be called back
		time.Sleep(time.Minute)
		w.router.Digit(id, "1")
		w.told()
		w.agent("5001", true)
		require.Equal(t, []string{"call 03012345 from 5001 default", "keep 03012345"}, w.told())
		w.agent("5002", true)
		require.Equal(t, []string{"offer C002 5002"}, w.told())
		w.agent("5003", true)
		require.Empty(t, w.told(), "nobody calls back a second time meanwhile")
	})
}

func TestCallbacksRestWhileTheQueueIsClosed(t *testing.T) {
	t.Parallel()
	story(t, func(o *queue.Options) {
		callingBack(o)
		closes := time.Date(2000, 1, 1, 0, 2, 0, 0, time.UTC)
		o.Queues[0].Open = func(at time.Time) bool { return at.Before(closes) || at.After(closes.Add(time.Hour)) }
	}, func(t *testing.T, w *world) {
		accept(t, w, "03012345")
		time.Sleep(2 * time.Minute)
		w.agent("5001", true)
		time.Sleep(50 * time.Minute)
		require.Empty(t, w.told())
		time.Sleep(10 * time.Minute)
		require.Equal(t, []string{"call 03012345 from 5001 default", "keep 03012345"}, w.told())
	})
}

func TestACallbackThatEndsAtOnceIsSeen(t *testing.T) {
	t.Parallel()
	story(t, callingBack, func(t *testing.T, w *world) {
		accept(t, w, "03012345")
		w.set(func() { w.short = true })
		w.agent("5001", true)
		require.Equal(t, []string{"call 03012345 from 5001 default", "rang out 5001", "keep 03012345", "keep 03012345"}, w.told())
	})
}
