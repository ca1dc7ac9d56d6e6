//go:build e2e

package e2e_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/cti/gws/v2"
)

// v2Dialect is that of GWS 8.5.
type v2Dialect struct{}

func (v2Dialect) address() (path, channels string) {
	return "/api/v2/notifications", strings.Join([]string{v2.ChannelCalls, v2.ChannelDevices, v2.ChannelMe}, ",")
}

func (v2Dialect) command(d *deskDay, dn, operation, state, arg string) {
	d.t.Helper()
	user := map[string]string{"5003": "boss"}[dn]
	if user == "" {
		user = dn
	}
	device := "/api/v2/me/devices/" + v2.DeviceID(dn)
	post := func(path, operation string, members object) {
		d.t.Helper()
		body := object{"operationName": operation}
		maps.Copy(body, members)
		var reply struct{ StatusCode int }
		d.as(user, http.MethodPost, path, body).want(http.StatusOK).into(&reply)
		require.Zero(d.t, reply.StatusCode)
	}
	to := object{"destination": object{"phoneNumber": arg}}
	switch operation {
	case "dial":
		post(device+"/calls", "Dial", to)
	case "login":
		post("/api/v2/me", "StartContactCenterSession", object{"channels": []string{"voice"}})
	case "logout":
		post("/api/v2/me", "EndContactCenterSession", nil)
	case "ready":
		post("/api/v2/me/channels/voice", "Ready", nil)
	case "not-ready":
		post("/api/v2/me/channels/voice", "NotReady_lunch", nil)
	case "listen":
		post(device, "ListenIn", object{"phoneNumber": arg})
	case "listen-agent":
		post(device, "ListenIn", object{"phoneNumber": arg, "supervisorMonitoringScope": "Agent", "supervisorMonitoringMode": "AllCalls"})
	case "coach":
		post(device, "Coach", object{"targetDeviceUri": "/api/v2/devices/" + v2.DeviceID(arg)})
	case "barge-in":
		post(device, "BargeIn", object{"phoneNumber": arg})
	case "cancel":
		post(device, "CancelSupervisorMonitoring", nil)
	default:
		post("/api/v2/me/calls/"+d.mine(dn, state), v2Operation(operation), v2Members(operation, arg, to))
	}
}

func v2Operation(operation string) string {
	return map[string]string{
		"hangup": "Hangup", "hold": "Hold", "retrieve": "Retrieve", "transfer": "SingleStepTransfer", "conference": "SingleStepConference",
		"consult": "InitiateTransfer", "consult-conference": "InitiateConference", "complete-transfer": "CompleteTransfer",
		"complete-conference": "CompleteConference", "alternate": "SwapCalls", "reconnect": "Reconnect", "redirect": "Redirect",
		"drop": "RemoveParticipantFromConference", "dtmf": "SendDtmf", "update-data": "UpdateUserData",
	}[operation]
}

func v2Members(operation, arg string, to object) object {
	switch operation {
	case "dtmf":
		return object{"digits": arg}
	case "drop":
		return object{"participant": object{"phoneNumber": arg}}
	case "update-data":
		return object{"userData": json.RawMessage(arg)}
	}
	if arg == "" {
		return nil
	}
	return to
}

// v2Message is a notification as far as the tests look at it.
type v2Message struct {
	MessageType, NotificationType, PhoneNumber, ErrorMessage string
	Call                                                     *struct {
		ID, ConnID, PreviousConnID, State, CallType, ParentCallURI string
		Participants                                               []struct{ PhoneNumber string }
		SupervisorListeningIn, Monitoring                          bool
	}
	Devices []struct {
		PhoneNumber, DeviceState, DoNotDisturb string
		UserState                              struct{ State, DisplayName, WorkMode string }
		SupervisorMonitoringState              *struct{ State, Mode, Scope string }
	}
}

// lines number the calls by the first appearance of their ConnIDs.
func (v2Dialect) lines(told []telling, agents bool) []string {
	numbers := map[string]int{}
	number := func(id string) int {
		if numbers[id] == 0 {
			numbers[id] = len(numbers) + 1
		}
		return numbers[id]
	}
	var list []string
	for _, t := range told {
		var m v2Message
		if json.Unmarshal(t.Data, &m) != nil || (t.Channel == v2.ChannelDevices) != agents {
			continue
		}
		line := m.MessageType + " " + m.ErrorMessage
		if c := m.Call; c != nil {
			line = fmt.Sprintf("%s: %s %s(%d) %s", m.PhoneNumber, m.NotificationType, c.State, number(c.ConnID), c.CallType)
			if c.PreviousConnID != "" {
				line += fmt.Sprintf(" previousConnId=%d", number(c.PreviousConnID))
			}
			for _, p := range c.Participants {
				line += " " + p.PhoneNumber
			}
			if c.SupervisorListeningIn {
				line += " supervised"
			}
			if c.Monitoring {
				line += " monitoring"
			}
		}
		for _, v := range m.Devices {
			line = strings.TrimSpace(fmt.Sprintf("%s: %s, %s %s", v.PhoneNumber, v.DeviceState, v.UserState.DisplayName, v.UserState.WorkMode))
			if m := v.SupervisorMonitoringState; m != nil {
				line += fmt.Sprintf(", %s %s %s", m.Mode, m.Scope, m.State)
			}
		}
		list = append(list, line)
	}
	return list
}

// The cases of the reference in the dialect of GWS 8.5.
func TestV2Cases(t *testing.T) {
	t.Parallel()
	deskSteps(t, v2Dialect{}, "v2_", cases())
}

// A supervisor's operations, by what the own device shows, and what is refused.
func TestV2Supervises(t *testing.T) {
	t.Parallel()
	deskSteps(t, v2Dialect{}, "v2_", []deskStep{{"supervising", (*deskDay).supervises, true}})
}

func (d *deskDay) supervises() {
	own, target := "/api/v2/me/devices/"+v2.DeviceID("5003"), v2.DeviceID("5001")
	refused := func(user, path, body string, status, code int) {
		d.t.Helper()
		var reply struct {
			StatusCode    int
			StatusMessage string
		}
		d.as(user, http.MethodPost, path, `{"operationName": `+body+`}`).want(status).into(&reply)
		require.Equal(d.t, code, reply.StatusCode, body)
		require.NotEmpty(d.t, reply.StatusMessage)
	}
	for _, operation := range []string{"ListenIn", "Coach", "BargeIn", "CancelSupervisorMonitoring"} {
		refused("5001", "/api/v2/me/devices/"+target, `"`+operation+`", "phoneNumber": "5002"`, http.StatusForbidden, 5)
		refused("boss", "/api/v2/me/devices/"+target, `"`+operation+`", "phoneNumber": "5002"`, http.StatusNotFound, 6)
	}
	refused("boss", own, `"ListenIn"`, http.StatusBadRequest, 1)
	refused("boss", own, `"ListenIn", "phoneNumber": "5009"`, http.StatusForbidden, 5)
	refused("boss", own, `"BargeIn", "targetDeviceUri": "/api/v2/devices/`+v2.DeviceID("5009")+`"`, http.StatusNotFound, 6)
	refused("boss", own, `"ListenIn", "phoneNumber": "5001", "supervisorMonitoringScope": "All"`, http.StatusBadRequest, 10)
	refused("boss", own, `"ListenIn", "phoneNumber": "5001", "supervisorMonitoringMode": "Always"`, http.StatusBadRequest, 10)
	refused("boss", own, `"ListenIn", "phoneNumber": "5003"`, http.StatusBadRequest, 10)
	refused("boss", own, `"CancelSupervisorMonitoring"`, http.StatusNotFound, 6)
	shows := func(state string, can ...string) {
		d.t.Helper()
		var reply struct {
			Device struct {
				Capabilities              []string
				SupervisorMonitoringState *struct{ State, Mode, Scope, TargetDeviceURI string }
			}
		}
		d.eventually("the device shows "+state, func() bool {
			d.as("boss", http.MethodGet, own, nil).want(http.StatusOK).into(&reply)
			m := reply.Device.SupervisorMonitoringState
			return m == nil && state == "" || m != nil && m.State+" "+m.Mode+" "+m.Scope == state && strings.HasSuffix(m.TargetDeviceURI, target)
		})
		require.Subset(d.t, reply.Device.Capabilities, append([]string{"ListenIn", "Coach", "BargeIn"}, can...))
	}

	shows("")
	d.of.command(d, "5003", "listen", "", "5001")
	shows("Waiting ListenIn Call", "CancelSupervisorMonitoring")
	cust, agent := d.answered()
	ear := incoming(d.t, d.third, supervisorTone)
	require.NoError(d.t, ear.WaitTone(soon(d.t), customerTone))
	shows("Active ListenIn Call", "CancelSupervisorMonitoring")
	d.of.command(d, "5003", "barge-in", "", "5001")
	require.NoError(d.t, cust.WaitTone(soon(d.t), supervisorTone))
	shows("Active BargeIn Call", "CancelSupervisorMonitoring")
	d.of.command(d, "5003", "coach", "", "5001")
	require.NoError(d.t, cust.WaitNoTone(soon(d.t), supervisorTone))
	require.NoError(d.t, agent.WaitTone(soon(d.t), supervisorTone))
	shows("Active Coach Call", "CancelSupervisorMonitoring")
	d.of.command(d, "5003", "cancel", "", "5001")
	ended(d.t, ear)
	shows("")
	refused("boss", own, `"CancelSupervisorMonitoring"`, http.StatusNotFound, 6)
	d.ends(cust, agent)
}

// What Workspace Web Edition 8.5.202 asks at its start, in its order: with a password once, then with the cookie.
func TestV2Start(t *testing.T) {
	t.Parallel()
	s := newRunning(t, "agents: {reasons: [lunch]}\n")
	s.agentPhone("5001", 0)
	s.inService("5001")
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	client := &http.Client{Jar: jar}
	ask := func(method, path, body string, password string) (status int, reply object) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.http+path, strings.NewReader(body))
		require.NoError(t, err)
		if password != "" {
			req.SetBasicAuth("5001", password)
		}
		resp, err := client.Do(req)
		require.NoError(t, err)
		require.NoError(t, json.NewDecoder(resp.Body).Decode(&reply))
		require.NoError(t, resp.Body.Close())
		return resp.StatusCode, reply
	}
	const first = "/api/v2/me?subresources=features,devices,channels"
	for _, password := range []string{"", "guess"} {
		status, reply := ask(http.MethodGet, first, "", password)
		require.Equal(t, http.StatusForbidden, status)
		require.EqualValues(t, 20, reply["statusCode"])
	}
	status, me := ask(http.MethodGet, first, "", s.passwords["5001"])
	require.Equal(t, http.StatusOK, status)
	id, _ := me["user"].(object)["id"].(string)
	device := v2.DeviceID("5001")
	desk := (*agentDesk)(nil)
	for _, step := range []struct{ method, path, body string }{
		{"GET", "/internal-api/me/settings?fields=*", ""},
		{"GET", "/api/v2/services?fields=*", ""},
		{"GET", "/api/v2/me/groups?type=BusinessUnit&fields=*", ""},
		{"GET", "/internal-api/contact-center?subresources=businessAttributes", ""},
		{"GET", "/api/v2/groups?type=dispositions&fields=*", ""},
		{"POST", "/api/v2/me", `{"operationName": "StartContactCenterSession", "channels": ["voice", "chat"]}`},
		{"GET", "/api/v2/contacts/" + id + "?type=User", ""},
		{"CometD", "", ""},
		{"GET", "/api/v2/diagnostics/version", ""},
		{"GET", "/api/v2/me/?subresources=devices,calls,channels,interactions,chats", ""},
		{"POST", "/internal-api/operations", `{"operationName": "SendUserEvent", "deviceId": "` + device + `", "userData": {"a": "b"}}`},
		{"GET", "/api/v2/devices/" + device + "/settings/tserver", ""},
		{"POST", "/api/v2/me/channels/voice", `{"operationName": "NotReady"}`},
		{"POST", "/api/v2/me/channels/voice", `{"operationName": "Ready"}`},
	} {
		if step.method == "CometD" {
			desk = s.agentDesk(v2Dialect{}, "5001")
			continue
		}
		status, reply := ask(step.method, step.path, step.body, "")
		require.Equal(t, http.StatusOK, status, "%s: %v", step.path, reply)
		if step.path == "/api/v2/me" {
			require.EqualValues(t, 7, reply["statusCode"], "there is no chat")
		} else {
			require.EqualValues(t, 0, reply["statusCode"])
		}
	}
	s.eventually("the desktop is told of being ready", func() bool {
		lines := v2Dialect{}.lines(desk.since(0), true)
		return len(lines) > 0 && lines[len(lines)-1] == "5001: Active, Ready"
	})
}

// What happens while a command of a session is being answered is told to that session after the reply, or 250 ms later, and to
// others at once. The command's body is kept back, so that the reply can't come before it is wanted.
func TestV2EventsComeAfterTheReply(t *testing.T) {
	t.Parallel()
	s := newRunning(t, "")
	token := s.token("5001")
	own := s.agentDesk(v2Dialect{}, "5001")
	s.mu.Lock()
	delete(s.tokens, "5001")
	s.mu.Unlock()
	twin := s.agentDesk(v2Dialect{}, "5001") // the same agent by another login
	dnd := map[bool]string{true: "DoNotDisturbOn", false: "DoNotDisturbOff"}
	on := false
	devices := func(desk *agentDesk) int { return len(v2Dialect{}.lines(desk.since(0), true)) }
	d := &deskDay{of: v2Dialect{}, day: &day{system: s, t: t}}
	d.rests(own, twin) // how things stood when they subscribed is told, too
	happens := func() (ownTold func() bool) {
		t.Helper()
		on = !on
		before, twins := devices(own), devices(twin)
		s.as("5001", http.MethodPost, "/api/v2/me/devices/"+v2.DeviceID("5001"), object{"operationName": dnd[on]}).want(http.StatusOK)
		s.eventually("the other login is told", func() bool { return devices(twin) > twins })
		return func() bool { return devices(own) > before }
	}
	for conclusive, round := 0, 0; conclusive < 5; round++ {
		require.Less(t, round, 100, "the machine never answered within 250 ms")
		command := s.keptBack(token, `{"operationName": "Sing"}`)
		began := time.Now()
		told := happens()
		for range 3 { // time enough to be told too early
			s.as("5001", http.MethodGet, "/api/v2/me", nil).want(http.StatusOK)
		}
		early := told()
		if time.Since(began) < 250*time.Millisecond { // else it may have been told, the machine was busy with others
			require.False(t, early)
			conclusive++
		}
		command()
		s.eventually("it is told after the reply", told)
	}
	command := s.keptBack(token, `{"operationName": "Sing"}`)
	s.eventually("it is told without a reply", happens())
	command()
}

// keptBack sends a command without its body, and returns when the server is at work on it. What it gives sends the body and takes the
// reply.
func (s *system) keptBack(token, body string) (finish func()) {
	s.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(s.t.Context(), "tcp", s.http)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = conn.Close() })
	require.NoError(s.t, conn.SetDeadline(time.Now().Add(time.Minute)))
	_, err = fmt.Fprintf(conn, "POST /api/v2/me HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", s.http, token, len(body))
	require.NoError(s.t, err)
	replies := bufio.NewReader(conn)
	interim, err := http.ReadResponse(replies, nil)
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusContinue, interim.StatusCode)
	require.NoError(s.t, interim.Body.Close())
	return func() {
		s.t.Helper()
		_, err := io.WriteString(conn, body)
		require.NoError(s.t, err)
		reply, err := http.ReadResponse(replies, nil)
		require.NoError(s.t, err)
		require.Equal(s.t, http.StatusBadRequest, reply.StatusCode)
		text, err := io.ReadAll(reply.Body)
		require.NoError(s.t, err)
		require.Contains(s.t, string(text), "Sing", "the command was read just now, and not given up before")
		require.NoError(s.t, reply.Body.Close())
		require.NoError(s.t, conn.Close())
	}
}

// Who does not own a call or device learns nothing of it, and a desktop that is broken gets an answer that it knows.
func TestV2Refuses(t *testing.T) {
	t.Parallel()
	s := newRunning(t, "")
	d := &day{system: s, t: t, first: s.agentPhone("5001", 0), customer: s.customerPhone()}
	s.inService("5001")
	cust, agent := d.connected()
	call := "/api/v2/me/calls/" + s.onlyCall("Established").ID
	for _, c := range []struct {
		user, path, body string
		status, code     int
	}{
		{"", call, `{"operationName": "Hangup"}`, http.StatusForbidden, 20},
		{"5002", call, `{"operationName": "Hangup"}`, http.StatusNotFound, 6},
		{"supervisor", call, `{"operationName": "Hangup"}`, http.StatusNotFound, 6},
		{"5002", "/api/v2/me/devices/" + v2.DeviceID("5001"), `{"operationName": "DoNotDisturbOn"}`, http.StatusNotFound, 6},
		{"5001", "/api/v2/me/devices/" + v2.DeviceID("5001"), `{"operationName": "BargeIn", "phoneNumber": "5002"}`, http.StatusForbidden, 5},
		{"5001", call, `{"operationName": "SwapCalls"}`, http.StatusConflict, 2},
		{"5001", call, `{"operationName": "SendDtmf", "digits": 5}`, http.StatusBadRequest, 10},
		{"5001", call, `{"operationName": "SendDtmf"}`, http.StatusBadRequest, 1},
		{"5001", call, `{"operationName": "Hangup", "more": "` + strings.Repeat("x", 1<<20) + `"}`, http.StatusBadRequest, 10},
		{"5001", call, `{"operationName": "SingleStepTransfer", "destination": {"phoneNumber": "+88123"}}`, http.StatusBadRequest, 10},
		{"5002", "/api/v2/me/channels/voice", `{"operationName": "Ready"}`, http.StatusInternalServerError, 4},
	} {
		var reply struct {
			StatusCode    int
			StatusMessage string
		}
		s.as(c.user, http.MethodPost, c.path, c.body).want(c.status).into(&reply)
		require.Equal(t, c.code, reply.StatusCode, reply.StatusMessage)
		require.NotEmpty(t, reply.StatusMessage)
	}
	require.NoError(t, cust.Hangup(soon(t)))
	ended(t, agent)
}

// A browser's phone is answered, held and retrieved by desktops of both dialects.
func TestDesktopsAnswer(t *testing.T) {
	t.Parallel()
	s := newDesks(t, "")
	d := &deskDay{of: v2Dialect{}, day: &day{system: s, t: t, customer: s.customerPhone()}}
	web := &webDay{day: d.day}
	with := s.webAccount("5001", 0)
	with.AllowEvents = "talk, hold"
	w := s.window(with)
	require.Equal(t, "registered", w.start())
	s.inService("5001")
	desk := s.agentDesk(v2Dialect{}, "5001")
	for _, of := range []deskDialect{v2Dialect{}, guideDialect{}} {
		from := d.rests(desk) // the call before may not have been told to its end
		cust := dial(t, d.customer, "8000", customerTone)
		a := w.incoming()
		d.mine("5001", "Ringing")
		command := func(operation, state string) {
			if _, ok := of.(v2Dialect); ok && operation == "answer" {
				s.as("5001", http.MethodPost, "/api/v2/me/calls/"+d.mine("5001", state), `{"operationName": "Answer"}`).want(http.StatusOK)
				return
			}
			of.command(d, "5001", operation, state, "")
		}
		command("answer", "Ringing")
		web.talk(cust, customerTone, a, browserTone)
		command("hold", "Established")
		d.mine("5001", "Held")
		require.NoError(t, cust.WaitNoTone(soon(t), browserTone))
		command("retrieve", "Held")
		web.talk(cust, customerTone, a, browserTone)
		command("hangup", "Established")
		a.ended()
		ended(t, cust)
		want := []string{
			"5001: StatusChange Ringing(1) Inbound 030123456", "5001: StatusChange Established(1) Inbound 030123456",
			"5001: StatusChange Held(1) Inbound 030123456", "5001: StatusChange Established(1) Inbound 030123456", "5001: StatusChange Released(1) Inbound 030123456",
		}
		s.eventually("the call is told", func() bool { return len(v2Dialect{}.lines(desk.since(from), false)) >= len(want) })
		require.Equal(t, want, v2Dialect{}.lines(desk.since(from), false))

		of.command(d, "5001", "dial", "", "030999") // who dials on the desktop does not have to answer the own phone
		a = w.incoming()
		cust = incoming(t, d.customer, customerTone)
		web.talk(cust, customerTone, a, browserTone)
		require.NoError(t, cust.Hangup(soon(t)))
		a.ended()
	}
}
