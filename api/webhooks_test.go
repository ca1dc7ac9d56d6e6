package api_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/api"
	"sidecar/auth"
	"sidecar/webhook"
)

var errRefused = errors.New("answered 500 Internal Server Error")

// fakeHooks is one webhook with dead letters 1 to n.
type fakeHooks struct {
	letters []webhook.DeadLetter
	err     error // of delivering
}

func (f *fakeHooks) Statuses(context.Context) ([]webhook.Status, error) {
	return []webhook.Status{{
		Name: "crm", URL: "https://crm.example.com/calls", Cursor: "e:7", Delivered: 7, Failed: 2, DeadLetters: len(f.letters),
		LastDelivery: time.UnixMilli(1700000000123), FailingSince: time.UnixMilli(1700000001000), LastError: "answered 500",
	}}, nil
}

func (f *fakeHooks) DeadLetters(_ context.Context, q webhook.DeadLetterQuery) (list []webhook.DeadLetter, _ error) {
	if q.Target != "crm" {
		return nil, webhook.ErrTarget
	}
	for _, d := range slices.Backward(f.letters) {
		if (q.Before == 0 || d.ID < q.Before) && len(list) < q.Limit {
			d.Body = nil
			list = append(list, d)
		}
	}
	return list, nil
}

func (f *fakeHooks) DeadLetter(_ context.Context, target string, id int64) (webhook.DeadLetter, error) {
	i := slices.IndexFunc(f.letters, func(d webhook.DeadLetter) bool { return d.ID == id })
	switch {
	case target != "crm":
		return webhook.DeadLetter{}, webhook.ErrTarget
	case i < 0:
		return webhook.DeadLetter{}, webhook.ErrNoDeadLetter
	}
	return f.letters[i], nil
}

func (f *fakeHooks) Redeliver(ctx context.Context, target string, id int64) error {
	if f.err != nil {
		return &webhook.UndeliveredError{Target: target, Err: f.err}
	}
	return f.Discard(ctx, target, id)
}

func (f *fakeHooks) Discard(ctx context.Context, target string, id int64) error {
	_, err := f.DeadLetter(ctx, target, id)
	f.letters = slices.DeleteFunc(f.letters, func(d webhook.DeadLetter) bool { return d.ID == id })
	return err
}

func TestWebhooks(t *testing.T) {
	t.Parallel()
	hooks := &fakeHooks{}
	for id := range int64(3) {
		hooks.letters = append(hooks.letters, webhook.DeadLetter{
			ID: id + 1, MessageID: "n1-c-1", At: time.UnixMilli(1700000000123), Events: 1, Attempts: 9, Reason: "answered 500",
			Body: []byte(`{"webhook":"crm","events":[]}`),
		})
	}
	s := newSystem(t, func(o *api.Options) { o.Webhooks = hooks })
	admin := s.user("root", auth.RoleAdmin, "")
	const path = "/api/v1/webhooks"
	require.JSONEq(t, `{"webhooks": [{"name": "crm", "url": "https://crm.example.com/calls", "cursor": "e:7", "delivered": 7, "failed": 2,
		"deadLetters": 3, "lastDelivery": "2023-11-14T22:13:20.123Z", "failingSince": "2023-11-14T22:13:21.000Z", "lastError": "answered 500"}]}`,
		s.send("GET", path, admin, "").body)

	const letter = `"messageId": "n1-c-1", "time": "2023-11-14T22:13:20.123Z", "events": 1, "attempts": 9, "reason": "answered 500"`
	require.JSONEq(t, `{"deadLetters": [{"id": 3, `+letter+`}, {"id": 2, `+letter+`}], "next": 2}`,
		s.send("GET", path+"/crm/dead-letters?limit=2", admin, "").body)
	require.JSONEq(t, `{"deadLetters": [{"id": 1, `+letter+`}]}`, s.send("GET", path+"/crm/dead-letters?before=2", admin, "").body)
	require.JSONEq(t, `{"id": 2, "message": {"webhook": "crm", "events": []}, `+letter+`}`,
		s.send("GET", path+"/crm/dead-letters/2", admin, "").body)

	require.Equal(t, http.StatusNoContent, s.send("POST", path+"/crm/dead-letters/2/redeliver", admin, "").status)
	require.Equal(t, http.StatusNoContent, s.send("DELETE", path+"/crm/dead-letters/1", admin, "").status)
	require.Len(t, hooks.letters, 1)
	hooks.err = errRefused
	p := s.send("POST", path+"/crm/dead-letters/3/redeliver", admin, "").problem(http.StatusBadGateway, "undelivered")
	require.Equal(t, "crm: "+errRefused.Error(), p.Detail)
	var actions []string
	for _, e := range s.audit.take() {
		actions = append(actions, e.Actor+" "+e.Action+" "+e.Subject+" "+e.Detail["id"]+" "+e.Detail["result"])
	}
	require.Equal(t, []string{
		"root redeliver-dead-letter crm 2 done", "root discard-dead-letter crm 1 done", "root redeliver-dead-letter crm 3 undelivered",
	}, actions)
}

func TestWebhooksRefused(t *testing.T) {
	t.Parallel()
	s := newSystem(t, func(o *api.Options) { o.Webhooks = &fakeHooks{} })
	admin := s.user("root", auth.RoleAdmin, "")
	const path = "/api/v1/webhooks/"
	s.send("GET", path+"erp/dead-letters", admin, "").problem(http.StatusNotFound, "webhook_not_found")
	s.send("GET", path+"crm/dead-letters/1", admin, "").problem(http.StatusNotFound, "dead_letter_not_found")
	s.send("DELETE", path+"crm/dead-letters/1", admin, "").problem(http.StatusNotFound, "dead_letter_not_found")
	s.send("POST", path+"erp/dead-letters/1/redeliver", admin, "").problem(http.StatusNotFound, "webhook_not_found")
	s.send("GET", path+"crm/dead-letters/0", admin, "").problem(http.StatusUnprocessableEntity, "invalid_field")
	s.send("GET", path+"crm/dead-letters?limit=0", admin, "").problem(http.StatusUnprocessableEntity, "invalid_field")

	without := newSystem(t)
	admin = without.user("root", auth.RoleAdmin, "")
	for _, d := range doors() {
		if len(d.path) >= len(path)-1 && d.path[:len(path)-1] == path[:len(path)-1] {
			without.send(d.method, d.path, admin, d.body).problem(http.StatusNotFound, "not_found")
		}
	}
}
