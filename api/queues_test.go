package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/api"
	"sidecar/auth"
	"sidecar/bridge"
	"sidecar/queue"
)

// fakeQueues has one queue, with one call.
type fakeQueues struct {
	view   queue.View
	call   queue.CallView
	decide func(name string, d queue.Decision) error
}

func (f *fakeQueues) All() []queue.View { return []queue.View{f.view} }

func (f *fakeQueues) View(name string) (queue.View, error) {
	if name != f.view.Name {
		return queue.View{}, queue.ErrUnknownQueue
	}
	return f.view, nil
}

func (f *fakeQueues) Calls(name string) ([]queue.CallView, error) {
	if name != f.view.Name {
		return nil, queue.ErrUnknownQueue
	}
	return []queue.CallView{f.call}, nil
}

func (f *fakeQueues) Decide(_ context.Context, name string, d queue.Decision) error {
	d = plain(d)
	return f.decide(name, d)
}

func withQueues(t *testing.T) (*system, *fakeQueues) {
	t.Helper()
	q := &fakeQueues{
		view: queue.View{
			Name: "sales", Number: "6000", External: true, Open: true, Waiting: 2, Longest: 90 * time.Second, Callbacks: 3, LoggedIn: 4, Ready: 1,
			Today:  queue.Figures{Entered: 9, Answered: 4, InTime: 3, Abandoned: 1, Waited: time.Minute, Longest: 30 * time.Second},
			Recent: queue.Figures{Entered: 2},
		},
		call: queue.CallView{
			Call: call("C", bridge.PartyEstablished), Since: time.UnixMilli(1700000000123), Position: 2, Priority: 5, Offered: "5001",
			Last: "5002", Failed: fmt.Errorf("5002: %w", bridge.ErrNoAnswer), DecideBy: time.UnixMilli(1700000010123),
		},
	}
	return newSystem(t, func(o *api.Options) { o.Queues = q }), q
}

func TestQueues(t *testing.T) {
	t.Parallel()
	s, _ := withQueues(t)
	agent, boss := s.user("5001", auth.RoleAgent, "", "5001"), s.user("boss", auth.RoleSupervisor, "")
	const counts = `"name": "sales", "number": "6000", "routing": "external", "open": true, "waiting": 2, "longestWait": 90,
		"callbacks": 3, "agentsLoggedIn": 4, "agentsReady": 1`
	a := s.send("GET", "/api/v1/queues/sales", agent, "")
	require.Equal(t, http.StatusOK, a.status)
	require.JSONEq(t, "{"+counts+"}", a.body, "agents see counts only")
	require.JSONEq(t, `{"queues": [{`+counts+`}]}`, s.send("GET", "/api/v1/queues", agent, "").body)
	a = s.send("GET", "/api/v1/queues", boss, "")
	require.JSONEq(t, `{"queues": [{`+counts+`,
		"today": {"entered": 9, "answered": 4, "answeredInTime": 3, "abandoned": 1, "overflowed": 0, "routed": 0, "closed": 0, "callbacks": 0,
			"ended": 0, "calledBack": 0, "serviceLevel": 0.6, "averageWait": 15, "longestWait": 30},
		"last30Minutes": {"entered": 2, "answered": 0, "answeredInTime": 0, "abandoned": 0, "overflowed": 0, "routed": 0, "closed": 0,
			"callbacks": 0, "ended": 0, "calledBack": 0, "serviceLevel": 1, "averageWait": 0, "longestWait": 0}}]}`, a.body)
	p := s.send("GET", "/api/v1/queues/support", boss, "").problem(http.StatusNotFound, "queue_not_found")
	require.Equal(t, "name", p.Field)
}

func TestQueuedCalls(t *testing.T) {
	t.Parallel()
	s, _ := withQueues(t)
	s.send("GET", "/api/v1/queues/sales/calls", s.user("5001", auth.RoleAgent, "", "5001"), "").problem(http.StatusForbidden, "forbidden")
	boss := s.user("boss", auth.RoleSupervisor, "")
	a := s.send("GET", "/api/v1/queues/sales/calls", boss, "")
	require.Equal(t, http.StatusOK, a.status, a.body)
	var list api.QueuedCallList
	require.NoError(t, json.Unmarshal([]byte(a.body), &list))
	require.Len(t, list.Calls, 1)
	require.Equal(t, "C", list.Calls[0].Call.ID)
	list.Calls[0].Call = api.Call{}
	require.Equal(t, api.QueuedCall{
		Since: "2023-11-14T22:13:20.123Z", Position: 2, Priority: 5, OfferedTo: "5001", LastOffer: "5002", Failure: "no_answer",
		DecideBy: "2023-11-14T22:13:30.123Z",
	}, list.Calls[0])
	s.send("GET", "/api/v1/queues/support/calls", boss, "").problem(http.StatusNotFound, "queue_not_found")
}

func TestRouteAQueuedCall(t *testing.T) {
	t.Parallel()
	s, q := withQueues(t)
	boss := s.user("boss", auth.RoleSupervisor, "")
	var got []queue.Decision
	q.decide = func(name string, d queue.Decision) error {
		require.Equal(t, "sales", name)
		got = append(got, d)
		return nil
	}
	const path = "/api/v1/queues/sales/calls/C/route"
	a := s.send("POST", path, boss, `{"dn": "5002", "timeout": 7}`, "Operation-Id", "op1")
	require.Equal(t, http.StatusNoContent, a.status, a.body)
	a = s.send("POST", path, boss, `{"to": "+4930123"}`)
	require.Equal(t, http.StatusNoContent, a.status, a.body)
	require.Equal(t, []queue.Decision{
		{Call: "C", DN: "5002", Timeout: 7 * time.Second, Class: "wide", Op: "op1"}, {Call: "C", To: "+4930123", Class: "wide"},
	}, got)
	require.Len(t, s.audit.entries, 2)
	require.Equal(t, "route-queued-call", s.audit.entries[0].Action)
	require.Equal(t, map[string]string{"queue": "sales", "dn": "5002", "result": "done"}, s.audit.entries[0].Detail)
}

func TestRouteAQueuedCallIsRefused(t *testing.T) {
	t.Parallel()
	s, q := withQueues(t)
	q.decide = func(string, queue.Decision) error {
		t.Error("nothing may be decided")
		return nil
	}
	boss := s.user("boss", auth.RoleSupervisor, "")
	lead := s.user("lead", auth.RoleSupervisor, "blue")
	const path = "/api/v1/queues/sales/calls/C/route"
	for name, tc := range map[string]struct {
		token, body string
		status      int
		code, field string
	}{
		"agent":         {s.user("5001", auth.RoleAgent, "", "5001"), `{"dn": "5001"}`, 403, "forbidden", ""},
		"nothing":       {boss, `{}`, 422, "invalid_field", "dn"},
		"both":          {boss, `{"dn": "5001", "to": "5002"}`, 422, "invalid_field", "dn"},
		"timeout":       {boss, `{"to": "5002", "timeout": 5}`, 422, "invalid_field", "timeout"},
		"long timeout":  {boss, `{"dn": "5001", "timeout": 301}`, 422, "invalid_field", "timeout"},
		"no number":     {boss, `{"to": "5002;x"}`, 422, "invalid_field", "to"},
		"unknown DN":    {boss, `{"dn": "6999"}`, 422, "unknown_dn", "dn"},
		"another team":  {lead, `{"dn": "5002"}`, 403, "forbidden", "dn"},
		"unknown field": {boss, `{"dn": "5001", "agent": "x"}`, 422, "invalid_field", "agent"},
	} {
		p := s.send("POST", path, tc.token, tc.body).problem(tc.status, tc.code)
		require.Equal(t, tc.field, p.Field, name)
	}
	for name, tc := range map[string]struct {
		err    error
		status int
		code   string
	}{
		"no such queue": {queue.ErrUnknownQueue, 404, "queue_not_found"},
		"not there":     {fmt.Errorf("%w: %w", queue.ErrNotHere, bridge.ErrNotWaiting), 404, "not_waiting"},
		"being offered": {queue.ErrBeingOffered, 409, "being_offered"},
		"busy":          {fmt.Errorf("5001: %w", bridge.ErrBusy), 409, "busy"},
		"not allowed":   {&bridge.TargetError{Number: "0900", Rule: "deny", Why: "x"}, 422, "impossible_number"},
	} {
		q.decide = func(string, queue.Decision) error { return tc.err }
		s.send("POST", path, boss, `{"to": "5002"}`).problem(tc.status, tc.code)
		require.Equal(t, tc.code, s.audit.entries[len(s.audit.entries)-1].Detail["result"], name)
	}
}
