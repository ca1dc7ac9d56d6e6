package queue

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/bridge"
)

// bench is a board with a moment.
func bench(edit func(s *Settings)) (*board, time.Time) {
	s := Settings{Name: "a", Number: "6000", RingTimeout: 20 * time.Second}
	if edit != nil {
		edit(&s)
	}
	b := newBoard(Options{Queues: []Settings{s, {Name: "b"}}})
	now := time.Unix(1_000_000, 0)
	b.restore(nil, now)
	return b, now
}

func waits(queue string, since time.Time) bridge.Waiting {
	return bridge.Waiting{Queue: queue, Since: since, Call: bridge.CallView{ID: "C"}}
}

func ready(dn bridge.DN) []Agent { return []Agent{{DN: dn, Ready: true}} }

func TestACallThatIsInAnotherQueueHasLeftTheFirst(t *testing.T) {
	t.Parallel()
	b, now := bench(nil)
	b.wait(waits("a", now), now)
	b.wait(waits("b", now), now)
	require.Equal(t, 1, b.ledgers["a"].Total.Routed)
	require.Equal(t, 1, b.ledgers["b"].Total.Entered)
	require.Len(t, b.callers, 1)
}

func TestAnAgentWhosePhoneRingsSinceBeforeARestartGetsNoOther(t *testing.T) {
	t.Parallel()
	b, now := bench(nil)
	w := waits("a", now)
	w.Ringing = "5001"
	b.wait(w, now)
	require.Empty(t, b.step(now, ready("5001")))
	require.Empty(t, b.free(ready("5001"), now))
	b.gone("C", bridge.GoneAnswered, now)
	require.Len(t, b.free(ready("5001"), now), 1)
	require.Equal(t, 1, b.ledgers["a"].Total.Answered)
}

func TestTheLateResultOfAnOfferIsNotThatOfTheNext(t *testing.T) {
	t.Parallel()
	b, now := bench(nil)
	b.wait(waits("a", now), now)
	require.Equal(t, []effect{offerEffect{call: "C", to: "5001", timeout: 20 * time.Second, try: 1}}, b.step(now, ready("5001")))
	again := waits("a", now)
	again.Offered, again.Failed = "5001", bridge.ErrBusy
	b.wait(again, now)
	now = now.Add(pauseAfterFailure)
	require.Equal(t, []effect{offerEffect{call: "C", to: "5001", timeout: 20 * time.Second, try: 2}}, b.step(now, ready("5001")))
	b.offerDone("C", 1, bridge.ErrBusy, now)
	require.Equal(t, offered, b.callers["C"].phase)
	b.offerDone("C", 2, bridge.ErrBusy, now)
	require.Equal(t, waiting, b.callers["C"].phase)
}

func TestACallThatIsTurnedAwayIsNoMoreAmongThoseThatWait(t *testing.T) {
	t.Parallel()
	b, now := bench(func(s *Settings) { s.Open, s.Closed = func(time.Time) bool { return false }, Exit{To: "4711"} })
	b.wait(waits("a", now), now)
	require.Empty(t, b.in(b.settings["a"]))
	exit := []effect{exitEffect{call: "C", exit: Exit{To: "4711"}}}
	require.Equal(t, exit, b.step(now, ready("5001")))
	b.exitDone("C", bridge.ErrUnreachable, now)
	require.Empty(t, b.step(now, ready("5001")), "nobody is given the call, whose way out is tried again later")
	require.Empty(t, b.in(b.settings["a"]))
	require.Equal(t, exit, b.step(now.Add(retryExit), ready("5001")))
}

func TestACallOnItsWayOutIsNoMoreAmongThoseThatWait(t *testing.T) {
	t.Parallel()
	b, now := bench(func(s *Settings) { s.Overflow = Overflow{NoAgents: true, To: "6001"} })
	b.wait(waits("a", now), now)
	require.Len(t, b.in(b.settings["a"]), 1)
	require.Len(t, b.step(now, nil), 1)
	require.Empty(t, b.in(b.settings["a"]))
	b.exitDone("C", bridge.ErrUnreachable, now)
	require.Len(t, b.in(b.settings["a"]), 1)
}

func TestACallForWhichThereWasNoRoomElsewhereStays(t *testing.T) {
	t.Parallel()
	b, now := bench(func(s *Settings) { s.Overflow = Overflow{Waiting: 1, To: "6001"} })
	first := waits("a", now)
	first.Call.ID = "B"
	b.wait(first, now)
	b.wait(waits("a", now), now)
	require.Equal(t, []effect{exitEffect{call: "C", exit: Exit{To: "6001"}}}, b.step(now, nil))
	b.exitDone("C", bridge.ErrUnreachable, now)
	require.Empty(t, b.step(now.Add(time.Hour), nil))
	require.Zero(t, b.ledgers["a"].Total.Overflowed)
}

func TestAnAnnouncementWaitsForTheEndOfTheOneBefore(t *testing.T) {
	t.Parallel()
	b, now := bench(func(s *Settings) { s.Announce = Announce{Every: 10 * time.Second, Position: true, Next: "next"} })
	b.wait(waits("a", now), now)
	now = now.Add(10 * time.Second)
	told := []effect{announceEffect{call: "C", media: []string{"sound:next"}}}
	require.Equal(t, told, b.step(now, nil))
	now = now.Add(10 * time.Second)
	require.Empty(t, b.step(now, nil))
	b.announceDone("C")
	require.Equal(t, told, b.step(now, nil))
}
