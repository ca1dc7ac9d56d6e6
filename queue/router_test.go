package queue_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sidecar/bridge"
	"sidecar/queue"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func figures(t *testing.T, w *world, name string) queue.View {
	t.Helper()
	synctest.Wait()
	v, err := w.router.View(name)
	require.NoError(t, err)
	return v
}

func TestACallIsOfferedToWhoBecomesReady(t *testing.T) {
	t.Parallel()
	story(t, nil, func(t *testing.T, w *world) {
		w.arrive("a", "0301", "6000")
		require.Empty(t, w.told())
		time.Sleep(30 * time.Second)
		w.agent("5001", true)
		require.Equal(t, []string{"offer C001 5001"}, w.told(), "at once, not with the next tick")
		v := figures(t, w, "a")
		require.Equal(t, 1, v.Waiting)
		require.Equal(t, 30*time.Second, v.Longest)
		require.Equal(t, 1, v.LoggedIn)
		require.True(t, w.answer("5001"))
		v = figures(t, w, "a")
		require.Zero(t, v.Waiting)
		require.Equal(t, queue.Figures{Entered: 1, Answered: 1, Waited: 30 * time.Second, Longest: 30 * time.Second}, v.Today, "not in time")
		require.Equal(t, v.Today, v.Recent)
		time.Sleep(time.Hour)
		v = figures(t, w, "a")
		require.Zero(t, v.Recent)
		require.Equal(t, 1, v.Today.Answered)
	})
}

func TestWhoDoesNotAnswerIsToldAndTheCallKeepsItsPlace(t *testing.T) {
	t.Parallel()
	story(t, nil, func(t *testing.T, w *world) {
		w.agent("5001", true)
		w.arrive("a", "0301", "6000")
		require.Equal(t, []string{"offer C001 5001"}, w.told())
		time.Sleep(5 * time.Second)
		w.arrive("a", "0302", "6000")
		time.Sleep(15 * time.Second)
		require.Equal(t, []string{"rang out 5001"}, w.told())
		time.Sleep(time.Minute)
		require.Empty(t, w.told(), "the agent is not ready any more")
		calls, err := w.router.Calls("a")
		require.NoError(t, err)
		require.Len(t, calls, 2)
		require.Equal(t, bridge.DN("5001"), calls[0].Last)
		require.ErrorIs(t, calls[0].Failed, bridge.ErrNoAnswer)
		require.Equal(t, []int{1, 2}, []int{calls[0].Position, calls[1].Position})
		w.agent("5002", true)
		require.Equal(t, []string{"offer C001 5002"}, w.told())
	})
}

func TestAnAgentWhoIsBusyByThenIsPassedOverAtOnce(t *testing.T) {
	t.Parallel()
	story(t, nil, func(t *testing.T, w *world) {
		w.refuse["5001"] = bridge.ErrBusy
		w.agent("5001", true)
		time.Sleep(time.Second)
		w.agent("5002", true)
		w.arrive("a", "0301", "6000")
		require.Equal(t, []string{"refused C001 5001", "offer C001 5002"}, w.told())
		w.answer("5002")
		w.arrive("a", "0302", "6000")
		require.Empty(t, w.told(), "not asked again in the same moment")
		w.set(func() { delete(w.refuse, "5001") })
		time.Sleep(4 * time.Second)
		require.Equal(t, []string{"offer C002 5001"}, w.told())
	})
}

func TestACallerWhoHangsUpWhileAPhoneRingsFreesTheAgent(t *testing.T) {
	t.Parallel()
	story(t, nil, func(t *testing.T, w *world) {
		w.agent("5001", true)
		first := w.arrive("a", "0301", "6000")
		w.arrive("b", "0302", "6001")
		require.Equal(t, []string{"offer C001 5001"}, w.told())
		w.gone(first, bridge.GoneAbandoned)
		require.Equal(t, []string{"offer C002 5001"}, w.told())
		require.Equal(t, queue.Figures{Entered: 1, Abandoned: 1}, figures(t, w, "a").Today)
	})
}

func TestLateNewsOfAnEarlierOfferChangesNothing(t *testing.T) {
	t.Parallel()
	story(t, nil, func(t *testing.T, w *world) {
		w.refuse["5001"] = bridge.ErrBusy
		w.agent("5001", true)
		time.Sleep(time.Second)
		w.agent("5002", true)
		w.agent("5003", true)
		id := w.arrive("a", "0301", "6000")
		require.Equal(t, []string{"refused C001 5001", "offer C001 5002"}, w.told())
		w.router.Waiting(bridge.Waiting{Call: bridge.CallView{ID: id}, Queue: "a", Offered: "5001", Failed: bridge.ErrBusy})
		require.Empty(t, w.told(), "5002 still rings")
	})
}

func TestOverflow(t *testing.T) {
	t.Parallel()
	with := func(o queue.Overflow) func(*queue.Options) {
		return func(opts *queue.Options) { o.To = "6001"; opts.Queues[0].Overflow = o }
	}
	t.Run("after a while", func(t *testing.T) {
		t.Parallel()
		story(t, with(queue.Overflow{After: time.Minute}), func(t *testing.T, w *world) {
			w.arrive("a", "0301", "6000")
			time.Sleep(59 * time.Second)
			require.Empty(t, w.told())
			time.Sleep(time.Second)
			require.Equal(t, []string{"route C001 6001 default"}, w.told())
			require.Equal(t, queue.Figures{Entered: 1, Overflowed: 1}, figures(t, w, "a").Today)
			require.Equal(t, queue.Figures{Entered: 1}, figures(t, w, "b").Today)
			require.Equal(t, 1, figures(t, w, "b").Waiting)
		})
	})
	t.Run("not while a phone rings", func(t *testing.T) {
		t.Parallel()
		story(t, with(queue.Overflow{After: 10 * time.Second}), func(t *testing.T, w *world) {
			w.agent("5001", true)
			w.arrive("a", "0301", "6000")
			time.Sleep(19 * time.Second)
			require.Equal(t, []string{"offer C001 5001"}, w.told())
			time.Sleep(2 * time.Second)
			require.Equal(t, []string{"rang out 5001", "route C001 6001 default"}, w.told())
		})
	})
	t.Run("when too many wait", func(t *testing.T) {
		t.Parallel()
		story(t, with(queue.Overflow{Waiting: 2}), func(t *testing.T, w *world) {
			w.arrive("a", "0301", "6000")
			w.arrive("a", "0302", "6000")
			require.Empty(t, w.told())
			w.arrive("a", "0303", "6000")
			require.Equal(t, []string{"route C003 6001 default"}, w.told())
		})
	})
	t.Run("when nobody is logged in", func(t *testing.T) {
		t.Parallel()
		story(t, with(queue.Overflow{NoAgents: true}), func(t *testing.T, w *world) {
			w.agent("5001", false)
			w.arrive("a", "0301", "6000")
			require.Empty(t, w.told(), "somebody is there")
			w.logout("5001")
			require.Equal(t, []string{"route C001 6001 default"}, w.told())
			w.arrive("a", "0302", "6000")
			require.Equal(t, []string{"route C002 6001 default"}, w.told())
		})
	})
	t.Run("that fails is tried again, and agents go on", func(t *testing.T) {
		t.Parallel()
		story(t, with(queue.Overflow{After: time.Minute}), func(t *testing.T, w *world) {
			w.routeErr = bridge.ErrBusy
			w.arrive("a", "0301", "6000")
			time.Sleep(time.Minute)
			require.Equal(t, []string{"not routed C001 6001"}, w.told())
			time.Sleep(11 * time.Second)
			require.Equal(t, []string{"not routed C001 6001"}, w.told())
			w.agent("5001", true)
			require.Equal(t, []string{"offer C001 5001"}, w.told())
		})
	})
}

func TestClosed(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		exit queue.Exit
		want []string
	}{
		"message": {queue.Exit{Message: "closed"}, []string{"announce C001 [sound:closed]", "hangup C001"}},
		"hang up": {queue.Exit{}, []string{"hangup C001"}},
		"number":  {queue.Exit{To: "+4930"}, []string{"route C001 +4930 default"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opens := time.Date(2000, 1, 1, 1, 0, 0, 0, time.UTC)
			story(t, func(o *queue.Options) {
				o.Queues[0].Closed = tc.exit
				o.Queues[0].Open = func(at time.Time) bool { return at.After(opens) }
			}, func(t *testing.T, w *world) {
				w.agent("5001", true)
				w.arrive("a", "0301", "6000")
				require.Equal(t, tc.want, w.told())
				require.False(t, figures(t, w, "a").Open)
				require.Equal(t, queue.Figures{Entered: 1, Closed: 1}, figures(t, w, "a").Today)
				time.Sleep(2 * time.Hour)
				w.arrive("a", "0302", "6000")
				require.Equal(t, []string{"offer C002 5001"}, w.told())
			})
		})
	}
}

func TestAnnouncements(t *testing.T) {
	t.Parallel()
	story(t, func(o *queue.Options) {
		o.Queues[0].Announce = queue.Announce{
			Every: 30 * time.Second, Position: true, WaitTime: true, Next: "next", ThereAre: "there", CallsWaiting: "waiting",
			HoldTime: "hold", Minutes: "minutes", Thanks: "thanks",
		}
	}, func(t *testing.T, w *world) {
		w.agent("5001", true)
		w.arrive("a", "0301", "6000")
		time.Sleep(10 * time.Second)
		w.answer("5001")
		w.told()
		w.arrive("a", "0302", "6000")
		time.Sleep(time.Second)
		w.arrive("a", "0303", "6000")
		time.Sleep(30 * time.Second)
		require.Equal(t, []string{
			"announce C002 [sound:next sound:hold number:1 sound:minutes sound:thanks]", // one answered in 40 s
			"announce C003 [sound:there number:2 sound:waiting sound:hold number:2 sound:minutes sound:thanks]",
		}, w.told())
		time.Sleep(29 * time.Second)
		require.Len(t, w.told(), 1)
	})
}

func TestAQueueThatIsNotThereAnyMoreEndsItsCalls(t *testing.T) {
	t.Parallel()
	story(t, nil, func(t *testing.T, w *world) {
		w.arrive("gone", "0301", "6000")
		require.Equal(t, []string{"hangup C001"}, w.told())
	})
}
