package eventlog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sidecar/cti"
)

const (
	maxFetch  = 256 // messages that are handed over at a time
	lookFetch = 64  // messages that are looked through at a time: the right one is among the first, as a rule
	// maxLook bounds the search for one message. Before it are those of its subject that waited for the log when it happened.
	maxLook = 256 * lookFetch
	skew    = time.Second // by which a server's clock may be behind ours
)

// Read implements cti.Log by one direct request for a batch of messages (ADR-31 of NATS).
func (l *Log) Read(ctx context.Context, after uint64, limit int) ([]cti.Stored, error) {
	records, err := l.fetch(ctx, &get{Seq: after + 1, Batch: limit})
	if err != nil {
		return nil, fmt.Errorf("read the events after %d: %w", after, err)
	}
	if len(records) == 0 {
		return l.end(ctx, after)
	}
	whole := make([]cti.Stored, 0, len(records))
	for i := range records {
		if whole, err = l.follows(ctx, after, records[i], whole); err != nil {
			return nil, err
		}
		after = records[i].Seq
	}
	return whole, nil
}

// Has implements cti.Log. Records are stored in the order in which they are published: there is little between the moment of an
// event and its record, but for a stall.
func (l *Log) Has(ctx context.Context, r *cti.Record, since time.Time) (bool, error) {
	since = since.Add(-skew)
	ask := get{Subject: l.subjects.record(r), Since: &since, Batch: lookFetch}
	for looked := 0; looked < maxLook; looked += lookFetch {
		records, err := l.fetch(ctx, &ask)
		if err != nil {
			return false, fmt.Errorf("look for event %s: %w", r.ID, err)
		}
		if len(records) == 0 {
			return false, nil
		}
		if slices.ContainsFunc(records, func(there cti.Stored) bool { return there.ID == r.ID }) {
			return true, nil
		}
		ask.Since, ask.Seq = nil, records[len(records)-1].Seq+1
	}
	return false, nil
}

// get asks for messages directly.
type get struct {
	Seq     uint64     `json:"seq,omitempty"`
	Since   *time.Time `json:"start_time,omitempty"`
	Subject string     `json:"next_by_subj,omitempty"`
	Batch   int        `json:"batch"`
}

func (l *Log) fetch(ctx context.Context, ask *get) ([]cti.Stored, error) {
	request, err := json.Marshal(ask)
	if err != nil {
		return nil, err
	}
	inbox := l.conn.NewRespInbox()
	answers, err := l.conn.SubscribeSync(inbox)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answers.Unsubscribe() }() // the connection is gone then
	if err := l.conn.PublishRequest("$JS.API.DIRECT.GET."+l.streamName(), inbox, request); err != nil {
		return nil, err
	}
	records := make([]cti.Stored, 0, ask.Batch)
	for len(records) < ask.Batch {
		m, err := answers.NextMsgWithContext(ctx)
		if err != nil {
			return nil, err
		}
		switch status := m.Header.Get("Status"); status {
		case "":
		case "204", "404": // the end, nothing at all
			return records, nil
		default:
			return nil, fmt.Errorf("%w: %s %s", ErrServer, status, m.Header.Get("Description"))
		}
		seq, err := strconv.ParseUint(m.Header.Get(headerSequence), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%w: an answer without its number: %w", ErrServer, err)
		}
		records = append(records, l.subjects.stored(seq, m.Header.Get(headerSubject), m.Header, m.Data))
	}
	return records, nil
}

// follows adds a record to those before it. If its number is not the next one, what is between is too old, or has been lost: by
// damaged files, or because somebody has deleted it. Then a gap takes the place of it.
func (l *Log) follows(ctx context.Context, after uint64, r cti.Stored, before []cti.Stored) ([]cti.Stored, error) {
	if r.Seq == after+1 {
		return append(before, r), nil
	}
	state, err := l.Open(ctx)
	switch {
	case err != nil:
		return nil, err
	case after+1 < state.First:
		return nil, cti.ErrTooOld
	}
	return append(before, l.hole(after, r.Seq-1), r), nil
}

// end is what is there where no more can be read: nothing, or a gap when the stream has numbers behind it. Of a server that was
// stopped in good order, the last file may be gone.
func (l *Log) end(ctx context.Context, after uint64) ([]cti.Stored, error) {
	state, err := l.Open(ctx)
	if err != nil || state.Last <= after {
		return nil, err
	}
	if after+1 < state.First {
		return nil, cti.ErrTooOld
	}
	// Of several servers, the one that was read from may have been behind.
	header, err := l.leader(ctx, map[string]any{"seq": after + 1, "next_by_subj": l.subjects.all()})
	if err != nil {
		return nil, fmt.Errorf("read the end of the events: %w", err)
	}
	if header != nil {
		return nil, nil
	}
	return []cti.Stored{l.hole(after, state.Last)}, nil
}

// hole stands for what is missing after a number.
func (l *Log) hole(after, last uint64) cti.Stored {
	l.o.Logger.Error("event log has a hole: its files are damaged, or events were deleted; clients will start over",
		"dir", l.o.Dir, "first", after+1, "last", last)
	return cti.Stored{Record: cti.NewGap(""), Seq: last}
}

// Follow implements cti.Log.
func (l *Log) Follow(ctx context.Context, after uint64, take func([]cti.Stored)) error {
	ctx, release := l.consumers.consumer(ctx)
	defer release()
	consumer, err := l.js.OrderedConsumer(ctx, l.streamName(), jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: after + 1, MaxResetAttempts: 5,
	})
	if err != nil {
		return fmt.Errorf("follow the events after %d: %w", after, err)
	}
	messages := make(chan jetstream.Msg, maxFetch)
	ended, failed := make(chan struct{}), make(chan error, 1)
	consuming, err := consumer.Consume(func(m jetstream.Msg) {
		select {
		case messages <- m:
		case <-ended:
		}
	}, jetstream.PullMaxMessages(2*maxFetch), jetstream.PullHeartbeat(heartbeat), jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
		l.o.Logger.Debug("event log: consumer", "error", err)
		if errors.Is(err, jetstream.ErrNoHeartbeat) || errors.Is(err, nats.ErrConnectionClosed) {
			return // it mends itself, or Closed tells
		}
		select {
		case failed <- err:
		default:
		}
	}))
	if err != nil {
		return fmt.Errorf("follow the events after %d: %w", after, err)
	}
	defer consuming.Stop()
	defer close(ended)
	closed := consuming.Closed() // each call of it leaves a goroutine behind until the end (nats.go 1.55, ordered.go)
	for {
		select {
		case m := <-messages:
			batch, err := l.gather(ctx, after, m, messages)
			if err != nil {
				return err
			}
			after = batch[len(batch)-1].Seq
			if err := l.handed.handsOut(after); err != nil {
				return err
			}
			take(batch)
		case err := <-failed:
			return fmt.Errorf("follow the events after %d: %w", after, err)
		case <-closed:
			return errClosed
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// gather takes what has come besides the first message.
func (l *Log) gather(ctx context.Context, after uint64, m jetstream.Msg, more <-chan jetstream.Msg) ([]cti.Stored, error) {
	batch := make([]cti.Stored, 0, 1+len(more))
	for {
		meta, err := m.Metadata()
		if err != nil {
			return nil, fmt.Errorf("follow the events: %w", err)
		}
		seq := meta.Sequence.Stream
		if batch, err = l.follows(ctx, after, l.subjects.stored(seq, m.Subject(), m.Headers(), m.Data()), batch); err != nil {
			return nil, err
		}
		after = seq
		if len(batch) >= maxFetch {
			return batch, nil
		}
		select {
		case m = <-more:
		default:
			return batch, nil
		}
	}
}
