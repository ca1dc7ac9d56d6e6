package queue_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/bridge"
	"sidecar/queue"
)

func external(o *queue.Options) {
	o.Queues[0].External, o.Queues[0].Within, o.Queues[0].Default = true, 15*time.Second, queue.Exit{To: "6001"}
}

func TestAProgramDecides(t *testing.T) {
	t.Parallel()
	story(t, external, func(t *testing.T, w *world) {
		w.agent("5001", true)
		id := w.arrive("a", "0301", "6000")
		time.Sleep(10 * time.Second)
		require.Empty(t, w.told(), "we offer nothing")
		require.NoError(t, w.router.Decide(t.Context(), "a", queue.Decision{Call: id, DN: "5001", Timeout: 8 * time.Second}))
		require.Equal(t, []string{"offer C001 5001"}, w.told())
		calls, err := w.router.Calls("a")
		require.NoError(t, err)
		require.Equal(t, bridge.DN("5001"), calls[0].Offered)
		err = w.router.Decide(t.Context(), "a", queue.Decision{Call: id, To: "6001"})
		require.ErrorIs(t, err, queue.ErrBeingOffered)
		time.Sleep(8 * time.Second)
		require.Equal(t, []string{"rang out 5001"}, w.told())
		time.Sleep(14 * time.Second)
		require.Empty(t, w.told(), "the program has its time anew")
		require.NoError(t, w.router.Decide(t.Context(), "a", queue.Decision{Call: id, To: "+4930", Class: "wide"}))
		require.Equal(t, []string{"route C001 +4930 wide"}, w.told())
		require.Equal(t, queue.Figures{Entered: 1, Routed: 1}, figures(t, w, "a").Today)
	})
}

func TestWhenNobodyDecidesTheDefaultIsTaken(t *testing.T) {
	t.Parallel()
	story(t, external, func(t *testing.T, w *world) {
		w.arrive("a", "0301", "6000")
		time.Sleep(14 * time.Second)
		require.Empty(t, w.told())
		time.Sleep(time.Second)
		require.Equal(t, []string{"route C001 6001 default"}, w.told())
		require.Equal(t, queue.Figures{Entered: 1, Overflowed: 1}, figures(t, w, "a").Today)
	})
}

func TestADecisionIsRefused(t *testing.T) {
	t.Parallel()
	story(t, external, func(t *testing.T, w *world) {
		w.agent("5001", true)
		id := w.arrive("a", "0301", "6000")
		other := w.arrive("a", "0302", "6000")
		decide := func(name string, d queue.Decision) error { return w.router.Decide(t.Context(), name, d) }
		require.ErrorIs(t, decide("x", queue.Decision{Call: id, To: "1"}), queue.ErrUnknownQueue)
		require.ErrorIs(t, decide("b", queue.Decision{Call: id, To: "1"}), queue.ErrNotHere)
		require.ErrorIs(t, decide("a", queue.Decision{Call: "C999", To: "1"}), queue.ErrNotHere)
		require.ErrorIs(t, decide("a", queue.Decision{Call: id, DN: "5002"}), bridge.ErrBusy, "by the engine")
		require.Empty(t, w.told())
		require.NoError(t, decide("a", queue.Decision{Call: id, DN: "5001"}))
		require.ErrorIs(t, decide("a", queue.Decision{Call: other, DN: "5001"}), bridge.ErrBusy, "by us: a phone rings there")
		w.set(func() { w.routeErr = bridge.ErrUnreachable })
		require.ErrorIs(t, decide("a", queue.Decision{Call: other, To: "+4930"}), bridge.ErrUnreachable)
		w.set(func() { w.routeErr = nil })
		require.NoError(t, decide("a", queue.Decision{Call: other, To: "+4930"}), "it waits on")
	})
}

func TestARepeatedDecisionIsTheEnginesToKnow(t *testing.T) {
	t.Parallel()
	story(t, nil, func(t *testing.T, w *world) {
		id := w.arrive("a", "0301", "6000")
		require.NoError(t, w.router.Decide(t.Context(), "a", queue.Decision{Call: id, To: "+4930", Op: "op1"}))
		require.NoError(t, w.router.Decide(t.Context(), "a", queue.Decision{Call: id, To: "+4930", Op: "op1"}))
		require.Len(t, w.told(), 1)
		require.ErrorIs(t, w.router.Decide(t.Context(), "a", queue.Decision{Call: id, To: "+4930", Op: "op2"}), queue.ErrNotHere)
		require.Equal(t, queue.Figures{Entered: 1, Routed: 1}, figures(t, w, "a").Today)
	})
}
