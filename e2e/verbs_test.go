//go:build e2e

package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/phone"
)

// problem is an error as REST tells it.
type problem struct{ Code, Field, State, Detail string }

func (r reply) problem(status int) problem {
	r.t.Helper()
	var p problem
	r.want(status).into(&p)
	require.NotEmpty(r.t, p.Detail)
	return p
}

// Every command in the wrong state, for the wrong party, of the wrong user: a precise error, and the two who talk hear each
// other as before.
func TestWrongCommandsHarmNoCall(t *testing.T) {
	t.Parallel()
	s := newRunning(t, "calls: {user_data_headers: [X-Customer-Info]}\n")
	first, second, customer := s.agentPhone("5001", phone.RingOnly), s.agentPhone("5002", phone.RingOnly), s.customerPhone()
	s.inService("5001", "5002")
	cust, err := customer.Dial(soon(t), "8000", phone.WithHeader("X-Customer-Info", "Gold"))
	require.NoError(t, err)
	cust.SendTone(customerTone)
	a := incoming(t, first, agentTone)
	talk(t, cust, customerTone, a, agentTone)
	id := s.onlyCall("Established").ID
	path := "/api/v1/calls/" + id + "/"

	for verb, body := range map[string]string{
		"reject": "", "complete": "", "complete-transfer": "", "complete-conference": "", "alternate": "", "reconnect": "",
		"redirect": `{"to": "5002"}`, "drop": `{"member": "5002"}`, "merge": `{"call": "` + id + `"}`,
		"recording/stop": "", "recording/pause": "", "recording/resume": "",
	} {
		r := s.as("5001", http.MethodPost, path+verb, body)
		require.Contains(t, []int{http.StatusConflict, http.StatusUnprocessableEntity}, r.status, "%s: %s", verb, r.body)
		require.NotEmpty(t, r.problem(r.status).Code, verb)
	}
	for _, verb := range []string{"transfer", "conference", "consult", "mute-transfer"} {
		require.Equal(t, "to", s.as("5001", http.MethodPost, path+verb, `{"to": "+883123456"}`).problem(http.StatusUnprocessableEntity).Field, verb)
		require.Equal(t, "unreachable", s.as("5001", http.MethodPost, path+verb, `{"to": "5003"}`).problem(http.StatusConflict).Code, verb)
	}
	for _, verb := range []string{"answer", "hold", "release", "mute"} {
		require.Equal(t, "dn", s.as("5001", http.MethodPost, path+verb, `{"dn": "5002"}`).problem(http.StatusForbidden).Field, verb)
		s.as("5002", http.MethodPost, path+verb, `{}`).want(http.StatusNotFound)
		require.Equal(t, "dn", s.as("supervisor", http.MethodPost, path+verb, `{"dn": "5002"}`).problem(http.StatusUnprocessableEntity).Field, verb)
		s.as("5001", http.MethodPost, path+verb, `{"dn": 5001}`).want(http.StatusUnprocessableEntity)
	}
	require.Equal(t, "digits", s.as("5001", http.MethodPost, path+"dtmf", `{"digits": "12x"}`).problem(http.StatusUnprocessableEntity).Field)
	require.Equal(t, "userData.a", s.as("5001", http.MethodPost, path+"user-data", `{"userData": {"a": 1.5}}`).problem(http.StatusUnprocessableEntity).Field)
	big := `{"userData": {"a": "` + strings.Repeat("x", 70_000) + `"}}`
	s.as("5001", http.MethodPost, path+"user-data", big).want(http.StatusRequestEntityTooLarge)
	s.as("5001", http.MethodPost, "/api/v1/monitors", `{"target": "5002"}`).want(http.StatusForbidden)
	require.Equal(t, "target", s.as("supervisor", http.MethodPost, "/api/v1/monitors", `{"supervisor": "5003", "target": "5999"}`).problem(http.StatusForbidden).Field)
	require.Equal(t, "monitor_not_found", s.as("supervisor", http.MethodPost, "/api/v1/monitors/nothing/mode", `{"mode": "coach"}`).problem(http.StatusNotFound).Code)
	require.Equal(t, "monitor_not_found", s.as("supervisor", http.MethodDelete, "/api/v1/monitors/nothing", nil).problem(http.StatusNotFound).Code)
	for _, verb := range []string{"stop", "pause", "resume"} {
		require.Contains(t, s.as("5001", http.MethodPost, path+"recording/"+verb, nil).problem(http.StatusConflict).Detail, "it is not being recorded", verb)
	}
	require.Equal(t, "recording_off", s.as("5001", http.MethodPost, path+"recording/start", nil).problem(http.StatusConflict).Code)
	require.Equal(t, "callerId", s.as("5002", http.MethodPost, "/api/v1/calls", `{"from": "5002", "to": "030", "callerId": "+49666"}`).problem(http.StatusUnprocessableEntity).Field)

	talk(t, cust, customerTone, a, agentTone)
	require.Equal(t, id, s.onlyCall("Established").ID)
	require.Empty(t, second.Calls())
	require.NoError(t, cust.Hangup(soon(t)))
	ended(t, a)
	s.requireNoLeftovers()
}

// User data comes with a trunk's call, is changed by REST, and what a supervisor does to others is in the audit.
func TestUserDataAndAudit(t *testing.T) {
	t.Parallel()
	s := newRunning(t, "calls: {user_data_headers: [X-Customer-Info]}\n")
	first, customer := s.agentPhone("5001", phone.RingOnly), s.customerPhone()
	s.inService("5001")
	cust, err := customer.Dial(soon(t), "8000", phone.WithHeader("X-Customer-Info", "Gold, 100 %"))
	require.NoError(t, err)
	a := incoming(t, first, agentTone)
	path := "/api/v1/calls/" + s.onlyCall("Established").ID
	data := func() string {
		var c struct{ UserData map[string]any }
		s.as("5001", http.MethodGet, path, nil).want(http.StatusOK).into(&c)
		var out []string
		for _, key := range []string{"X-Customer-Info", "Note", "n"} {
			if v, ok := c.UserData[key]; ok {
				out = append(out, key+"="+fmt.Sprint(v))
			}
		}
		return strings.Join(out, "; ")
	}
	require.Equal(t, "X-Customer-Info=Gold, 100 %", data())
	s.as("5001", http.MethodPost, path+"/user-data", `{"userData": {"Note": "a", "n": 2}}`).want(http.StatusOK)
	s.as("5001", http.MethodPatch, path+"/user-data", `{"userData": {"X-Customer-Info": "Silver"}}`).want(http.StatusOK)
	require.Equal(t, "X-Customer-Info=Silver; Note=a; n=2", data())
	s.as("5001", http.MethodDelete, path+"/user-data?key=Note", nil).want(http.StatusOK)
	require.Equal(t, "X-Customer-Info=Silver; n=2", data())

	s.as("supervisor", http.MethodPost, path+"/hangup", nil).want(http.StatusOK)
	ended(t, a)
	ended(t, cust)
	var audit struct {
		Entries []struct{ User, Action, Subject string }
	}
	s.eventually("the audit has what was done for another", func() bool {
		s.as("supervisor", http.MethodGet, "/api/v1/audit", nil).want(http.StatusOK).into(&audit)
		return len(audit.Entries) > 0
	})
	require.Len(t, audit.Entries, 1)
	require.Equal(t, []string{"supervisor", "hangup"}, []string{audit.Entries[0].User, audit.Entries[0].Action})
	s.as("5001", http.MethodGet, "/api/v1/audit", nil).want(http.StatusForbidden)
	s.requireNoLeftovers()
}
