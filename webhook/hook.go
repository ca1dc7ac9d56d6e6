package webhook

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"sidecar/cti"
	"sidecar/cti/follow"
	"sidecar/internal/backoff"
)

// maxBatch is how many events a request carries at most.
const maxBatch = 100

// Status is how a target does.
type Status struct {
	Name         string
	URL          string // without its query
	Cursor       string // up to where it has been told
	Delivered    uint64 // events, since the start
	Failed       uint64 // attempts, since the start
	DeadLetters  int
	LastDelivery time.Time
	FailingSince time.Time // zero while it takes what it is sent
	LastError    string    // of the last attempt that failed
}

// hook serves one target.
type hook struct {
	// Constant.
	o      *Options
	target Target
	secret []byte
	client *http.Client
	log    *slog.Logger

	pauses *backoff.Backoff // owned by run; grown while the target fails, whatever batch it is

	mu     sync.Mutex
	status Status
}

// run follows the feed until ctx or the feed ends.
func (h *hook) run(ctx context.Context) {
	again := backoff.New(backoff.Policy{Min: minPause, Max: maxRetake})
	for {
		err := h.follow(ctx)
		if ctx.Err() != nil || errors.Is(err, cti.ErrFeedClosed) {
			return
		}
		h.log.WarnContext(ctx, "webhook_interrupted", "error", err)
		if again.Wait(ctx) != nil {
			return
		}
	}
}

// follow goes from batch to batch, from what the target was told last.
func (h *hook) follow(ctx context.Context) error {
	text, err := h.o.Store.WebhookCursor(ctx, h.target.Name)
	if err != nil {
		return err
	}
	var since cti.Cursor
	if err = since.UnmarshalText([]byte(text)); err != nil {
		return err
	}
	h.change(func(s *Status) { s.Cursor = text })
	place, err := h.o.Feed.Follow(h.target.Want, since)
	if err != nil {
		return err
	}
	defer place.Close()
	for {
		messages, err := h.next(ctx, place)
		if errors.Is(err, cti.ErrSlowConsumer) { // a target that is away for long
			if err = place.Resume(); err == nil {
				continue
			}
		}
		if err != nil {
			return err
		}
		for batch := range slices.Chunk(messages, maxBatch) {
			if err = h.deliver(ctx, batch); err != nil {
				return err
			}
		}
	}
}

// next waits for messages. While there are none, the cursor moves on.
func (h *hook) next(ctx context.Context, place Follower) ([]follow.Message, error) {
	for {
		wait, cancel := context.WithTimeout(ctx, moveEvery)
		messages, err := place.Next(wait)
		quiet := wait.Err() != nil && ctx.Err() == nil
		cancel()
		if err == nil || !quiet {
			return messages, err
		}
		at, ok := place.Position()
		if text := at.String(); ok && text != h.snapshot().Cursor {
			if err = h.keep(ctx, text, func() error { return h.o.Store.SetWebhookCursor(ctx, h.target.Name, text) }); err != nil {
				return nil, err
			}
		}
	}
}

// deliver sends a batch until the target takes it, or it has become a dead letter. It fails only with ctx.
func (h *hook) deliver(ctx context.Context, batch []follow.Message) error {
	m := messageOf(h.target.Name, h.o.Node, batch)
	for attempts := 1; ; attempts++ {
		err := h.post(ctx, m.id, m.body)
		switch {
		case err == nil:
			h.taken(len(batch))
			if m.cursor == "" {
				return nil // in the middle of a snapshot, which begins anew after a restart
			}
			return h.keep(ctx, m.cursor, func() error { return h.o.Store.SetWebhookCursor(ctx, h.target.Name, m.cursor) })
		case ctx.Err() != nil:
			return ctx.Err()
		}
		h.failed(ctx, err)
		left := time.Until(m.began.Add(h.target.GiveUp))
		if left <= 0 {
			return h.bury(ctx, m, attempts, err)
		}
		pause := h.pauses.Next()
		if refused, ok := errors.AsType[*RefusedError](err); ok {
			pause = max(pause, min(refused.after, h.o.Backoff.Max))
		}
		if err = backoff.Sleep(ctx, min(pause, left)); err != nil {
			return err
		}
	}
}

// bury makes a dead letter of the message.
func (h *hook) bury(ctx context.Context, m message, attempts int, cause error) error {
	d := DeadLetter{
		Target: h.target.Name, MessageID: m.id, At: time.Now(), Events: m.events, Attempts: attempts, Reason: cause.Error(), Body: m.body,
	}
	h.log.ErrorContext(ctx, "webhook_gave_up", "message", m.id, "events", m.events, "attempts", attempts, "error", cause)
	err := h.keep(ctx, m.cursor, func() error { return h.o.Store.AddDeadLetter(ctx, d, m.cursor) })
	if err == nil {
		h.change(func(s *Status) { s.DeadLetters++ })
	}
	return err
}

// keep stores what has become of a message, and tries again until that is done: without it the next start would repeat more
// than one batch.
func (h *hook) keep(ctx context.Context, cursor string, write func() error) error {
	again := backoff.New(h.o.Backoff)
	for {
		err := write()
		if err == nil {
			h.change(func(s *Status) { s.Cursor = cmp.Or(cursor, s.Cursor) })
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		h.log.ErrorContext(ctx, "webhook_not_stored", "error", err)
		if err = again.Wait(ctx); err != nil {
			return err
		}
	}
}

func (h *hook) taken(events int) {
	h.pauses.Reset()
	h.change(func(s *Status) {
		s.Delivered += uint64(events) //nolint:gosec // a batch's length
		s.LastDelivery, s.FailingSince = time.Now(), time.Time{}
	})
}

func (h *hook) failed(ctx context.Context, err error) {
	first := false
	h.change(func(s *Status) {
		s.Failed++
		s.LastError = err.Error()
		if first = s.FailingSince.IsZero(); first {
			s.FailingSince = time.Now()
		}
	})
	level := slog.LevelDebug
	if first {
		level = slog.LevelWarn
	}
	h.log.Log(ctx, level, "webhook_failed", "error", err)
}

func (h *hook) change(edit func(*Status)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	edit(&h.status)
}

func (h *hook) snapshot() Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.status
}
