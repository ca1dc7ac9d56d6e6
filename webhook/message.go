package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"sidecar/cti/follow"
)

// maxAnswer is how much of an answer is read, so that the connection can be used again; what it says does not matter.
const maxAnswer = 64 << 10

// message is a batch as it is sent.
type message struct {
	id     string
	body   []byte
	events int
	began  time.Time // the time of its first event
	cursor string    // to go on from after it; empty within a snapshot
}

// messageOf joins the events as they are, which have been encoded once for everybody.
func messageOf(target, node string, batch []follow.Message) message {
	first, last := batch[0].Event, batch[len(batch)-1].Event
	m := message{id: first.ID, events: len(batch), began: first.Time.Time}
	if len(batch) > 1 {
		m.id += "+" + last.ID
	}
	if at := batch[len(batch)-1].Cursor; !at.IsZero() {
		m.cursor = at.String()
	}
	size := 64 + len(target) + len(node)
	for i := range batch {
		size += len(batch[i].Data) + 1
	}
	body := make([]byte, 0, size)
	body = append(body, `{"webhook":`...)
	body = strconv.AppendQuote(body, target) // names of the settings have nothing to escape
	body = append(body, `,"node":`...)
	body = strconv.AppendQuote(body, node)
	body = append(body, `,"events":[`...)
	for i := range batch {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, batch[i].Data...)
	}
	m.body = append(body, "]}"...)
	return m
}

// post sends a message once. An error never holds the address, whose query may be secret.
func (h *hook) post(ctx context.Context, id string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.target.URL, bytes.NewReader(body))
	if err != nil {
		return ErrURL
	}
	now := time.Now()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "sidecar")
	req.Header.Set(HeaderID, id)
	req.Header.Set(HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
	req.Header.Set(HeaderSignature, Sign(h.secret, id, now, body))
	res, err := h.client.Do(req)
	if err != nil {
		if of, ok := errors.AsType[*url.Error](err); ok {
			err = of.Err
		}
		return fmt.Errorf("not delivered: %w", err)
	}
	defer func() { _ = res.Body.Close() }() // it was only read to its end
	_, _ = io.CopyN(io.Discard, res.Body, maxAnswer)
	if res.StatusCode/100 == 2 {
		return nil
	}
	refused := &RefusedError{Status: res.StatusCode}
	if seconds, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && seconds > 0 {
		refused.after = time.Duration(min(seconds, int(maxPause/time.Second))) * time.Second
	}
	return refused
}
