package bridge

import (
	"context"
	"errors"
	"time"
)

// ErrNotWaiting says that a call does not wait at a route point any more: it was answered, routed away or has ended.
var ErrNotWaiting = errors.New("the call does not wait in a queue")

// Queues is told of the calls that wait at route points. Its methods must not wait.
type Queues interface {
	// Waiting tells of a call that began to wait, waits again after an offer that failed, or was found waiting at a restart.
	Waiting(w Waiting)
	// Gone tells that a call waits no more.
	Gone(call CallID, why GoneReason)
	// Digit tells of a key that a waiting caller has pressed: 0-9, *, #, A-D.
	Digit(call CallID, digit string)
}

// Waiting is a call at a route point.
type Waiting struct {
	Call    CallView
	Queue   string
	Since   time.Time // kept through offers and restarts
	Ringing DN        // found at a restart: it is being offered to this DN already; else empty
	Offered DN        // the last offer, which failed; empty at first
	Failed  error     // why: wraps ErrNoAnswer, ErrBusy, ErrUnreachable or ErrPhoneRefused
}

// GoneReason says why a call waits no more.
type GoneReason string

// The reasons.
const (
	GoneAnswered  GoneReason = "answered"  // by the DN that it was offered to
	GoneAbandoned GoneReason = "abandoned" // the caller hung up
	GoneRouted    GoneReason = "routed"    // elsewhere: Engine.Route, or a transfer
	GoneEnded     GoneReason = "ended"     // by a command, or with the switch
)

// Offer rings a DN for a waiting call.
type Offer struct {
	Call    CallID
	To      DN
	Timeout time.Duration // zero: that of the DN
	Op      OpID
}

// Route takes a waiting call out of its queue.
type Route struct {
	Call  CallID
	To    string // a DN, the number of another queue, or an outside number
	Class string // of the dial rules
	Op    OpID
}

// Announce plays to a waiting caller, whose music goes on afterwards.
type Announce struct {
	Call  CallID
	Media []string // one after the other: sound:queue-youarenext, number:12
}

// Offer returns when the DN is being called, or can't be: the call waits on then. While it rings the caller hears the
// music. What becomes of the ringing is told to Queues: Gone when it was answered, else Waiting with the same Since.
func (e *Engine) Offer(ctx context.Context, cmd Offer) error {
	dest, err := e.Plan.Dial("", "", string(cmd.To)) // nobody dials: from the DN itself it would be refused
	if err == nil && cmd.Timeout > 0 {
		dest.Timeout = cmd.Timeout
	}
	return e.queueCommand(ctx, cmd.Call, cmd.Op, err, func(token int) Input { return doOffer{Dest: dest, Op: cmd.Op, Reply: token} })
}

// Route returns when the call has left the queue. When the number turns out not to be had, the call waits again.
func (e *Engine) Route(ctx context.Context, cmd Route) error {
	dest, err := e.Plan.Dial("", cmd.Class, cmd.To)
	return e.queueCommand(ctx, cmd.Call, cmd.Op, err, func(token int) Input {
		return doOffer{Dest: dest, Route: true, Op: cmd.Op, Reply: token}
	})
}

// Announce returns when everything was played, or with ErrNotWaiting when the call is gone or is being offered.
func (e *Engine) Announce(ctx context.Context, cmd Announce) error {
	return e.queueCommand(ctx, cmd.Call, "", nil, func(token int) Input { return doAnnounce{Media: cmd.Media, Reply: token} })
}

func (e *Engine) queueCommand(ctx context.Context, call CallID, op OpID, err error, build func(token int) Input) error {
	if err != nil {
		return err
	}
	_, failed := e.ops.once(ctx, e.spawn, op, func(ctx context.Context) (CallView, error) {
		a, _, unknown := e.actorOf(call)
		if errors.Is(unknown, ErrCallNotFound) {
			unknown = ErrNotWaiting
		}
		if unknown != nil {
			return CallView{}, unknown
		}
		return CallView{}, a.ask(ctx, call, build)
	})
	return failed
}

// tellQueue tells the queues what became of a waiting call.
func (a *actor) tellQueue(effect TellQueue) {
	switch q := a.e.Queues; {
	case effect.Waiting != nil:
		w := *effect.Waiting
		w.Call = a.e.lastView(a, effect.Call)
		q.Waiting(w)
	case effect.Digit != "":
		q.Digit(effect.Call, effect.Digit)
	default:
		q.Gone(effect.Call, effect.Gone)
	}
}

// noQueues stands for the queues of an engine that has none.
type noQueues struct{}

func (noQueues) Waiting(Waiting)         {}
func (noQueues) Gone(CallID, GoneReason) {}
func (noQueues) Digit(CallID, string)    {}
