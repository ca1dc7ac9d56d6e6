package bridge

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"strings"
	"sync"
	"time"
)

// Options are what an Engine needs. All ports but Phones must be set.
type Options struct {
	Node          string     // names the node in ids
	NodeID        byte       // first byte of its ConnIDs
	Server        ServerID   // for calls that begin here, while it can be reached
	Servers       []ServerID // all that are configured; empty: only Server
	Switch        Switch
	Homes         func(DN) []ServerID // where a DN's phone is registered; nil: at no particular server
	Phones        Phones              // nil: there is no gateway
	Queues        Queues              // nil: nothing holds calls at route points
	Recorder      Recorder            // nil: nothing is recorded
	Plan          Plan
	Agents        Agents
	Journal       Journal
	Feed          Feed
	Orders        Orders // nil: orders of supervisors end with us
	HideMonitors  bool   // agents are not told who supervises them
	MusicClass    string
	Grace         time.Duration // how long a phone of the gateway may take to be back after a restart
	RingTimeout   time.Duration // how long a DN's own phone rings for a click-to-dial
	EffectTimeout time.Duration // deadline of one request to the switch
	Logger        *slog.Logger
}

// Engine runs the interactions. Facts of the switch come in through its fact methods, in order; commands
// through its command methods; events leave through the Feed.
type Engine struct {
	Options
	log       *slog.Logger
	ctx       context.Context // ends when the engine stops
	cancel    context.CancelFunc
	wg        sync.WaitGroup
	caps      caps
	absorbing sync.Mutex // held while two interactions become one
	ops       operations[CallView]
	orders    orders
	released  released

	mu       sync.RWMutex
	actors   map[InteractionID]*actor
	arrivals map[ChannelID]*actor // channels that came to us carry the switch's ids, not ours
	legs     map[string]ChannelID // of arrivals whose phone's leg ends in our gateway, by its name
	views    map[CallID]*live
	watched  map[CallID]chan struct{} // closed when the call changes
	down     map[ServerID]bool        // of every configured server, whether it is out of reach
	draining bool
}

// live is a call as last seen, and who runs it.
type live struct {
	actor *actor
	state Interaction // nobody changes it any more
	n     int         // of the call in it of which view is the picture
	view  CallView
}

// arrivedLeg is a channel that came to us, and the name of its leg in our gateway, empty for none.
type arrivedLeg struct {
	ChannelID

	leg string
}

// lives is false of a call that has not begun, or is over while its channels end.
func (l *live) lives() bool { return l.view.EndedAt.IsZero() && len(l.view.Parties) > 0 }

// New makes an engine without calls. Restore may add those of the journal before the first fact arrives.
func New(o Options) *Engine {
	ctx, cancel := context.WithCancel(context.Background())
	if len(o.Servers) == 0 {
		o.Servers = []ServerID{o.Server}
	}
	if o.Homes == nil {
		o.Homes = func(DN) []ServerID { return nil }
	}
	if o.Phones == nil {
		o.Phones = noPhones{}
	}
	if o.Recorder == nil {
		o.Recorder = noRecorder{}
	}
	if o.Queues == nil {
		o.Queues = noQueues{}
	}
	if o.Orders == nil {
		o.Orders = noOrders{}
	}
	down := map[ServerID]bool{}
	for _, server := range o.Servers {
		down[server] = true
	}
	return &Engine{
		Options: o, log: o.Logger, ctx: ctx, cancel: cancel,
		actors: map[InteractionID]*actor{}, arrivals: map[ChannelID]*actor{},
		legs: map[string]ChannelID{}, views: map[CallID]*live{}, watched: map[CallID]chan struct{}{}, down: down,
	}
}

// Close stops the engine and leaves the calls in the switch as they are: the journal has them.
func (e *Engine) Close() {
	e.mu.Lock()
	e.cancel()
	for _, a := range e.actors {
		a.work.abandon()
	}
	e.mu.Unlock()
	e.wg.Wait()
}

// spawn runs something that Close waits for, unless Close has begun.
func (e *Engine) spawn(run func()) bool {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if e.ctx.Err() != nil {
		return false
	}
	e.wg.Go(run)
	return true
}

// Drain refuses new calls from now on.
func (e *Engine) Drain() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.draining = true
}

// start makes the actor of a new interaction; arrived are the channels that came to us.
func (e *Engine) start(server ServerID, call CallID, arrived ...arrivedLeg) *actor {
	i := e.interaction(server, InteractionID(e.prefix()+randomName()))
	i.Call.ID = call
	return e.launch(i, arrived)
}

func (e *Engine) interaction(server ServerID, id InteractionID) Interaction {
	return Interaction{ID: id, Server: server, Call: Call{
		ConnID: newConnID(e.NodeID), Controller: ControlAsterisk,
		Bridge: BridgeID{Server: server, ID: string(id)},
	}}
}

// launch makes the actor of an interaction, to which the arrived channels belong. Its call keeps the id that it has, or
// is given one if that is not an id or another call's.
func (e *Engine) launch(i Interaction, arrived []arrivedLeg) *actor {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !i.Call.ID.valid() || e.views[i.Call.ID] != nil {
		i.Call.ID = newCallID()
	}
	a := newActor(e, i)
	if e.ctx.Err() != nil { // Close has been here: the channel is found by the next engine
		a.loop.Stop()
		close(a.ended)
		return a
	}
	e.actors[i.ID] = a
	e.views[i.Call.ID] = &live{actor: a, state: i, view: i.view()} // nobody else may take the id from now on
	for _, leg := range arrived {
		e.arrivedLocked(a, leg)
	}
	return a
}

func (e *Engine) arrivedLocked(a *actor, leg arrivedLeg) {
	e.arrivals[leg.ChannelID] = a
	if leg.leg != "" {
		e.legs[leg.leg] = leg.ChannelID
	}
}

// Reaches reports whether a server takes commands: it is connected, and what it has was compared with what we know.
func (e *Engine) Reaches(server ServerID) bool { return !e.isDown(server) }

// isDown reports whether a server is out of reach at the moment.
func (e *Engine) isDown(server ServerID) bool {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.down[server]
}

// reachable gives the server for a call that a DN begins here: one where its phone is registered, the preferred one, or the
// first that is up.
func (e *Engine) reachable(from DN) (ServerID, error) {
	candidates := append(e.Homes(from), e.Server)
	e.mu.RLock()
	defer e.mu.RUnlock()
	if e.draining {
		return "", ErrDraining
	}
	for _, server := range append(candidates, e.Servers...) {
		if down, configured := e.down[server]; configured && !down {
			return server, nil
		}
	}
	return "", ErrSwitchUnavailable
}

// prefix starts every id of a channel or bridge that this node makes.
func (e *Engine) prefix() string { return e.Node + "-" }

func randomName() string {
	var raw [10]byte
	_, _ = rand.Read(raw[:])
	return strings.ToLower(base32.StdEncoding.EncodeToString(raw[:]))
}

// setView keeps the call's picture for the readers; called by the actor's loop.
func (e *Engine) setView(a *actor) {
	views := a.state.views()
	e.mu.Lock()
	defer e.mu.Unlock()
	a.shown = views
	for n, v := range views {
		if !a.state.nth(n).Done {
			e.views[v.ID] = &live{actor: a, state: a.state, n: n, view: v}
		} else if l := e.views[v.ID]; l != nil && l.actor == a {
			delete(e.views, v.ID)
		}
		e.changedLocked(v.ID)
	}
}

// forget ends an interaction whose last effect is done.
func (e *Engine) forget(a *actor) {
	e.mu.Lock()
	delete(e.actors, a.id)
	maps.DeleteFunc(e.legs, func(_ string, ch ChannelID) bool { return e.arrivals[ch] == a })
	maps.DeleteFunc(e.arrivals, func(_ ChannelID, owner *actor) bool { return owner == a })
	e.mu.Unlock()
	e.dropRecord(a.id)
	for n := range a.state.calls() { // the loop has ended: nobody else touches it
		e.logEnd(a.id, a.state.nth(n))
	}
}

// logEnd writes a call's one closing line.
func (e *Engine) logEnd(id InteractionID, c *Call) {
	e.log.Info("call_ended", "interaction", id, "call", c.ID, "conn_id", c.ConnID.String(), "type", c.Type,
		"ani", c.ANI, "dnis", c.DNIS, "answered", !c.AnsweredAt.IsZero(), "duration", c.EndedAt.Sub(c.StartedAt))
}

// forgetLeg ends the search for an actor by a channel that is gone for long.
func (e *Engine) forgetLeg(a *actor, leg ForgetLeg) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.arrivals[leg.Channel] == a {
		delete(e.arrivals, leg.Channel)
		if e.legs[leg.Name] == leg.Channel {
			delete(e.legs, leg.Name)
		}
	}
}

// Calls lists the calls that live, the oldest first.
func (e *Engine) Calls() []CallView {
	e.mu.RLock()
	living := make([]*live, 0, len(e.views))
	for _, l := range e.views {
		if l.lives() {
			living = append(living, l)
		}
	}
	e.mu.RUnlock()
	list := make([]CallView, 0, len(living))
	for _, l := range living {
		list = append(list, e.show(l))
	}
	sortViews(list)
	return list
}

// show is a call with what its phones can do at this moment: they come and go without a change of the call.
func (e *Engine) show(l *live) CallView {
	view := l.view
	if state, changed := l.state.knowing(e.Phones.Abilities); changed {
		view = state.viewOf(l.n)
	}
	return e.withPairs(view)
}

// Call gives a call that lives.
func (e *Engine) Call(id CallID) (CallView, bool) {
	e.mu.RLock()
	l := e.views[id]
	e.mu.RUnlock()
	if l == nil || !l.lives() {
		return CallView{}, false
	}
	return e.show(l), true
}

func (e *Engine) actorOf(id CallID) (*actor, CallView, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	l := e.views[id]
	if l == nil || !l.lives() {
		return nil, CallView{}, ErrCallNotFound
	}
	if e.down[l.actor.server] {
		return nil, CallView{}, fmt.Errorf("%s: %w", l.actor.server, ErrSwitchUnavailable)
	}
	return l.actor, l.view, nil
}

func effectName(e Effect) string { return reflect.TypeOf(e).Name() }
