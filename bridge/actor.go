package bridge

import (
	"context"
	"sync"
	"time"

	"sidecar/internal/loop"
)

// mailboxSize bounds what waits for one interaction; who posts to a full mailbox waits. The loop never waits for
// anybody, so it empties.
const mailboxSize = 1024

// actor owns one interaction: inputs come to its loop, the effects run beside it in order.
type actor struct {
	// constant
	e      *Engine
	id     InteractionID
	server ServerID
	loop   *loop.Loop
	work   *effectQueue
	ended  chan struct{} // closed when the last effect is done, or the engine stops

	// owned by the loop
	state   Interaction
	waiting map[int]chan error // commands that wait for their Reply
	tokens  int
	timers  map[PartyID]*time.Timer
	fresh   bool // restored, and not compared with the switch yet

	shown CallView // guarded by Engine.mu: the call as readers last saw it
}

func newActor(e *Engine, state Interaction) *actor {
	a := &actor{
		e: e, id: state.ID, server: state.Server, loop: loop.New(mailboxSize), work: newEffectQueue(), ended: make(chan struct{}),
		state: state, waiting: map[int]chan error{}, timers: map[PartyID]*time.Timer{},
	}
	e.wg.Go(a.runEffects)
	return a
}

// feed hands an input to the actor; one that has ended ignores it.
func (a *actor) feed(in Input) { a.loop.Post(func() { a.handle(in) }) }

// reconcile compares the interaction with what its server has.
func (a *actor) reconcile(snap Snapshot) {
	a.loop.Post(func() {
		restarted := a.fresh
		a.fresh = false
		a.handle(Reconciled{Channels: snap.Channels, Bridges: snap.Bridges, Restarted: restarted})
	})
}

// handle is the only place that changes the state. The record is written before anybody hears of it. Once the engine
// stops nothing is taken any more: what its requests come to then says nothing about the calls, and the next engine
// finds the record as it was and asks again.
func (a *actor) handle(in Input) {
	if a.e.ctx.Err() != nil {
		return
	}
	before := a.state.Events
	state, effects := next(a.state, stamped{At: time.Now(), Input: in})
	a.state = state
	if err := a.e.Journal.Put(string(a.id), state); err != nil {
		a.e.log.Error("journal_write_failed", "interaction", a.id, "error", err)
	}
	a.e.setView(a, state.view())
	if state.Events > before {
		for _, event := range state.Outbox {
			a.e.Feed.Publish(event)
		}
	}
	for _, effect := range effects {
		a.start(effect)
	}
	if state.Finished {
		a.work.close()
	}
}

// start does at once what takes no time, and queues the rest.
func (a *actor) start(effect Effect) {
	switch effect := effect.(type) {
	case Reply:
		if ch, ok := a.waiting[effect.Token]; ok {
			ch <- effect.Err // buffered, and answered once
			delete(a.waiting, effect.Token)
		}
	case StartTimer:
		if old := a.timers[effect.Party]; old != nil {
			old.Stop()
		}
		a.timers[effect.Party] = time.AfterFunc(time.Until(effect.At), func() { a.feed(RingTimeout{Party: effect.Party}) })
	case OccupyDN:
		a.e.Agents.Occupy(effect.DN, a.id)
	default:
		a.work.push(effect)
	}
}

// ask posts the input that build makes for a token, and waits for the machine's reply to it.
func (a *actor) ask(ctx context.Context, build func(token int) Input) error {
	reply := make(chan error, 1)
	posted := a.loop.Post(func() {
		a.tokens++
		a.waiting[a.tokens] = reply
		a.handle(build(a.tokens))
	})
	if !posted {
		return a.over()
	}
	select {
	case err := <-reply:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-a.loop.Done():
		select {
		case err := <-reply:
			return err
		default:
			return a.over()
		}
	}
}

// over says why nobody answers a command any more.
func (a *actor) over() error {
	if a.e.ctx.Err() != nil {
		return ErrDraining
	}
	return ErrCallNotFound
}

// runEffects runs the effects until the interaction has ended and its last effect is done, or the engine stops.
func (a *actor) runEffects() {
	defer close(a.ended)
	for {
		effect, ok := a.work.pop()
		if !ok {
			break
		}
		ctx, cancel := context.WithTimeout(a.e.ctx, a.e.EffectTimeout)
		a.run(ctx, effect)
		cancel()
	}
	a.loop.Stop()
	<-a.loop.Done()
	for _, timer := range a.timers {
		timer.Stop()
	}
	if a.e.ctx.Err() == nil {
		a.e.forget(a)
	}
}

// run does one effect and posts back its result, where there is one.
func (a *actor) run(ctx context.Context, effect Effect) {
	sw := a.e.Switch
	var err error
	switch effect := effect.(type) {
	case CreateLeg:
		if err = a.create(ctx, effect); err != nil {
			a.feed(LegFailed{Channel: effect.Leg.Channel, Err: err})
		}
	case DialLeg:
		if err = sw.Dial(ctx, effect.Channel, effect.Caller, effect.Timeout); err != nil {
			a.feed(LegFailed{Channel: effect.Channel, Dialed: true, Err: err})
		}
	case JoinLegs:
		if err = sw.Join(ctx, effect.Bridge, effect.Channels); err == nil || !a.e.isDown(a.server) {
			a.feed(Joined{Parties: effect.Parties, Err: err})
		} // else the end of the gap joins them again: a cut connection is no reason to end a call
	case AnswerLeg:
		if err = sw.Answer(ctx, effect.Channel); err != nil && !a.e.isDown(a.server) {
			a.feed(AnswerFailed(effect))
		}
	case RingLeg:
		err = sw.Ring(ctx, effect.Channel)
	case OpenLeg:
		err = sw.Open(ctx, effect.Channel)
	case HangupLeg:
		if err = sw.Hangup(ctx, effect.Channel, effect.Cause); err != nil {
			a.hangupAgain(effect) //nolint:contextcheck // outlives this request: runs on the engine's context, each try with its own deadline
		}
	case ContinueLeg:
		err = a.e.insist(func(ctx context.Context) error { return sw.Continue(ctx, effect.Channel, effect.To) }) //nolint:contextcheck // outlives this request: runs on the engine's context, each try with its own deadline
		if err != nil {                                                                                          // for us it has left: nobody else would ever end it
			a.e.clean("channel", effect.Channel.ID, func(ctx context.Context) error { //nolint:contextcheck // outlives this request: runs on the engine's context, each try with its own deadline
				return sw.Hangup(ctx, effect.Channel, causeTemporary)
			})
		}
	case ReferLeg:
		err = sw.ReferResult(ctx, effect.Channel, effect.OK)
	case PlayMusic:
		err = sw.Music(ctx, effect.Bridge, a.e.MusicClass, effect.On)
	case DestroyBridge:
		// The last effect of an interaction: it may take its time.
		err = a.e.insist(func(ctx context.Context) error { return sw.Destroy(ctx, effect.Bridge) }) //nolint:contextcheck // outlives this request: runs on the engine's context, each try with its own deadline
	case FreeDN: // in the order of the effects: behind a CreateLeg that reserves
		a.e.Agents.Free(effect.DN, a.id)
	case FreeCaps:
		a.e.caps.free(effect.Channel)
	case OccupyDN, StartTimer, Reply: // done by start
	}
	if err != nil && a.e.ctx.Err() == nil {
		a.e.log.Warn("effect_failed", "interaction", a.id, "effect", effectName(effect), "error", err)
	}
}

// hangupAgain asks again for the end of a channel: as long as the call waits for it, or a few times if it does not.
func (a *actor) hangupAgain(effect HangupLeg) {
	if !a.wants(a.e.ctx, effect.Channel) {
		a.e.clean("channel", effect.Channel.ID, func(ctx context.Context) error {
			return a.e.Switch.Hangup(ctx, effect.Channel, effect.Cause)
		})
		return
	}
	time.AfterFunc(requestRetry, func() {
		a.loop.Post(func() {
			if p := a.state.Call.byChannel(effect.Channel); p != nil && p.Leg.alive() {
				a.work.push(effect)
			}
		})
	})
}

// wants reports whether the call still has a use for a leg.
func (a *actor) wants(ctx context.Context, ch ChannelID) bool {
	wanted := false
	err := a.loop.Do(ctx, func() {
		p := a.state.Call.byChannel(ch)
		wanted = p != nil && p.Leg.alive()
	})
	return err == nil && wanted
}

// create reserves what the leg needs before it asks the switch.
func (a *actor) create(ctx context.Context, effect CreateLeg) error {
	if !a.wants(ctx, effect.Leg.Channel) {
		return nil // what it would reserve has been freed already
	}
	if err := a.e.caps.take(effect.Caps, effect.Leg.Channel); err != nil {
		return err
	}
	if dn := effect.Leg.To.DN; dn != "" {
		if err := a.e.Agents.Reserve(dn, a.id); err != nil {
			return err
		}
	}
	return a.e.Switch.Create(ctx, effect.Leg)
}

// effectQueue holds the effects of one interaction. It has no bound of its own: an input makes a handful at most.
type effectQueue struct {
	mu        sync.Mutex
	more      *sync.Cond
	list      []Effect
	closed    bool
	abandoned bool
}

func newEffectQueue() *effectQueue {
	q := &effectQueue{}
	q.more = sync.NewCond(&q.mu)
	return q
}

func (q *effectQueue) push(e Effect) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.abandoned {
		return
	}
	q.list = append(q.list, e)
	q.more.Signal()
}

// close lets pop end once the queue is empty.
func (q *effectQueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.more.Signal()
}

// abandon ends pop at once: what is queued stays undone, which a restart makes good.
func (q *effectQueue) abandon() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.list, q.closed, q.abandoned = nil, true, true
	q.more.Signal()
}

func (q *effectQueue) pop() (Effect, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.list) == 0 && !q.closed {
		q.more.Wait()
	}
	if len(q.list) == 0 {
		return nil, false
	}
	e := q.list[0]
	q.list = q.list[1:]
	return e, true
}
