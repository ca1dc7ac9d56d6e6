package live_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/agent"
	"sidecar/bridge"
	"sidecar/cti/live"
)

const (
	ringing     = bridge.PartyRinging
	established = bridge.PartyEstablished
	held        = bridge.PartyHeld
	released    = bridge.PartyReleased
)

// What a sidecar runs that dies is shown until its lease has ended. When it is back, its calls are too, but for those that
// have ended meanwhile.
func TestLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		a := start(t, "a", s, "c1", "5001")
		b := start(t, "b", s, "c2", "c3", "5011")
		later(time.Second)
		a.sees("c1 Established", "c2 Established", "c3 Established")
		b.sees("c1 Established", "c2 Established", "c3 Established")
		require.Equal(t, []string{"b"}, a.live.Nodes())
		require.Equal(t, map[string]string{"c2": "b", "c3": "b"}, elsewhere(a))
		require.Len(t, a.live.DNs(), 2)

		later(time.Minute)
		a.sees("c1 Established", "c2 Established", "c3 Established")

		b.stop()
		later(9 * time.Second) // its last sign of life may be 5 s old
		a.sees("c1 Established", "c2 Established", "c3 Established")
		later(6 * time.Second)
		a.sees("c1 Established")
		require.Empty(t, a.live.Nodes())
		require.Empty(t, elsewhere(a))
		require.Len(t, a.live.DNs(), 1)

		b = start(t, "b", s, "c2", "5011")
		later(time.Second)
		a.sees("c1 Established", "c2 Established")
		require.Equal(t, []string{"a.call.c1", "a.dn.5001", "b.call.c2", "b.dn.5011"}, s.has(), "what b's earlier run has left is gone")
		b.call("c2", held)
		later(time.Second)
		a.sees("c1 Established", "c2 Held")
	})
}

func elsewhere(n *node) map[string]string {
	got := map[string]string{}
	for name, call := range n.live.Elsewhere {
		got[string(call.ID)] = name
	}
	return got
}

// What is in the store of a sidecar that died before this one began is never shown, and not for the length of a lease either.
func TestDeadBeforeTheStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		old := start(t, "b", s, "c2")
		later(time.Second)
		old.stop()
		later(20 * time.Second)
		a := start(t, "a", s)
		later(time.Second)
		a.sees()
		require.Empty(t, a.live.Nodes())
		start(t, "b", s, "c2")
		later(time.Second)
		a.sees("c2 Established")
	})
}

// The entries of a sidecar that never comes back go from the store by themselves, its lease at last.
func TestEntriesHaveALife(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		a := start(t, "a", s, "c1", "5001")
		start(t, "b", s, "c2")
		later(time.Second)
		for _, e := range s.log {
			require.Equal(t, time.Hour, e.Life, name(&e))
		}
		s.wrote()
		later(19 * time.Minute)
		entries, _ := s.wrote()
		require.Empty(t, entries, "nothing has changed")
		later(2 * time.Minute)
		entries, _ = s.wrote()
		require.Equal(t, []string{"a.call.c1", "a.dn.5001", "b.call.c2"}, entries, "long before their life is over")

		s.put(live.Entry{Node: "b", Kind: live.KindCall, ID: "c2"}) // as the server does it
		later(time.Second)
		a.sees("c1 Established")
		s.put(live.Entry{Node: "b", Kind: live.KindLease})
		synctest.Wait()
		require.Empty(t, a.live.Nodes())
	})
}

// What changes quickly is told once, what did not change, or was never told of, not at all.
func TestChangesAreGathered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		a, b := start(t, "a", s, "5001"), start(t, "b", s)
		later(time.Minute)
		s.wrote()
		for range 100 {
			a.call("c1", ringing)
			a.call("c1", established)
		}
		a.live.PublishDN(agent.Event{DN: agent.View{Number: "5001"}})
		a.call("short", ringing)
		a.call("short", released)
		later(49 * time.Millisecond)
		entries, _ := s.wrote()
		require.Empty(t, entries)
		later(time.Millisecond)
		entries, leases := s.wrote()
		require.Equal(t, []string{"a.call.c1"}, entries)
		require.Equal(t, 1, leases)
		b.sees("c1 Established")
		later(time.Second)
		entries, leases = s.wrote()
		require.Empty(t, entries)
		require.Equal(t, 3, leases, "its events may come after it")
		a.call("c1", released)
		later(50 * time.Millisecond)
		entries, _ = s.wrote()
		require.Equal(t, []string{"a.call.c1 gone"}, entries)
		b.sees()
	})
}

// While no other sidecar lives, nobody waits for what is told: there is less of it. One that begins to live is told at once.
func TestAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		a := start(t, "a", s)
		later(time.Minute)
		s.wrote()
		for range 20 { // changes of 2 s
			a.call("c1", ringing)
			later(100 * time.Millisecond)
		}
		a.call("c1", held)
		later(time.Second)
		entries, leases := s.wrote()
		require.Len(t, entries, 2)
		require.LessOrEqual(t, leases, 3)
		a.call("c1", established)
		synctest.Wait()
		b := start(t, "b", s)
		later(100 * time.Millisecond)
		b.sees("c1 Established")
	})
}

// Whoever publishes never waits for the store. When it works again, all is there as it stands, and what ended meanwhile isn't.
func TestTheStoreFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		a, b := start(t, "a", s, "c1", "c2", "5001"), start(t, "b", s)
		later(time.Second)
		hold := make(chan struct{})
		s.mu.Lock()
		s.hold = hold
		s.mu.Unlock()
		before := time.Now()
		a.call("c1", held)
		later(100 * time.Millisecond)
		for n := range 1000 {
			a.call(fmt.Sprint("x", n), ringing)
			a.call(fmt.Sprint("x", n), released)
		}
		require.Equal(t, 100*time.Millisecond, time.Since(before))
		s.fails(errStore)
		close(hold)
		a.call("c2", released)
		later(10 * time.Second)
		s.tries = 0
		for range 100 {
			a.call("c1", established)
			later(100 * time.Millisecond)
		}
		require.Less(t, s.tries, 15, "two sidecars try again every 2.5 to 5 s")
		b.sees()
		s.fails(nil)
		later(10 * time.Second)
		b.sees("c1 Established")
		require.Equal(t, []string{"a.call.c1", "a.dn.5001"}, s.has())
	})
}

// What is looked up is never told in place of what was published since.
func TestPublishedIsNewer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		a := start(t, "a", s, "c1", "c2")
		a.live.PublishCall(bridge.Event{Call: bridge.CallView{ID: "c1", State: held}})
		a.live.PublishCall(bridge.Event{Call: bridge.CallView{ID: "c2", State: released}})
		b := start(t, "b", s)
		later(100 * time.Millisecond)
		b.sees("c1 Held")
	})
}

// A store that has lost everything is filled again by those who have told it.
func TestTheStoreIsEmptied(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		start(t, "a", s, "c1", "5001")
		b := start(t, "b", s)
		later(time.Second)
		s.fails(errStore)
		synctest.Wait()
		s.mu.Lock()
		s.log = nil
		s.mu.Unlock()
		s.fails(nil)
		later(20 * time.Second)
		b.sees("c1 Established")
		require.Equal(t, []string{"a.call.c1", "a.dn.5001"}, s.has())
	})
}

// A sidecar that has our name is reported while it lives. What it leaves behind goes.
func TestTwin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		a := start(t, "a", s, "c1")
		later(7 * time.Second)
		require.NoError(t, a.live.Check(t.Context()))
		twin := start(t, "a", s, "c2")
		later(7 * time.Second)
		require.ErrorIs(t, a.live.Check(t.Context()), live.ErrTwin)
		require.ErrorIs(t, twin.live.Check(t.Context()), live.ErrTwin)
		twin.call("c3", ringing)
		later(2 * time.Second)
		twin.stop()
		later(15 * time.Second)
		require.NoError(t, a.live.Check(t.Context()))
		require.Equal(t, []string{"a.call.c1"}, s.has())
	})
}

// A snapshot holds what led to the events that were handed out, but does not wait for ever for it.
func TestSnapshotsWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		a, b := start(t, "a", s), start(t, "b", s)
		later(time.Minute)
		b.call("c1", ringing)
		a.mu.Lock()
		a.nodes["b"] = b.Head().Seq
		a.mu.Unlock()
		a.sees("c1 Ringing")

		a.mu.Lock()
		a.nodes["b"]++
		a.mu.Unlock()
		before := time.Now()
		a.sees("c1 Ringing")
		require.Equal(t, 500*time.Millisecond, time.Since(before))
	})
}

// A DN that several know is shown as the one has it where its phone is, or its agent.
func TestDNOfSeveral(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		a, b := start(t, "a", s, "5001", "5002"), start(t, "b", s, "5001", "5003")
		later(time.Second)
		b.live.PublishDN(agent.Event{DN: agent.View{Number: "5001", InService: true}})
		later(time.Second)
		got := a.live.DNs()
		require.Len(t, got, 3)
		require.Equal(t, "5001", got[0].Number)
		require.True(t, got[0].InService)
		require.Equal(t, "5003", got[2].Number)
	})
}
