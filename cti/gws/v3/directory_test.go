package v3_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/auth"
	"sidecar/cti/gws/v3"
)

// get asks and gives the list of that name in the data, and the members of each that are named.
func (d *desk) list(path, name, member string) (values []any) {
	d.t.Helper()
	status, reply := d.send(http.MethodGet, path, "")
	require.Equal(d.t, http.StatusOK, status, "%s: %v", path, reply)
	data, _ := reply["data"].(map[string]any)
	list, ok := data[name].([]any)
	require.True(d.t, ok, "%s: %v", path, reply)
	for _, one := range list {
		values = append(values, one.(map[string]any)[member])
	}
	return values
}

// must asks and gives the data as text.
func (d *desk) must(path string) string {
	d.t.Helper()
	status, reply := d.send(http.MethodGet, path, "")
	require.Equal(d.t, http.StatusOK, status, "%s: %v", path, reply)
	text, err := json.Marshal(reply["data"])
	require.NoError(d.t, err)
	return string(text)
}

// Every parameter of the search for targets.
func TestTargets(t *testing.T) {
	t.Parallel()
	d := newRig(t).join("boss")
	for path, want := range map[string][]any{
		"/targets":                                            {"Anna Blum", "ben", "boss", "east", "sales", "west"},
		"/targets?types=agent":                                {"Anna Blum", "ben", "boss"},
		"/targets?types=agent-group":                          {"east", "west"},
		"/targets?types=route-point":                          {"sales"},
		"/targets?types=acd-queue":                            {"sales"},
		"/targets?types=agent,agent-group":                    {"Anna Blum", "ben", "boss", "east", "west"},
		"/targets?types=skill,custom-contact":                 nil,
		"/targets?searchTerm=ANNA":                            {"Anna Blum"},
		"/targets?searchTerm=500&types=agent":                 {"Anna Blum", "ben", "boss"},
		"/targets?searchTerm=an&matchType=exact":              nil,
		"/targets?searchTerm=anna&matchType=exact":            {"Anna Blum"},
		"/targets?searchTerm=8100":                            {"sales"},
		"/targets?searchTerm=blum&filterName=firstName":       nil,
		"/targets?searchTerm=anna&filterName=firstName":       {"Anna Blum"},
		"/targets?types=agent&sort=desc":                      {"boss", "ben", "Anna Blum"},
		"/targets?types=agent&limit=1":                        {"Anna Blum"},
		"/targets?types=agent&limit=0":                        nil,
		"/targets?types=agent&restrictToGroup=east":           {"Anna Blum"},
		"/targets?types=agent-group&restrictGroup=east,north": {"east"},
		"/targets?types=AGENT_GROUP&excludeGroup=east":        {"west"},
		"/targets?types=agent&excludeFromGroup=east":          {"ben", "boss"},
		"/targets?restrictToGroup=east,west":                  {"Anna Blum", "ben"},
		"/targets?types=agent&excludeFromGroup=east,west":     {"boss"},
		"/targets/ROUTE_POINT/sales":                          {"sales"},
		"/targets?types=queue":                                {"sales"},
		"/targets/agent/ben":                                  {"ben"},
		"/targets/agent/2":                                    {"ben"},
		"/targets/route-point/8100":                           {"sales"},
	} {
		require.Equal(t, want, d.list(path, "targets", "name"), path)
	}
	for _, path := range []string{"/users?searchTerm=nobody", "/targets/recents", "/targets/personal-favorites"} {
		name := "targets"
		if strings.HasPrefix(path, "/users") {
			name = "users"
		}
		require.Empty(t, d.list(path, name, "name"), "a list, not null")
	}
	for _, path := range []string{"/targets/agent/nobody", "/targets/skill/x", "/targets/agent/%2e%2e"} {
		status, reply := d.send(http.MethodGet, path, "")
		require.Equal(t, http.StatusInternalServerError, status, path)
		require.Equal(t, "Resource not found", message(reply))
	}
	for _, path := range []string{"/targets?limit=x", "/targets?limit=-1", "/users?offset=1.5"} {
		status, _ := d.send(http.MethodGet, path, "")
		require.Equal(t, http.StatusBadRequest, status, path)
	}
}

// Who may call an agent sees the number; how the agent is, only who supervises.
func TestAvailability(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ben, boss := r.join("ben"), r.join("boss")
	r.join("anna").send(http.MethodPost, "/activate-channels", `{"data": {"dn": "5001"}}`)
	anna := func(d *desk) map[string]any {
		_, reply := d.send(http.MethodGet, "/targets/agent/anna", "")
		data, _ := reply["data"].(map[string]any)
		list, _ := data["targets"].([]any)
		require.Len(t, list, 1)
		return list[0].(map[string]any)
	}
	seen := anna(ben)
	require.Equal(t, []any{"5001", "Anna", "Blum", "anna", "anna", float64(1), "agent", "sidecar"}, []any{
		seen["number"], seen["firstName"], seen["lastName"], seen["employeeId"], seen["userName"], seen["DBID"], seen["type"], seen["switchName"],
	})
	require.NotContains(t, seen, "availability")
	require.Equal(t, []any{false, false}, []any{seen["isMonitorable"], seen["isMonitored"]})
	seen = anna(boss)
	require.Equal(t, true, seen["isMonitorable"])
	availability, _ := seen["availability"].(map[string]any)
	channels, _ := availability["channels"].([]any)
	require.Len(t, channels, 1)
	channel, _ := channels[0].(map[string]any)
	require.Equal(t, []any{"voice", "Idle", false, "5001", "sidecar"}, []any{
		channel["name"], channel["activity"], channel["available"], channel["phoneNumber"], channel["switchName"],
	})
	state, _ := channel["userState"].(map[string]any)
	require.Equal(t, []any{"NotReady", "AuxWork"}, []any{state["state"], state["workMode"]})
	require.Contains(t, channel, "timeInCurrentState")
	_, reply := boss.send(http.MethodGet, "/targets/agent/boss", "")
	data, _ := reply["data"].(map[string]any)
	himself, _ := data["targets"].([]any)[0].(map[string]any)
	require.Equal(t, false, himself["isMonitorable"], "nobody supervises himself")
	require.Equal(t, []any{nil}, ben.list("/targets?types=agent-group&restrictGroup=east", "targets", "availability"), "another team's")

	require.Equal(t, []any{"anna", "ben", "boss"}, boss.list("/users", "users", "userName"))
	require.Equal(t, []any{"anna"}, boss.list("/users?states=NotReady", "users", "userName"))
	require.Equal(t, []any{"ben"}, boss.list("/users?offset=1&limit=1", "users", "userName"))
	require.Equal(t, []any{"anna"}, boss.list("/users?groupId=east", "users", "userName"))
	require.Equal(t, []any{"ben"}, boss.list("/users?searchTerm=be", "users", "userName"))
	require.Equal(t, []any{"ben"}, ben.list("/users", "users", "userName"), "himself")
}

// The statistics of a session: asked for, looked at by one or several ids, pushed, and put away.
func TestReporting(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d, other := r.join("boss"), r.join("ben")
	status, reply := d.send(http.MethodPost, "/reporting/subscriptions", `{"operationId": "op", "data": {"statistics": [
		{"objectId": "anna", "objectType": "Agent", "name": "ReadyDuration"}, {"objectId": "5002", "objectType": "Agent", "name": "InboundCalls"},
		{"objectId": "1", "objectType": "Agent", "name": "AverageHandlingTime"}, {"objectId": "sales", "objectType": "Queue", "name": "CallsWaiting"},
		{"objectId": "8100", "objectType": "Queue", "name": "ReadyAgents"}]}}`)
	require.Equal(t, http.StatusOK, status, reply)
	data, _ := reply["data"].(map[string]any)
	id, _ := data["subscriptionId"].(string)
	require.NotEmpty(t, id)
	require.Equal(t, "op", reply["operationId"])
	stats, _ := data["statistics"].([]any)
	require.Len(t, stats, 5)
	waiting, _ := stats[3].(map[string]any)
	value, _ := waiting["value"].(map[string]any)
	require.Equal(t, []any{"4", "sales", "Queue", "CallsWaiting", float64(3), "3"}, []any{
		waiting["statisticId"], waiting["objectId"], waiting["objectType"], waiting["name"], value["intValue"], value["stringValue"],
	})
	require.NotZero(t, waiting["timestamp"])

	status, reply = d.send(http.MethodGet, "/reporting/subscriptions/"+id, "")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, reply["data"], "statistics")
	require.Equal(t, []any{id}, d.list("/reporting/subscriptions?ids="+id, "subscriptions", "subscriptionId"))
	status, _ = d.send(http.MethodGet, "/reporting/subscriptions?ids="+id+",x", "")
	require.Equal(t, http.StatusInternalServerError, status)
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		status, reply = other.send(method, "/reporting/subscriptions/"+id, "")
		require.Equal(t, http.StatusInternalServerError, status, "another's is as unknown as none")
		require.Contains(t, message(reply), id)
	}
	status, _ = other.send(http.MethodPost, "/reporting/subscriptions", `{"data": {"statistics": [{"objectId": "anna", "name": "TalkDuration"}]}}`)
	require.Equal(t, http.StatusInternalServerError, status)
	for _, body := range []string{`{"data": {"statistics": [{"objectId": "anna", "name": "Moods"}]}}`, `{"data": {"statistics": [{"objectId": "sales", "name": "Moods"}]}}`} {
		status, _ = d.send(http.MethodPost, "/reporting/subscriptions", body)
		require.Equal(t, http.StatusInternalServerError, status, body)
	}
	status, _ = d.send(http.MethodDelete, "/reporting/subscriptions/"+id, "")
	require.Equal(t, http.StatusOK, status)
	status, _ = d.send(http.MethodGet, "/reporting/subscriptions/"+id, "")
	require.Equal(t, http.StatusInternalServerError, status)
}

// Figures are pushed to the user who follows them, and only when they have changed.
func TestPushedFigures(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, quiet{}, func(o *v3.Options) { o.Refresh = 10 * time.Millisecond })
	follow := func(d *desk, object string) {
		t.Helper()
		status, reply := d.send(http.MethodPost, "/reporting/subscriptions", `{"data": {"statistics": [{"objectId": "`+object+`", "name": "InboundCalls"}]}}`)
		require.Equal(t, http.StatusOK, status, reply)
		data, _ := reply["data"].(map[string]any)
		require.Equal(t, data["subscriptionId"], d.next(v3.ChannelStatistics, "StatisticsUpdated")["subscriptionId"])
	}
	boss, ben := r.join("boss"), r.join("ben")
	for _, d := range []*desk{boss, ben} {
		require.Equal(t, true, d.bayeux(map[string]any{"channel": "/meta/subscribe", "subscription": v3.ChannelStatistics})[0]["successful"])
	}
	follow(boss, "5001")
	follow(ben, "5002")
	follow(ben, "5002") // by now boss has been looked at again
	for _, m := range boss.bayeux(map[string]any{"channel": "/meta/connect", "connectionType": "long-polling", "advice": map[string]any{"timeout": 0}}) {
		require.NotEqual(t, v3.ChannelStatistics, m["channel"])
	}
}

// Session endpoints besides the voice channel's.
func TestSessionPaths(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.join("anna")
	for _, path := range []string{"/media/activate", "/media/deactivate"} {
		status, reply := d.send(http.MethodPost, path, `{"data": {"channels": ["chat"]}}`)
		require.Equal(t, http.StatusOK, status)
		require.InDelta(t, 2, code(reply), 0, "there is no other channel than voice")
	}
	status, _ := d.send(http.MethodPost, "/voice/activate", `{"data": {"placeName": "5001", "agentId": "anna", "agentWorkMode": "ManualIn", "queueName": "x"}}`)
	require.Equal(t, http.StatusOK, status)
	for path, want := range map[string]int{
		"/current-session": 200, "/userinfo": 200, "/configuration": 200, "/configuration/business-attribute/1": 200, "/configuration/business-attribute/9": 500,
		"/configuration/places/5001/dns?placeStatus=true": 200, "/configuration/places/5002/dns": 500, "/version": 200, "/info": 200, "/auth-keep-alive": 200,
		"/voice/calls": 200, "/targets/recents": 200, "/targets/personal-favorites": 200,
	} {
		got, reply := d.send(http.MethodGet, path, "")
		require.Equal(t, want, got, "%s: %v", path, reply)
	}
	_, reply := d.send(http.MethodGet, "/current-session", "")
	data, _ := reply["data"].(map[string]any)
	user, _ := data["user"].(map[string]any)
	active, _ := user["activeSession"].(map[string]any)
	dn, _ := active["dn"].(map[string]any)
	require.Equal(t, []any{"5001", "anna", "NotReady", "5001", true, false}, []any{
		dn["number"], dn["agentId"], dn["agentState"], active["currentPlace"], active["autoCompleteCall"], active["agentReserved"],
	})
	for _, name := range []string{"calls", "media", "services"} {
		require.Contains(t, active, name)
	}
	for _, name := range []string{"dbid", "firstName", "lastName", "userName", "employeeId", "agentLogin", "defaultPlace", "userProperties"} {
		require.Contains(t, user, name)
	}
	for _, name := range []string{"actionCodes", "agentGroups", "settings", "workspaceTransactions", "businessAttributes"} {
		_, reply = d.send(http.MethodGet, "/configuration?types="+name, "")
		part, _ := reply["data"].(map[string]any)
		require.Contains(t, part, name)
		require.LessOrEqual(t, len(part), 2, "%s and what belongs to it: %v", name, part)
	}
	for body, want := range map[string]int{
		`{"data": {"dn": "5001", "dynamicPhoneNumber": "030"}}`:   400,
		`{"data": {"dn": "5002"}}`:                                403,
		`{"data": {"dn": "5001", "agentId": "ben"}}`:              400,
		`{"data": {"dn": "5001", "agentId": "5001"}}`:             200,
		`{"data": {"dn": "5001", "agentWorkMode": "Sleeping"}}`:   400,
		`{"data": {"dn": "5001", "channels": ["chat"]}}`:          200,
		`{"data": {"dn": "5001", "channels": ["voice", "chat"]}}`: 200,
		`{"data": {"dn": "5001", "agentWorkMode": "AutoIn"}}`:     200,
		`{"data": {"placeName": "5001", "dn": "5001"}}`:           200,
		`{"data": {"placeName": "nowhere"}}`:                      403,
		`{"data": {"channels": ["voice"], "agentId": "5001"}}`:    400,
	} {
		got, reply := d.send(http.MethodPost, "/activate-channels", body)
		require.Equal(t, want, got, "%s: %v", body, reply)
	}
	got, _ := d.send(http.MethodPost, "/activate-channels", `{"data": {"dn": "5003", "agentWorkMode": "Sleeping"}}`)
	require.Equal(t, http.StatusBadRequest, got)
	require.Contains(t, d.must("/current-session"), `"currentPlace":"5001"`, "what failed has changed nothing")
	status, _ = d.send(http.MethodPost, "/voice/deactivate", `{}`)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "LoggedOut", d.state("5001"))
	status, _ = d.send(http.MethodGet, "/voice/calls", "")
	require.Equal(t, http.StatusConflict, status)
}

// folk are the users of the rig.
func folk() []auth.User {
	return []auth.User{
		{ID: 1, Name: "anna", DisplayName: "Anna Blum", DNs: []string{"5001"}, Team: "east"},
		{ID: 2, Name: "ben", DNs: []string{"5002"}, Team: "west"},
		{ID: 3, Name: "boss", DNs: []string{"5003"}},
		{ID: 4, Name: "anna who left", DNs: []string{"5001"}, Disabled: true},
	}
}
