//go:build e2e

package e2e_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/cti"
)

// guideDialect is that of the integration guide.
type guideDialect struct{}

func (guideDialect) address() (path, channels string) { return "/cometd", "/user/agent/events" }

func (guideDialect) command(d *deskDay, dn, operation, _, arg string) {
	d.t.Helper()
	user, method, path, body := dn, http.MethodPost, "/api/v2/me/calls/active/"+operation, any(nil)
	if arg != "" {
		body = map[string]string{"destination": arg}
	}
	switch operation {
	case "dial":
		path = "/api/v2/me/calls"
	case "hangup":
		method = http.MethodDelete
	case "consult-conference":
		path, body = "/api/v2/me/calls/active/consult", map[string]string{"destination": arg, "purpose": "conference"}
	case "drop":
		body = map[string]string{"member": arg}
	case "dtmf":
		body = map[string]string{"digits": arg}
	case "update-data":
		path, body = "/api/v2/me/calls/active/update-user-data", `{"userData": `+arg+`}`
	case "login", "logout", "ready", "not-ready":
		path = "/api/v2/me/" + operation
		if operation == "not-ready" {
			body = map[string]string{"reason": "lunch"}
		}
	case "listen", "listen-agent", "coach", "barge-in", "cancel": // the guide has no words for it
		guideSupervises(d, operation, arg)
		return
	}
	d.as(user, method, path, body).want(http.StatusOK)
}

func guideSupervises(d *deskDay, operation, target string) {
	d.t.Helper()
	switch operation {
	case "listen":
		d.as("boss", http.MethodPost, "/api/v1/monitors", map[string]string{"target": target, "next": "all"}).want(http.StatusCreated)
		return
	case "listen-agent":
		d.as("boss", http.MethodPost, "/api/v1/monitors", map[string]string{"target": target, "next": "all", "scope": "agent"}).want(http.StatusCreated)
		return
	}
	var list struct{ Monitors []supervision }
	d.as("boss", http.MethodGet, "/api/v1/monitors", nil).want(http.StatusOK).into(&list)
	require.Len(d.t, list.Monitors, 1)
	path := "/api/v1/monitors/" + list.Monitors[0].ID
	if operation == "cancel" {
		d.as("boss", http.MethodDelete, path, nil).want(http.StatusOK)
		return
	}
	mode := map[string]string{"coach": "coach", "barge-in": "connect"}[operation]
	d.as("boss", http.MethodPost, path+"/mode", map[string]string{"mode": mode}).want(http.StatusOK)
}

// lines are those of the feed's own events: an agent is told of the own DN, a supervisor of the team's.
func (guideDialect) lines(told []telling, agents bool) []string {
	var list []string
	liner := cti.Liner{}
	for _, t := range told {
		var e cti.Event
		if json.Unmarshal(t.Data, &e) != nil || e.Snapshot {
			continue
		}
		switch {
		case agents && e.DNState != nil:
			line := fmt.Sprintf("%s: %s", e.DN, e.Name)
			if e.Agent != nil {
				line = strings.TrimSpace(fmt.Sprintf("%s %s %s %s", line, e.Agent.State, e.Agent.WorkMode, e.Agent.Reason))
			}
			list = append(list, line)
		case !agents && e.DNState == nil:
			list = append(list, liner.Line(e))
		}
	}
	return list
}

// The cases of the reference in the dialect of the integration guide.
func TestGuideCases(t *testing.T) {
	t.Parallel()
	deskSteps(t, guideDialect{}, "guide_", append(cases(), deskStep{"mute_transfer", (*deskDay).transfersMute, false}))
}

// transfersMute is both steps of a transfer in one command: the agent does not talk to whom the call goes.
func (d *deskDay) transfersMute() {
	cust, agent := d.answered()
	d.agent("mute-transfer", "Established", "5002")
	b := incoming(d.t, d.second, secondTone)
	talk(d.t, cust, customerTone, b, secondTone)
	ended(d.t, agent)
	d.ends(cust, b)
}

// What the integration guide's page does, and what it must not be able to do.
func TestGuide(t *testing.T) {
	t.Parallel()
	s := newRunning(t, "")
	d := &day{system: s, t: t, first: s.agentPhone("5001", 0), customer: s.customerPhone()}
	s.inService("5001")
	var login struct {
		Token     string
		ExpiresIn int
		DN        string
	}
	s.as("", http.MethodPost, "/api/v2/login", map[string]string{"username": "5001", "password": s.passwords["5001"]}).want(http.StatusOK).into(&login)
	require.Equal(t, "5001", login.DN)
	require.Positive(t, login.ExpiresIn)
	s.tokens["5001"] = login.Token
	_, agent := d.connected()
	id := s.onlyCall("Established").ID
	s.as("5001", http.MethodPost, "/api/v2/me/calls/active/hold", nil).want(http.StatusOK)
	s.as("5001", http.MethodPost, "/api/v2/me/calls/active/hold", nil).want(http.StatusNotFound)
	require.Equal(t, http.StatusOK, s.basic("5001", http.MethodPost, "/api/v2/me/calls/active/retrieve", ""))

	s.as("5002", http.MethodPost, "/api/v2/me/calls/"+id+"/hold", nil).want(http.StatusNotFound)
	s.as("5002", http.MethodDelete, "/api/v2/me/calls/active/hangup", nil).want(http.StatusNotFound)
	s.as("", http.MethodDelete, "/api/v2/me/calls/active/hangup", nil).want(http.StatusUnauthorized)
	require.Equal(t, http.StatusUnauthorized, s.basicAs("5001", "guess", http.MethodDelete, "/api/v2/me/calls/active/hangup", ""))
	s.as("5001", http.MethodPost, "/api/v2/me/calls/active/dtmf", `{"digits": 5}`).want(http.StatusUnprocessableEntity)
	s.as("5001", http.MethodPost, "/api/v2/me/calls/active/dtmf", `{"digits": "5", "more": "`+strings.Repeat("5", 1<<20)+`"}`).want(http.StatusUnprocessableEntity)
	s.as("5001", http.MethodPost, "/api/v2/me/ready", `{"dn": "5002"}`).want(http.StatusForbidden)

	s.as("5001", http.MethodDelete, "/api/v2/me/calls/active/hangup", nil).want(http.StatusOK)
	ended(t, agent)
	s.as("5001", http.MethodPost, "/api/v2/logout", nil).want(http.StatusOK)
	s.as("5001", http.MethodGet, "/api/v2/me/calls/active", nil).want(http.StatusUnauthorized)
}

// basic gives a command with name and password, and no token.
func (s *system) basic(user, method, path, body string) int {
	s.t.Helper()
	return s.basicAs(user, s.passwords[user], method, path, body)
}

func (s *system) basicAs(user, password, method, path, body string) int {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, "http://"+s.http+path, strings.NewReader(body))
	require.NoError(s.t, err)
	req.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user+":"+password)))
	resp, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	require.NoError(s.t, resp.Body.Close())
	return resp.StatusCode
}
