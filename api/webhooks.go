package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"sidecar/auth"
	"sidecar/webhook"
)

// Webhooks tells how the webhooks do, and keeps what they could not deliver.
type Webhooks interface {
	Statuses(ctx context.Context) ([]webhook.Status, error)
	DeadLetters(ctx context.Context, q webhook.DeadLetterQuery) ([]webhook.DeadLetter, error)
	DeadLetter(ctx context.Context, target string, id int64) (webhook.DeadLetter, error)
	Redeliver(ctx context.Context, target string, id int64) error
	Discard(ctx context.Context, target string, id int64) error
}

// Webhook is how a webhook of the settings does.
type Webhook struct {
	Name         string `json:"name"`
	URL          string `json:"url" doc:"Without its query"`
	Cursor       string `json:"cursor,omitempty" doc:"Up to where in the feed it has been told"`
	Delivered    uint64 `json:"delivered" doc:"Events that it has taken since the start"`
	Failed       uint64 `json:"failed" doc:"Attempts that failed since the start"`
	DeadLetters  int    `json:"deadLetters"`
	LastDelivery string `json:"lastDelivery,omitempty" format:"date-time"`
	FailingSince string `json:"failingSince,omitempty" format:"date-time" doc:"Missing while it takes what it is sent"`
	LastError    string `json:"lastError,omitempty" doc:"Of the last attempt that failed"`
}

// WebhookList is the list of webhooks.
type WebhookList struct {
	Webhooks []Webhook `json:"webhooks" nullable:"false"`
}

// DeadLetter is a message that its webhook did not take in time.
type DeadLetter struct {
	ID        int64           `json:"id"`
	MessageID string          `json:"messageId" doc:"As the header Webhook-Id has it"`
	Time      string          `json:"time" format:"date-time" doc:"When it was given up"`
	Events    int             `json:"events"`
	Attempts  int             `json:"attempts"`
	Reason    string          `json:"reason" doc:"Why the last attempt failed"`
	Message   json.RawMessage `json:"message,omitempty" doc:"What was sent; missing in lists"`
}

// DeadLetterList is a page of dead letters.
type DeadLetterList struct {
	DeadLetters []DeadLetter `json:"deadLetters" nullable:"false" doc:"The newest first"`
	Next        int64        `json:"next,omitempty" doc:"The value of before for the page that follows; missing on the last"`
}

// WebhookPath names a webhook.
type WebhookPath struct {
	Name string `path:"name" maxLength:"64"`
}

type lettersInput struct {
	WebhookPath
	Limit  int   `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"Dead letters on a page"`
	Before int64 `query:"before" minimum:"1" doc:"Only those with a lower id: next of the page before"`
}

type letterPath struct {
	WebhookPath
	ID int64 `path:"id" minimum:"1"`
}

type (
	hooksOutput   struct{ Body WebhookList }
	lettersOutput struct{ Body DeadLetterList }
	letterOutput  struct{ Body DeadLetter }
)

func (s *server) registerWebhooks() {
	add := func(id, method, path, summary string, failures ...int) endpoint {
		return endpoint{
			id: id, method: method, path: "/api/v1/webhooks" + path, tag: "webhooks", verb: auth.VerbManageHooks, summary: summary,
			errors: failures,
		}
	}
	const one = "/{name}/dead-letters/{id}"
	register(s, add("list-webhooks", http.MethodGet, "", "List the webhooks of the settings and how they do"), s.listWebhooks)
	register(s, add("list-dead-letters", http.MethodGet, "/{name}/dead-letters",
		"List what a webhook did not take in time", http.StatusNotFound), s.listDeadLetters)
	register(s, add("get-dead-letter", http.MethodGet, one, "Get a dead letter with its events", http.StatusNotFound), s.getDeadLetter)
	again := add("redeliver-dead-letter", http.MethodPost, one+"/redeliver",
		"Send a dead letter once more; when it is taken it is one no longer", http.StatusNotFound, http.StatusBadGateway)
	again.status = http.StatusNoContent
	register(s, again, s.redeliver)
	discard := add("discard-dead-letter", http.MethodDelete, one, "Forget a dead letter", http.StatusNotFound)
	discard.status = http.StatusNoContent
	register(s, discard, s.discardDeadLetter)
}

func (s *server) listWebhooks(ctx context.Context, _ *struct{}) (*hooksOutput, error) {
	if s.Webhooks == nil {
		return nil, absent()
	}
	all, err := s.Webhooks.Statuses(ctx)
	if err != nil {
		return nil, err
	}
	out := &hooksOutput{Body: WebhookList{Webhooks: make([]Webhook, 0, len(all))}}
	for _, v := range all {
		out.Body.Webhooks = append(out.Body.Webhooks, Webhook{
			Name: v.Name, URL: v.URL, Cursor: v.Cursor, Delivered: v.Delivered, Failed: v.Failed, DeadLetters: v.DeadLetters,
			LastDelivery: stamp(v.LastDelivery), FailingSince: stamp(v.FailingSince), LastError: v.LastError,
		})
	}
	return out, nil
}

func (s *server) listDeadLetters(ctx context.Context, in *lettersInput) (*lettersOutput, error) {
	if s.Webhooks == nil {
		return nil, absent()
	}
	// One more tells whether a page follows.
	list, err := s.Webhooks.DeadLetters(ctx, webhook.DeadLetterQuery{Target: in.Name, Before: in.Before, Limit: in.Limit + 1})
	if err != nil {
		return nil, err
	}
	out := &lettersOutput{Body: DeadLetterList{DeadLetters: make([]DeadLetter, 0, len(list))}}
	if len(list) > in.Limit {
		list = list[:in.Limit]
		out.Body.Next = list[in.Limit-1].ID
	}
	for _, d := range list {
		out.Body.DeadLetters = append(out.Body.DeadLetters, letterOf(d))
	}
	return out, nil
}

func (s *server) getDeadLetter(ctx context.Context, in *letterPath) (*letterOutput, error) {
	if s.Webhooks == nil {
		return nil, absent()
	}
	d, err := s.Webhooks.DeadLetter(ctx, in.Name, in.ID)
	if err != nil {
		return nil, err
	}
	return &letterOutput{Body: letterOf(d)}, nil
}

func (s *server) redeliver(ctx context.Context, in *letterPath) (*struct{}, error) {
	if s.Webhooks == nil {
		return nil, absent()
	}
	err := s.Webhooks.Redeliver(ctx, in.Name, in.ID)
	s.audit(ctx, "redeliver-dead-letter", in.Name, map[string]string{"id": strconv.FormatInt(in.ID, 10)}, err)
	return nil, err
}

func (s *server) discardDeadLetter(ctx context.Context, in *letterPath) (*struct{}, error) {
	if s.Webhooks == nil {
		return nil, absent()
	}
	err := s.Webhooks.Discard(ctx, in.Name, in.ID)
	s.audit(ctx, "discard-dead-letter", in.Name, map[string]string{"id": strconv.FormatInt(in.ID, 10)}, err)
	return nil, err
}

func letterOf(d webhook.DeadLetter) DeadLetter {
	out := DeadLetter{ID: d.ID, MessageID: d.MessageID, Time: stamp(d.At), Events: d.Events, Attempts: d.Attempts, Reason: d.Reason}
	if len(d.Body) > 0 {
		out.Message = d.Body
	}
	return out
}
