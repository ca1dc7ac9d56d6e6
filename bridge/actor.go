package bridge

import (
	"context"
	"sync"
	"sync/atomic"
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
	kept   atomic.Int64  // number of the last event that the feed is known to have kept

	// owned by the loop
	state   Interaction
	waiting map[int]chan error // commands that wait for their Reply
	tokens  int
	timers  map[PartyID]*time.Timer
	fresh   bool // restored, and not compared with the switch yet

	shown []CallView // guarded by Engine.mu: the calls as readers last saw them
}

func newActor(e *Engine, state Interaction) *actor {
	a := &actor{
		e: e, id: state.ID, server: state.Server, loop: loop.New(mailboxSize), ended: make(chan struct{}),
		state: state, waiting: map[int]chan error{}, timers: map[PartyID]*time.Timer{},
	}
	a.work = &effectQueue{pump: func() { e.wg.Go(a.runEffects) }}
	return a
}

// feed hands an input to the actor; one that has ended ignores it.
func (a *actor) feed(in Input) {
	a.loop.Post(func() {
		if ch, ok := channelOf(in); ok && a.state.byChannel(ch) == nil {
			if owner := a.e.owner(ch); owner != nil && owner != a { // it was given away meanwhile
				owner.feed(in)
				return
			}
		}
		a.handle(in)
	})
}

// channelOf is the channel that a fact is about.
func channelOf(in Input) (ChannelID, bool) {
	switch in := in.(type) {
	case LegChanged:
		return in.Channel, true
	case LegFailed:
		return in.Channel, true
	case AnswerFailed:
		return in.Channel, true
	default:
		return ChannelID{}, false
	}
}

// handle takes an input that is not about one of the calls alone, or says itself about which.
func (a *actor) handle(in Input) { a.handleFor("", in) }

// arm starts the timer of a party, in place of the one that it has.
func (a *actor) arm(effect StartTimer) {
	if old := a.timers[effect.Party]; old != nil {
		old.Stop()
	}
	var timer *time.Timer
	timer = time.AfterFunc(time.Until(effect.At), func() {
		a.loop.Post(func() {
			if a.timers[effect.Party] == timer {
				delete(a.timers, effect.Party)
				a.ringTimeout(effect.Party)
			}
		})
	})
	a.timers[effect.Party] = timer
}

// ringTimeout ends the ringing of a party. While the server is out of reach it may have been answered long ago: the
// end of the gap arms the timer again.
func (a *actor) ringTimeout(id PartyID) {
	if !a.e.isDown(a.server) {
		a.handle(RingTimeout{Party: id})
	}
}

// reconcile compares the interaction with what its server has.
func (a *actor) reconcile(snap Snapshot) {
	a.loop.Post(func() {
		in := Reconciled{Channels: snap.Channels, Bridges: snap.Bridges, Restarted: a.fresh, Grace: a.e.Grace}
		if a.fresh {
			in.Lost = a.state.lostLegs(a.e.Phones.Lost)
		}
		a.fresh = false
		a.handle(in)
	})
}

// handleFor is the only place that changes the state. The record is written before anybody hears of it. Once the engine
// stops nothing is taken any more: what its requests come to then says nothing about the calls, and the next engine
// finds the record as it was and asks again.
func (a *actor) handleFor(call CallID, in Input) {
	if done := a.advance(call, in); done != nil {
		done.tell()
		done.start()
		done.end()
	}
}

// advanced is a step whose record is written.
type advanced struct {
	*actor

	before  Interaction
	effects []Effect
}

// advance is the part of handleFor that changes the state, nil when the engine stops.
func (a *actor) advance(call CallID, in Input) *advanced {
	if a.e.ctx.Err() != nil {
		return nil
	}
	before := a.state // which nobody changes any more
	known, _ := a.state.knowing(a.e.Phones.Abilities)
	state, effects := next(known, stamped{At: time.Now(), Call: call, Input: in})
	if !before.Finished {
		state.Earlier = before.unkept(int(a.kept.Load()))
	}
	a.state = state
	if err := a.e.Journal.Put(string(a.id), state); err != nil {
		a.e.log.Error("journal_write_failed", "interaction", a.id, "error", err)
	}
	a.e.setView(a)
	return &advanced{a, before, effects}
}

// tell publishes the events.
func (d *advanced) tell() {
	if d.state.Events > d.before.Events {
		for _, event := range d.state.Outbox {
			d.e.Feed.Publish(event)
			d.e.released.take(event)
		}
		d.whenKept(d.state.Events)
	}
}

func (d *advanced) start() {
	for _, effect := range d.effects {
		d.actor.start(effect)
	}
}

func (d *advanced) end() {
	d.e.followOrders(d.actor)
	if d.state.Finished {
		d.work.close()
		return
	}
	d.recordBySettings(&d.before)
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
		a.arm(effect)
	case OccupyDN:
		a.e.Agents.Occupy(effect.DN, a.id)
	case HandOver:
		a.handOver(effect)
	case ForgetCall:
		a.e.logEnd(a.id, &effect.Call)
	case ForgetLeg:
		a.e.forgetLeg(a, effect)
	case TellQueue:
		a.tellQueue(effect)
	case AskPhone:
		a.e.spawn(func() { a.askPhone(effect) })
	default:
		a.work.push(effect)
	}
}

// ask posts the input that build makes for a token, about one of the calls, and waits for the machine's reply to it.
func (a *actor) ask(ctx context.Context, call CallID, build func(token int) Input) error {
	reply := make(chan error, 1)
	posted := a.loop.Post(func() { //nolint:contextcheck // what the command begins goes on when its client stops waiting
		a.tokens++
		a.waiting[a.tokens] = reply
		a.handleFor(call, build(a.tokens))
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

// runEffects runs the effects that there are, and sees the interaction off behind its last one, or when the engine stops.
func (a *actor) runEffects() {
	effect, last := a.work.pop()
	for ; effect != nil; effect, last = a.work.pop() {
		a.run(effect)
	}
	if !last {
		return
	}
	defer close(a.ended)
	a.loop.Stop()
	<-a.loop.Done()
	for _, timer := range a.timers {
		timer.Stop()
	}
	if a.e.ctx.Err() == nil {
		a.e.forget(a)
	}
}

// effectQueue holds the effects of one interaction, and has them run while there are any. It has no bound of its own: an
// input makes a handful at most.
type effectQueue struct {
	pump func() // runs the effects in a goroutine of the engine

	mu      sync.Mutex
	list    []Effect
	running bool
	closed  bool
}

func (q *effectQueue) push(e Effect) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	q.list = append(q.list, e)
	q.runLocked()
}

// close says that nothing is pushed any more.
func (q *effectQueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closeLocked()
}

// abandon closes the queue and drops what is in it: that stays undone, which a restart makes good.
func (q *effectQueue) abandon() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.list = nil
	q.closeLocked()
}

func (q *effectQueue) closeLocked() {
	if !q.closed {
		q.closed = true
		q.runLocked() // sees the interaction off
	}
}

func (q *effectQueue) runLocked() {
	if !q.running {
		q.running = true
		q.pump()
	}
}

// pop takes the next effect. Without one the pump ends; last says that it is for good.
func (q *effectQueue) pop() (effect Effect, last bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.list) == 0 {
		q.running, q.list = false, nil
		return nil, q.closed
	}
	effect = q.list[0]
	q.list = q.list[1:]
	return effect, false
}
