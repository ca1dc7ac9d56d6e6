package eventlog

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"sidecar/cti"
)

const (
	// publishTimeout is when an acknowledgement that nobody waits for any more is given up.
	publishTimeout = 10 * time.Second
	maxAtomic      = 500 // messages of a batch, half of what the server takes
	errDuplicate   = 10201
)

// Append implements cti.Log.
//
// One server takes messages in the order in which they are sent, so they are sent one after the other without waiting for
// each acknowledgement. In a cluster, the leader may change in between: a message may be lost and the next ones stored.
// There they go as a batch, which is stored as a whole or not at all.
func (l *Log) Append(ctx context.Context, records []cti.Record) (last uint64, err error) {
	if err = l.claim(ctx); err != nil {
		return 0, err
	}
	messages := make([]*nats.Msg, 0, len(records))
	for i := range records {
		m := l.subjects.message(&records[i])
		if limit := l.conn.MaxPayload(); limit > 0 && int64(m.Size()) > limit {
			// It would never be taken, and hold up all that follow.
			l.o.Logger.Error("event_too_large", "event_id", records[i].ID, "bytes", m.Size(), "max_payload", limit)
			continue
		}
		messages = append(messages, m)
	}
	for len(messages) > 0 {
		n := min(len(messages), maxAtomic)
		if l.o.Replicas > 1 && n > 1 {
			last, err = l.batch(ctx, messages[:n])
		} else {
			last, err = l.line(ctx, messages[:n])
		}
		if err != nil {
			return 0, err
		}
		messages = messages[n:]
	}
	return last, nil
}

// line sends all, then waits for all acknowledgements.
func (l *Log) line(ctx context.Context, messages []*nats.Msg) (last uint64, err error) {
	if last, err = l.send(ctx, messages); err != nil {
		l.mend(ctx)
	}
	return last, err
}

func (l *Log) send(ctx context.Context, messages []*nats.Msg) (last uint64, err error) {
	acks := make([]jetstream.PubAckFuture, 0, len(messages))
	for _, m := range messages {
		ack, err := l.js.PublishMsgAsync(m, jetstream.WithRetryAttempts(0))
		if err != nil {
			return 0, fmt.Errorf("publish: %w", err)
		}
		acks = append(acks, ack)
	}
	for _, ack := range acks {
		select {
		case a := <-ack.Ok():
			last = a.Sequence
		case err := <-ack.Err():
			return 0, fmt.Errorf("publish: %w", err)
		case <-ctx.Done():
			return 0, fmt.Errorf("publish: %w", context.Cause(ctx))
		}
	}
	return last, nil
}

// batch has all stored at once.
func (l *Log) batch(ctx context.Context, messages []*nats.Msg) (last uint64, err error) {
	id := nuid.Next()
	for i, m := range messages {
		m.Header.Set(headerBatch, id)
		m.Header.Set(headerBatchSeq, strconv.Itoa(i+1))
		if i == len(messages)-1 {
			break
		}
		if err = l.conn.PublishMsg(m); err != nil {
			return 0, fmt.Errorf("publish a batch: %w", err)
		}
	}
	end := messages[len(messages)-1]
	end.Header.Set(headerCommit, "1")
	answer, err := l.conn.RequestMsgWithContext(ctx, end)
	if err != nil {
		return 0, fmt.Errorf("publish a batch: %w", err)
	}
	var ack struct {
		Sequence uint64              `json:"seq"`
		Count    int                 `json:"count"`
		Error    *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(answer.Data, &ack); err != nil {
		return 0, fmt.Errorf("publish a batch: acknowledgement: %w", err)
	}
	switch {
	case ack.Error != nil && ack.Error.ErrorCode == errDuplicate:
		return l.singly(ctx, messages)
	case ack.Error != nil:
		return 0, fmt.Errorf("publish a batch: %w", ack.Error)
	case ack.Count != len(messages):
		return 0, fmt.Errorf("%w: a batch of %d messages was stored as %d: NATS 2.12 or later is needed", ErrServer, len(messages), ack.Count)
	}
	return ack.Sequence, nil
}

// singly sends messages of which some may be stored already: those are left out by the server.
func (l *Log) singly(ctx context.Context, messages []*nats.Msg) (last uint64, err error) {
	for _, m := range messages {
		m.Header.Del(headerBatch)
		m.Header.Del(headerBatchSeq)
		m.Header.Del(headerCommit)
		ack, err := l.js.PublishMsg(ctx, m)
		if err != nil {
			return 0, fmt.Errorf("publish: %w", err)
		}
		last = ack.Sequence
	}
	return last, nil
}

// LastOf implements cti.Log. It asks the stream's leader: others may be behind.
func (l *Log) LastOf(ctx context.Context, node string) (string, error) {
	header, err := l.leader(ctx, map[string]any{"last_by_subj": l.subjects.of(node)})
	if err != nil {
		l.mend(ctx)
		return "", fmt.Errorf("last event of %s: %w", node, err)
	}
	return header.Get(headerMark), nil
}

// leader asks the stream's leader for a message, and gives its header; nil if there is none.
func (l *Log) leader(ctx context.Context, which map[string]any) (nats.Header, error) {
	request, err := json.Marshal(which)
	if err != nil {
		return nil, err
	}
	answer, err := l.conn.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+l.streamName(), request)
	if err != nil {
		return nil, err
	}
	var got struct {
		Message struct {
			Headers []byte `json:"hdrs"`
		} `json:"message"`
		Error *jetstream.APIError `json:"error"`
	}
	if err = json.Unmarshal(answer.Data, &got); err != nil {
		return nil, err
	}
	switch {
	case got.Error == nil:
		return nats.DecodeHeadersMsg(got.Message.Headers)
	case got.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound:
		return nil, nil //nolint:nilnil // there is none
	}
	return nil, got.Error
}
