package queue_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sidecar/bridge"
	"sidecar/queue"
)

// deed is something that happens in a model's life. A chooses among what is there.
type deed struct {
	Kind  string
	After time.Duration
	A     int
}

func deeds() *rapid.Generator[[]deed] {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) deed {
		return deed{
			Kind: rapid.SampledFrom([]string{
				"arrive a", "arrive a", "arrive b", "ready", "ready", "not ready", "log out", "answer", "answer", "reject", "finish", "finish",
				"abandon", "end", "accept", "up", "reached", "failed", "busy", "not busy", "decide", "away", "restart",
			}).Draw(t, "kind"),
			After: time.Duration(rapid.SampledFrom([]int{0, 0, 1, 50, 1000, 7000, 31000}).Draw(t, "after")) * time.Millisecond,
			A:     rapid.IntRange(0, 99).Draw(t, "a"),
		}
	}), 1, 80)
}

// TestModel lets callers, agents and the engine do what they like, in any order.
func TestModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		list := deeds().Draw(rt, "deeds")
		found := &findings{}
		synctest.Test(t, func(*testing.T) {
			m := &model{world: newWorld(found), o: site()}
			callingBack(&m.o)
			m.o.Queues[0].Overflow = queue.Overflow{After: 3 * time.Minute, Waiting: 6, To: "6001"}
			m.o.Queues[1].Base, m.o.Queues[1].RaiseEvery = 1, 30*time.Second
			m.stop = m.start(m.o)
			for _, d := range list {
				time.Sleep(d.After)
				m.do(d)
				m.look()
			}
			m.settle()
			m.stop()
			m.end()
			*found = append(*found, m.broken...)
		})
		if len(*found) > 0 {
			rt.Fatal((*found)[0])
		}
	})
}

// findings gathers what is wrong: rapid ends a life by a panic, which must not pass through the other goroutines.
type findings []string

func (f *findings) Errorf(format string, args ...any) { *f = append(*f, fmt.Sprintf(format, args...)) }
func (f *findings) FailNow()                          {}

type model struct {
	*world

	o    queue.Options
	stop func()
}

// pick gives one of the calls that fit, in the order of their ids.
func (m *model) pick(a int, fits func(h *held) bool) bridge.CallID {
	m.mu.Lock()
	defer m.mu.Unlock()
	var ids []bridge.CallID
	for n := range m.n + 1 {
		id := bridge.CallID(fmt.Sprintf("C%03d", n))
		if h := m.calls[id]; h != nil && fits(h) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return ""
	}
	return ids[a%len(ids)]
}

func (m *model) pickMade(a int) bridge.CallID {
	m.mu.Lock()
	defer m.mu.Unlock()
	for n := range m.n + 1 {
		if id := bridge.CallID(fmt.Sprintf("M%03d", (n+a)%(m.n+1))); m.made[id].ID != "" {
			return id
		}
	}
	return ""
}

func (m *model) do(d deed) {
	dn := bridge.DN(fmt.Sprint(5001 + d.A%4))
	all := func(*held) bool { return true }
	rings := func(h *held) bool { return h.rings != "" }
	switch d.Kind {
	case "arrive a", "arrive b":
		m.arrive(d.Kind[len("arrive "):], fmt.Sprint("0301", d.A), "6000")
	case "ready", "not ready":
		m.agent(dn, d.Kind == "ready")
	case "log out":
		m.logout(dn)
	case "answer":
		m.answer(dn)
	case "reject":
		if id := m.pick(d.A, rings); id != "" {
			m.fail(id, m.ringsAt(id), bridge.ErrPhoneRefused)
		}
	case "finish":
		m.finish(dn)
	case "abandon":
		m.gone(m.pick(d.A, all), bridge.GoneAbandoned)
	case "end":
		m.gone(m.pick(d.A, all), bridge.GoneEnded)
	case "accept":
		m.router.Digit(m.pick(d.A, all), "1")
	case "up", "reached", "failed":
		if id := m.pickMade(d.A); id != "" {
			m.change(id, map[string]func(*bridge.CallView){"up": agentUp, "reached": established, "failed": ended}[d.Kind])
		}
	case "busy":
		m.set(func() { m.refuse[dn] = bridge.ErrBusy })
	case "not busy":
		m.set(func() { delete(m.refuse, dn) })
	case "decide":
		_ = m.router.Decide(context.Background(), "a", queue.Decision{Call: m.pick(d.A, all), DN: dn}) // refused or not
	case "away":
		_ = m.router.Decide(context.Background(), "b", queue.Decision{Call: m.pick(d.A, all), To: "+4930"})
	case "restart":
		m.stop()
		time.Sleep(time.Second)
		m.stop = m.start(m.o)
	}
}

// look compares what the queues believe with what is.
func (m *model) look() {
	synctest.Wait()
	waits := 0
	for _, v := range m.router.All() {
		f := v.Total
		done := f.Answered + f.Abandoned + f.Overflowed + f.Routed + f.Closed + f.Callbacks + f.Ended
		calls, err := m.router.Calls(v.Name)
		require.NoError(m.t, err)
		require.Equal(m.t, f.Entered, done+v.Waiting, "%s: every call that came waits or is counted once: %+v", v.Name, f)
		waits += len(calls)
		m.mu.Lock()
		for _, c := range calls {
			h := m.calls[c.Call.ID]
			require.NotNil(m.t, h, "%s is not there any more", c.Call.ID)
			if h == nil {
				continue
			}
			require.Equal(m.t, h.rings, c.Offered, "%s rings", c.Call.ID)
			require.Equal(m.t, v.Name, h.queue)
		}
		m.mu.Unlock()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	require.Len(m.t, m.calls, waits, "no call is lost")
}

// settle lets everybody be ready and answer at once: nobody may wait in the end.
func (m *model) settle() {
	m.set(func() { clear(m.refuse) })
	for range 400 {
		for n := range 4 {
			dn := bridge.DN(fmt.Sprint(5001 + n))
			m.answer(dn)
			m.finish(dn)
			if id := m.pickMade(n); id != "" {
				m.change(id, established)
				m.change(id, ended)
			}
			m.set(func() {
				if a := m.agents[dn]; a == nil || !a.Ready {
					m.agents[dn] = &queue.Agent{DN: dn, Ready: true, Since: time.Now()}
				}
			})
			m.router.AgentsChanged()
		}
		time.Sleep(time.Second)
		synctest.Wait()
	}
	m.look()
	for _, v := range m.router.All() {
		require.Zero(m.t, v.Waiting, "%s", v.Name)
		require.Zero(m.t, v.Callbacks, "%s", v.Name)
	}
	require.Empty(m.t, m.held(), "no record is left")
}

func (m *model) held() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var keys []string
	for key, r := range m.kept {
		if r.Callback != nil {
			keys = append(keys, key)
		}
	}
	return keys
}

func (m *model) ringsAt(id bridge.CallID) bridge.DN {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls[id].rings
}
