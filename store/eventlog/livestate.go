package eventlog

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sidecar/cti/live"
)

// markerLife is how long the bucket remembers that an entry has gone.
const markerLife = time.Minute

// LiveState keeps the live state of all sidecars in a key-value bucket: <node>.call.<call id>, <node>.dn.<dn>,
// <node>.lease. It implements live.Store.
type LiveState struct{ log *Log }

// LiveState gives the bucket that belongs to the log.
func (l *Log) LiveState() LiveState { return LiveState{l} }

func (s LiveState) name() string { return s.log.o.Name + "-state" }

// bucket gives the bucket, and makes it if it isn't there.
func (s LiveState) bucket(ctx context.Context) (jetstream.KeyValue, error) {
	kv, err := s.log.js.KeyValue(ctx, s.name())
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		kv, err = s.log.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
			Bucket: s.name(), Description: "calls and DNs as they stand", History: 1, Storage: jetstream.FileStorage,
			Replicas: s.log.o.Replicas, LimitMarkerTTL: markerLife,
		})
	}
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", s.name(), err)
	}
	return kv, nil
}

// Put implements live.Store.
func (s LiveState) Put(ctx context.Context, entries []live.Entry) error {
	messages := make([]*nats.Msg, 0, len(entries))
	for i := range entries {
		e := &entries[i]
		m := &nats.Msg{Subject: "$KV." + s.name() + "." + key(e), Data: e.Value}
		if len(e.Value) == 0 {
			m.Header = nats.Header{"KV-Operation": {"PURGE"}, jetstream.MsgRollup: {jetstream.MsgRollupSubject}, jetstream.MsgTTLHeader: {markerLife.String()}}
		}
		messages = append(messages, m)
	}
	_, err := s.log.line(ctx, messages)
	if errors.Is(err, jetstream.ErrNoStreamResponse) || errors.Is(err, nats.ErrNoResponders) {
		if _, err = s.bucket(ctx); err == nil {
			_, err = s.log.line(ctx, messages)
		}
	}
	if err != nil {
		return fmt.Errorf("live state: %w", err)
	}
	return nil
}

// Watch implements live.Store.
func (s LiveState) Watch(ctx context.Context, take func([]live.Entry)) error {
	kv, err := s.bucket(ctx)
	if err != nil {
		return err
	}
	watcher, err := kv.WatchAll(ctx)
	if err != nil {
		return fmt.Errorf("live state: %w", err)
	}
	defer func() { _ = watcher.Stop() }() // it is over either way
	var first []live.Entry
	initial := true
	for {
		select {
		case entry, ok := <-watcher.Updates():
			switch {
			case !ok:
				return errClosed
			case entry == nil:
				take(first)
				first, initial = nil, false
			case initial:
				first = append(first, stateEntry(entry)...)
			default:
				take(stateEntry(entry))
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func key(e *live.Entry) string {
	if e.Kind == live.KindLease {
		return e.Node + "." + string(live.KindLease)
	}
	return e.Node + "." + string(e.Kind) + "." + token(e.ID)
}

// stateEntry reads an entry; what is not ours is left out.
func stateEntry(entry jetstream.KeyValueEntry) []live.Entry {
	parts := strings.Split(entry.Key(), ".")
	e := live.Entry{Node: parts[0]}
	if entry.Operation() == jetstream.KeyValuePut {
		e.Value = entry.Value()
	}
	if len(parts) == 2 && parts[1] == string(live.KindLease) {
		e.Kind = live.KindLease
		return []live.Entry{e}
	}
	if len(parts) != 3 {
		return nil
	}
	id, err := untoken(parts[2])
	if err != nil {
		return nil
	}
	e.Kind, e.ID = live.Kind(parts[1]), id
	return []live.Entry{e}
}
