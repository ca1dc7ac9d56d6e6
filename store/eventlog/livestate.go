package eventlog

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sidecar/cti/live"
)

// markerLife is how long the bucket remembers that an entry has gone.
const markerLife = time.Minute

// errAnew says that the bucket was not there, and what was written to it before is lost.
var errAnew = errors.New("live state: the bucket was made anew")

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
	if err := s.log.claim(ctx); err != nil {
		return err
	}
	messages := make([]*nats.Msg, 0, len(entries))
	for i := range entries {
		messages = append(messages, s.message(&entries[i]))
	}
	n := len(messages) - 1
	withLease := entries[n].Kind == live.KindLease
	if before := s.log.lease.Load(); withLease && before != 0 {
		messages[n].Header.Set(jetstream.ExpectedLastSubjSeqHeader, strconv.FormatUint(before, 10))
	}
	last, err := s.log.line(ctx, messages)
	var refused *jetstream.APIError
	switch {
	case errors.Is(err, jetstream.ErrNoStreamResponse) || errors.Is(err, nats.ErrNoResponders):
		if _, err = s.bucket(ctx); err == nil {
			err = errAnew
		}
	case errors.As(err, &refused) && refused.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence:
		err = errAnew // by another sidecar, or our lease is gone like the rest
	}
	if err != nil {
		s.log.lease.Store(0)
		return fmt.Errorf("live state: %w", err)
	}
	if withLease {
		s.log.lease.Store(last)
	}
	return nil
}

// message has the server remove the entry when its life is over, see ADR-43 of NATS.
func (s LiveState) message(e *live.Entry) *nats.Msg {
	m := &nats.Msg{Subject: "$KV." + s.name() + "." + key(e), Data: e.Value, Header: nats.Header{}}
	if len(e.Value) == 0 {
		m.Header["KV-Operation"], m.Header[jetstream.MsgRollup] = []string{"PURGE"}, []string{jetstream.MsgRollupSubject}
		m.Header[jetstream.MsgTTLHeader] = []string{markerLife.String()}
	} else if e.Life > 0 {
		m.Header[jetstream.MsgTTLHeader] = []string{e.Life.String()}
	}
	return m
}

// Watch implements live.Store.
func (s LiveState) Watch(ctx context.Context, take func([]live.Entry)) error {
	ctx, release := s.log.consumers.consumer(ctx)
	defer release()
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
	e := live.Entry{Node: parts[0], Written: entry.Created()}
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
