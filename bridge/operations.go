package bridge

import (
	"context"
	"errors"
	"sync"
	"time"
)

// How long the result of a command can be asked for again, and of how many at most: the oldest are forgotten first.
const (
	opLife = 10 * time.Minute
	opMost = 10_000
)

// operations remembers the results of commands by the id that their client chose.
type operations[T any] struct {
	mu   sync.Mutex
	done map[string]*operation[T]
	list []*operation[T] // as they began, those that were forgotten included
}

type operation[T any] struct {
	name    string
	command string
	ended   chan struct{}
	at      time.Time
	view    T
	err     error
}

// once runs a command, or waits for and returns the result of the one that had the same id. A command with an id runs
// to its end even if its client does not wait: the client asks again, and must not get a second call.
func (o *operations[T]) once(
	ctx context.Context, spawn func(func()) bool, id OpID, run func(context.Context) (T, error),
) (T, error) {
	if id == "" {
		return run(ctx)
	}
	op, first := o.enter(id)
	if op == nil {
		var none T
		return none, ErrOpTaken
	}
	command := func() {
		defer close(op.ended)
		if op.view, op.err = run(context.WithoutCancel(ctx)); withoutEffect(op.err) {
			o.forget(op)
		}
	}
	if first && !spawn(command) {
		op.err = ErrDraining
		close(op.ended)
	}
	select {
	case <-op.ended:
		return op.view, op.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// withoutEffect reports whether a command was refused before anything happened: who asks again later may have luck.
func withoutEffect(err error) bool {
	var target *TargetError
	return errors.Is(err, ErrSwitchUnavailable) || errors.Is(err, ErrDraining) ||
		errors.Is(err, ErrPhoneSilent) || errors.Is(err, ErrPhoneRefused) || // to be told twice does a phone no harm
		errors.As(err, &target) && target.Unreachable
}

func (o *operations[T]) forget(op *operation[T]) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.done[op.name] == op {
		delete(o.done, op.name)
	}
}

// enter finds the operation of an id, or begins it. It gives none when the id stands for another command.
func (o *operations[T]) enter(id OpID) (op *operation[T], first bool) {
	name, command := id.parts()
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.list) > 0 && (len(o.list) >= opMost || time.Since(o.list[0].at) > opLife) {
		if old := o.list[0]; o.done[old.name] == old {
			delete(o.done, old.name)
		}
		o.list = o.list[1:]
	}
	if op = o.done[name]; op != nil {
		if op.command != command {
			return nil, false
		}
		return op, false
	}
	if o.done == nil {
		o.done = map[string]*operation[T]{}
	}
	op = &operation[T]{name: name, command: command, ended: make(chan struct{}), at: time.Now()}
	o.done[name] = op
	o.list = append(o.list, op)
	return op, true
}
