package queue_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/bridge"
	"sidecar/queue"
)

var errInvariant = errors.New("invariant broken")

// held is a call that the fake engine holds at a route point.
type held struct {
	view  bridge.CallView
	queue string
	since time.Time
	rings bridge.DN
	stop  context.CancelFunc // of the ringing
}

// world is a call engine and its agents, as queues see them. Calls ring agents who answer, or don't, as tests say.
type world struct {
	t      require.TestingT
	router *queue.Router

	mu       sync.Mutex
	calls    map[bridge.CallID]*held
	agents   map[bridge.DN]*queue.Agent
	busy     map[bridge.DN]bridge.CallID // rings or talks
	refuse   map[bridge.DN]error         // what an offer to the DN gets, though it looks ready
	routeErr error
	makeErr  error
	short    bool // calls back end at once
	made     map[bridge.CallID]bridge.CallView
	done     map[bridge.OpID]bool
	log      []string
	broken   []string
	n        int
	ringing  sync.WaitGroup

	kept map[string]queue.Record
}

func newWorld(t require.TestingT) *world {
	return &world{
		t: t, calls: map[bridge.CallID]*held{}, agents: map[bridge.DN]*queue.Agent{}, busy: map[bridge.DN]bridge.CallID{},
		refuse: map[bridge.DN]error{}, made: map[bridge.CallID]bridge.CallView{}, kept: map[string]queue.Record{}, done: map[bridge.OpID]bool{},
	}
}

func (w *world) note(format string, args ...any) { w.log = append(w.log, fmt.Sprintf(format, args...)) }

// queues is the router that runs now.
func (w *world) queues() *queue.Router {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.router
}

// set changes the world.
func (w *world) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

// told gives what was asked of the engine since it was asked last.
func (w *world) told() []string {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	log := w.log
	w.log = nil
	return log
}

// agent logs somebody in, or changes them.
func (w *world) agent(dn bridge.DN, ready bool) {
	w.mu.Lock()
	w.agents[dn] = &queue.Agent{DN: dn, ID: "agent" + string(dn), Ready: ready, Since: time.Now()}
	w.mu.Unlock()
	w.queues().AgentsChanged()
}

func (w *world) logout(dn bridge.DN) {
	w.mu.Lock()
	delete(w.agents, dn)
	w.mu.Unlock()
	w.queues().AgentsChanged()
}

// arrive lets a call wait.
func (w *world) arrive(queueName, ani, dnis string) bridge.CallID {
	w.mu.Lock()
	w.n++
	id := bridge.CallID(fmt.Sprintf("C%03d", w.n))
	h := &held{view: bridge.CallView{ID: id, ANI: ani, DNIS: dnis}, queue: queueName, since: time.Now()}
	w.calls[id] = h
	w.mu.Unlock()
	w.queues().Waiting(bridge.Waiting{Call: h.view, Queue: queueName, Since: h.since})
	return id
}

// free ends what an agent has, whoever idles longest is decided anew.
func (w *world) freeLocked(dn bridge.DN) {
	delete(w.busy, dn)
	if a := w.agents[dn]; a != nil {
		a.Since = time.Now()
	}
}

func (w *world) gone(id bridge.CallID, why bridge.GoneReason) {
	w.mu.Lock()
	h := w.calls[id]
	if h == nil {
		w.mu.Unlock()
		return
	}
	delete(w.calls, id)
	if h.rings != "" {
		h.stop()
		if why != bridge.GoneAnswered {
			w.freeLocked(h.rings)
		}
	}
	w.mu.Unlock()
	w.queues().Gone(id, why)
	w.queues().AgentsChanged()
}

// finish ends an agent's talk.
func (w *world) finish(dn bridge.DN) {
	w.mu.Lock()
	if id, talks := w.busy[dn]; talks && w.calls[id] == nil {
		w.freeLocked(dn)
	}
	w.mu.Unlock()
	w.queues().AgentsChanged()
}

// answer lets the agent whose phone rings take the call.
func (w *world) answer(dn bridge.DN) bool {
	w.mu.Lock()
	id := w.busy[dn]
	rings := w.calls[id] != nil
	w.mu.Unlock()
	if rings {
		w.gone(id, bridge.GoneAnswered)
	}
	return rings
}

// fail ends a ringing without an answer.
func (w *world) fail(id bridge.CallID, dn bridge.DN, why error) {
	w.mu.Lock()
	h := w.calls[id]
	if h == nil || h.rings != dn {
		w.mu.Unlock()
		return
	}
	h.stop()
	h.rings = ""
	w.freeLocked(dn)
	w.mu.Unlock()
	w.queues().Waiting(bridge.Waiting{Call: h.view, Queue: h.queue, Since: h.since, Offered: dn, Failed: why})
	w.queues().AgentsChanged()
}

func (w *world) LoggedIn() []queue.Agent {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := make([]queue.Agent, 0, len(w.agents))
	for dn, a := range w.agents {
		agent := *a
		_, busy := w.busy[dn]
		agent.Ready = a.Ready && !busy
		list = append(list, agent)
	}
	return list
}

func (w *world) RangOut(dn bridge.DN) {
	w.mu.Lock()
	w.note("rang out %s", dn)
	if a := w.agents[dn]; a != nil {
		a.Ready = false
	}
	w.mu.Unlock()
	w.queues().AgentsChanged()
}

func (w *world) Offer(ctx context.Context, cmd bridge.Offer) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	h, a := w.calls[cmd.Call], w.agents[cmd.To]
	other, busy := w.busy[cmd.To]
	switch {
	case h == nil:
		return bridge.ErrNotWaiting
	case h.rings != "":
		w.broken = append(w.broken, fmt.Sprintf("%s is offered to %s while %s rings", cmd.Call, cmd.To, h.rings))
		return errInvariant
	case busy && w.calls[other] != nil:
		w.broken = append(w.broken, fmt.Sprintf("%s is offered %s while %s rings there", cmd.To, cmd.Call, other))
		return errInvariant
	case w.refuse[cmd.To] != nil:
		w.note("refused %s %s", cmd.Call, cmd.To)
		return w.refuse[cmd.To]
	case busy, a == nil || !a.Ready:
		return fmt.Errorf("%s: %w", cmd.To, bridge.ErrBusy)
	}
	w.note("offer %s %s", cmd.Call, cmd.To)
	h.rings = cmd.To
	w.busy[cmd.To] = cmd.Call
	ringing, stop := context.WithCancel(context.WithoutCancel(ctx))
	h.stop = stop
	w.ringing.Go(func() {
		select {
		case <-ringing.Done():
		case <-time.After(cmd.Timeout):
			w.fail(cmd.Call, cmd.To, bridge.ErrNoAnswer)
		}
	})
	return nil
}

func (w *world) Route(_ context.Context, cmd bridge.Route) error {
	w.mu.Lock()
	if w.done[cmd.Op] {
		w.mu.Unlock()
		return nil
	}
	w.done[cmd.Op] = cmd.Op != ""
	h := w.calls[cmd.Call]
	if h == nil || w.routeErr != nil {
		defer w.mu.Unlock()
		if h == nil {
			return bridge.ErrNotWaiting
		}
		w.note("not routed %s %s", cmd.Call, cmd.To)
		return w.routeErr
	}
	w.note("route %s %s %s", cmd.Call, cmd.To, cmd.Class)
	w.mu.Unlock()
	if cmd.To == "6001" { // the route point of queue b
		w.queues().Gone(cmd.Call, bridge.GoneRouted)
		w.mu.Lock()
		h.queue = "b"
		w.mu.Unlock()
		w.queues().Waiting(bridge.Waiting{Call: h.view, Queue: "b", Since: time.Now()})
		return nil
	}
	w.gone(cmd.Call, bridge.GoneRouted)
	return nil
}

func (w *world) Announce(_ context.Context, cmd bridge.Announce) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.calls[cmd.Call] == nil {
		return bridge.ErrNotWaiting
	}
	w.note("announce %s %v", cmd.Call, cmd.Media)
	return nil
}

func (w *world) Hangup(_ context.Context, cmd bridge.Hangup) (bridge.CallView, error) {
	w.mu.Lock()
	w.note("hangup %s", cmd.Call)
	w.mu.Unlock()
	w.gone(cmd.Call, bridge.GoneEnded)
	return bridge.CallView{}, nil
}

func (w *world) MakeCall(_ context.Context, cmd bridge.MakeCall) (bridge.CallView, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note("call %s from %s %s", cmd.To, cmd.From, cmd.Class)
	if !cmd.Ready {
		w.broken = append(w.broken, "calls back from "+string(cmd.From)+" whether it is ready or not")
	}
	if w.makeErr != nil {
		return bridge.CallView{}, w.makeErr
	}
	w.n++
	v := bridge.CallView{ID: bridge.CallID(fmt.Sprintf("M%03d", w.n)), Parties: []bridge.PartyView{
		{ID: 1, DN: cmd.From, Role: bridge.RoleOrigination, State: bridge.PartyInitiated},
	}}
	if w.short { // its end comes before the answer to the request
		return v, nil
	}
	w.busy[cmd.From] = v.ID
	w.made[v.ID] = v
	return v, nil
}

// change tells how a call back goes on.
func (w *world) change(id bridge.CallID, edit func(v *bridge.CallView)) {
	w.mu.Lock()
	v := w.made[id]
	v.Parties = slices.Clone(v.Parties)
	edit(&v)
	w.made[id] = v
	if !v.EndedAt.IsZero() {
		delete(w.made, id)
		w.freeLocked(v.Parties[0].DN)
	}
	w.mu.Unlock()
	w.queues().Publish(bridge.Event{Call: v})
	w.queues().AgentsChanged()
}

func (w *world) Call(id bridge.CallID) (bridge.CallView, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v, ok := w.made[id]
	return v, ok
}

func (w *world) Put(key string, r queue.Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.Callback != nil {
		w.note("keep %s", r.Callback.Number)
	}
	w.kept[key] = r
	return nil
}

func (w *world) Delete(key string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note("drop %s", w.kept[key].Callback.Number)
	delete(w.kept, key)
	return nil
}

func (w *world) All() ([]queue.Record, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Collect(maps.Values(w.kept)), nil
}

// start begins a router over the world; the result ends it.
func (w *world) start(o queue.Options) (stop func()) {
	o.Agents, o.Keep, o.Timeout, o.Log = w, w, 5*time.Second, slog.New(slog.DiscardHandler)
	router, err := queue.New(o)
	require.NoError(w.t, err)
	w.mu.Lock()
	w.router = router
	w.mu.Unlock()
	router.Attach(w)
	var kept []bridge.Waiting // calls: the engine tells of them again
	w.set(func() {
		for _, h := range w.calls {
			kept = append(kept, bridge.Waiting{Call: h.view, Queue: h.queue, Since: h.since, Ringing: h.rings})
		}
	})
	for _, waits := range kept {
		router.Waiting(waits)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() { router.Run(ctx) })
	return func() {
		cancel()
		run.Wait()
	}
}

// end lets what still rings end.
func (w *world) end() {
	w.mu.Lock()
	for _, h := range w.calls {
		if h.stop != nil {
			h.stop()
		}
	}
	w.mu.Unlock()
	w.ringing.Wait()
}

// story runs a test in virtual time, with the queues of site changed by edit.
func story(t *testing.T, edit func(o *queue.Options), tell func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		o := site()
		if edit != nil {
			edit(&o)
		}
		stop := w.start(o)
		tell(t, w)
		stop()
		w.end()
		require.Empty(t, w.broken)
	})
}

func site() queue.Options {
	return queue.Options{Queues: []queue.Settings{
		{Name: "a", Number: "6000", RingTimeout: 20 * time.Second, ServiceLevel: 20 * time.Second, Class: "default"},
		{Name: "b", Number: "6001", RingTimeout: 10 * time.Second, ServiceLevel: 20 * time.Second, Class: "default"},
	}}
}
