package main

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"sidecar/agent"
	"sidecar/internal/backoff"
)

// agentKeeper writes what outlives a restart, and only then lets others hear of it: the feed, and whoever has given the
// command. It writes beside everything else, and in one batch what has changed while the batch before was being
// written, so that no call waits for the disk. What can't be written is told all the same, and tried again.
type agentKeeper struct {
	store agentStore
	out   agent.Sink // is told of what is stored
	log   *slog.Logger
	wake  chan struct{}

	mu      sync.Mutex
	known   map[string]agent.Record // as last given to the store
	pending map[string]agent.Record // changed since
	events  []agent.Event           // not told yet, in order
	waiting []chan struct{}         // who waits for the next batch
	served  []chan struct{}         // who waits for the one that is being written
	busy    bool                    // a batch is being written
	ended   bool                    // nobody writes any more
}

type agentStore interface {
	SaveAgents(ctx context.Context, list []agent.Record) error
}

// saveTimeout bounds for how long events are held back by a store that stalls.
const saveTimeout = 2 * time.Second

func newAgentKeeper(store agentStore, out agent.Sink, log *slog.Logger) *agentKeeper {
	return &agentKeeper{
		store: store, out: out, log: log, wake: make(chan struct{}, 1),
		known: map[string]agent.Record{}, pending: map[string]agent.Record{},
	}
}

// PublishDN implements agent.Sink. What changes nothing that is kept is told at once, unless something before it is held back.
func (k *agentKeeper) PublishDN(e agent.Event) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.changeLocked(e.DN)
	if k.quietLocked() {
		k.out.PublishDN(e)
		return
	}
	k.events = append(k.events, e)
}

func (k *agentKeeper) put(v agent.View) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.changeLocked(v)
}

func (k *agentKeeper) changeLocked(v agent.View) {
	if r, ok := k.known[v.Number]; ok && r == v.Record() {
		return
	}
	k.known[v.Number], k.pending[v.Number] = v.Record(), v.Record()
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// quietLocked reports whether nothing is held back.
func (k *agentKeeper) quietLocked() bool {
	return k.ended || !k.busy && len(k.pending) == 0 && len(k.events) == 0
}

// stored waits until what has changed so far is in the store, or the store has refused it.
func (k *agentKeeper) stored() {
	k.mu.Lock()
	if k.quietLocked() {
		k.mu.Unlock()
		return
	}
	done := make(chan struct{})
	if len(k.pending)+len(k.events) == 0 { // all of it is being written
		k.served = append(k.served, done)
	} else {
		k.waiting = append(k.waiting, done)
		select {
		case k.wake <- struct{}{}:
		default:
		}
	}
	k.mu.Unlock()
	<-done
}

// run writes until ctx ends, and then what is left.
func (k *agentKeeper) run(ctx context.Context) {
	pause := backoff.New(backoff.Policy{Min: 100 * time.Millisecond, Max: 10 * time.Second})
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		select {
		case <-k.wake:
		case <-again.C:
		case <-ctx.Done():
			_ = k.save(context.WithoutCancel(ctx), true) // it is in the log
			return
		}
		if k.save(context.WithoutCancel(ctx), false) == nil {
			pause.Reset()
			continue
		}
		again.Reset(pause.Next())
	}
}

// save writes a batch and tells what has waited for it.
func (k *agentKeeper) save(ctx context.Context, last bool) error {
	k.mu.Lock()
	batch, events := k.pending, k.events
	k.served = k.waiting
	k.pending, k.events, k.waiting, k.busy = map[string]agent.Record{}, nil, nil, true
	k.mu.Unlock()
	err := k.write(ctx, batch)
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil {
		for dn, record := range batch {
			if _, newer := k.pending[dn]; !newer {
				k.pending[dn] = record
			}
		}
	}
	if last {
		k.ended = true
		events, k.served = append(events, k.events...), append(k.served, k.waiting...)
		k.events, k.waiting = nil, nil
	}
	for _, e := range events { // in order: those that have come meanwhile wait for the next batch
		k.out.PublishDN(e)
	}
	for _, done := range k.served {
		close(done)
	}
	k.served, k.busy = nil, false
	if len(k.events)+len(k.waiting) > 0 {
		select {
		case k.wake <- struct{}{}:
		default:
		}
	}
	return err
}

func (k *agentKeeper) write(ctx context.Context, batch map[string]agent.Record) error {
	if len(batch) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, saveTimeout)
	defer cancel()
	err := k.store.SaveAgents(ctx, slices.Collect(maps.Values(batch)))
	if err != nil {
		k.log.Error("agents_not_saved", "dns", len(batch), "error", err)
	}
	return err //nolint:wrapcheck // it is in the log
}
