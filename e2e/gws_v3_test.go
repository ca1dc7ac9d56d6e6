//go:build e2e

package e2e_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// workspaceClient is the published client of the Workspace API, run by Node.
type workspaceClient struct {
	t     *testing.T
	who   string
	stdin io.Writer

	mu       sync.Mutex
	next     int
	replies  map[int]workspaceReply
	messages []v3Message // of all channels, in order
}

type workspaceReply struct {
	ID     int
	Result json.RawMessage
	Failed string
	Status int
	Body   json.RawMessage
	User   json.RawMessage
	Calls  []string // that the client knows
}

// v3Message is a notification of the Workspace API, with its channel.
type v3Message struct {
	Channel          string `json:"-"`
	MessageType      string
	NotificationType string
	OperationID      string
	Call             *v3Call
	DN               *struct {
		Number, AgentID, AgentState, AgentWorkMode, ForwardTo, Activity string
		DND, Available                                                  bool
		Reasons                                                         []struct{ Key, Type, Value string }
		Capabilities                                                    []string
	}
	Error *struct {
		ErrorCode    int
		ErrorMessage string
	}
	EventType, MonitorMode string
	Event                  *struct{ OtherDN, MonitorNextCallType string }
	UserData               []struct {
		Key   string
		Value any
	}
	ServiceName, ServiceState string
	Media                     *struct{ Channels []any }
	SubscriptionID            string
}

type v3Call struct {
	ID, ConnID, CallUUID, PreviousConnID, ParentConnID, PhoneNumber, CallType, State, ANI, DNIS, RecordingState string
	Capabilities                                                                                                []string
	Participants                                                                                                []struct{ Number, Role string }
	UserData                                                                                                    []struct {
		Key   string
		Value any
	}
	IsMonitoredByMe, SupervisorListeningIn, SupervisorBargedIn bool
	SupervisorMonitoringState                                  string
	MonitoringInfo                                             *struct{ MonitoredDN, MonitorMode, MonitorScope string }
}

// workspace starts the client for a user; it is initialized with a token.
func (s *system) workspace(user string) *workspaceClient {
	s.t.Helper()
	c := s.workspaceClient(user, "-")
	c.must("", "initialize", map[string]string{"token": s.token(user)})
	return c
}

func (s *system) workspaceClient(user, apiKey string) *workspaceClient {
	s.t.Helper()
	c := &workspaceClient{t: s.t, who: user, replies: map[int]workspaceReply{}}
	c.stdin = s.node(c.read, func() {
		s.t.Logf("the client of %s saw\n%s", user, strings.Join(c.lines(), "\n"))
	}, "node/workspace.mjs", apiKey, "http://"+s.http)
	return c
}

func (c *workspaceClient) read(lines *bufio.Scanner) {
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct {
			workspaceReply

			Event, Message string
			Data           json.RawMessage
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			c.t.Errorf("the client of %s: %v: %s", c.who, err, lines.Bytes())
			return
		}
		c.mu.Lock()
		switch {
		case line.Message != "":
			m := v3Message{Channel: line.Message}
			if err := json.Unmarshal(line.Data, &m); err != nil {
				c.t.Errorf("the client of %s: %v: %s", c.who, err, line.Data)
			}
			c.messages = append(c.messages, m)
		case line.Event == "":
			c.replies[line.ID] = line.workspaceReply
		}
		c.mu.Unlock()
	}
}

// do has the client call a method of itself, or of its voice, targets or reporting part, or of a generated API.
func (c *workspaceClient) do(on, method string, args ...any) workspaceReply {
	c.t.Helper()
	c.mu.Lock()
	c.next++
	id := c.next
	c.mu.Unlock()
	line, err := json.Marshal(map[string]any{"id": id, "on": on, "method": method, "args": args})
	require.NoError(c.t, err)
	_, err = c.stdin.Write(append(line, '\n'))
	require.NoError(c.t, err)
	var got workspaceReply
	eventually(c.t, fmt.Sprintf("the client of %s is done with %s", c.who, method), func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		reply, ok := c.replies[id]
		got = reply
		return ok
	})
	return got
}

func (c *workspaceClient) must(on, method string, args ...any) workspaceReply {
	c.t.Helper()
	r := c.do(on, method, args...)
	require.Empty(c.t, r.Failed, "%s %s: %s", c.who, method, r.Body)
	return r
}

func (c *workspaceClient) seen() []v3Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.messages)
}

// forget begins anew.
func (c *workspaceClient) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.messages = nil
}

// rests waits until all that has happened so far is told, and begins anew.
func (c *workspaceClient) rests() {
	c.t.Helper()
	c.forget()
	c.must("voice", "dndOn")
	c.saw("dnd", func(m *v3Message) bool { return m.DN != nil && m.DN.DND })
	c.forget()
	c.must("voice", "dndOff")
	c.saw("no dnd", func(m *v3Message) bool { return m.DN != nil && !m.DN.DND })
	c.forget()
}

// saw waits for a message and gives it.
func (c *workspaceClient) saw(what string, is func(m *v3Message) bool) v3Message {
	c.t.Helper()
	var found v3Message
	eventually(c.t, c.who+" sees "+what, func() bool {
		for _, m := range c.seen() {
			if is(&m) {
				found = m
				return true
			}
		}
		return false
	})
	return found
}

// call waits for a call in a state.
func (c *workspaceClient) call(state string) v3Call {
	c.t.Helper()
	m := c.saw("a call that is "+state, func(m *v3Message) bool { return m.Call != nil && m.Call.State == state })
	return *m.Call
}

// lines are the messages so far in short, calls numbered by their first appearance.
func (c *workspaceClient) lines() []string { return v3Lines(c.seen()) }

func v3Lines(messages []v3Message) []string {
	numbers := map[string]int{}
	number := func(id string) string {
		if id == "" {
			return ""
		}
		if numbers[id] == 0 {
			numbers[id] = len(numbers) + 1
		}
		return fmt.Sprint(numbers[id])
	}
	var list []string
	for _, m := range messages {
		line := m.MessageType
		switch {
		case m.Call != nil:
			previous, parent := number(m.Call.PreviousConnID), number(m.Call.ParentConnID)
			line = fmt.Sprintf("%s: %s %s(%s) %s", m.Call.PhoneNumber, m.NotificationType, m.Call.State, number(m.Call.ID), m.Call.CallType)
			if previous != "" {
				line += " previousConnId=" + previous
			}
			if parent != "" {
				line += " parentConnId=" + parent
			}
			for _, p := range m.Call.Participants {
				line += " " + p.Number + "/" + p.Role
			}
		case m.DN != nil:
			line += fmt.Sprintf(" %s %s %s %s", m.DN.Number, m.DN.AgentState, m.DN.AgentWorkMode, m.DN.Activity)
			if m.DN.Available {
				line += " available"
			}
		case m.Error != nil:
			line += fmt.Sprintf(" %d", m.Error.ErrorCode)
		case m.Event != nil:
			line += fmt.Sprintf(" %s of %s %s %s", m.EventType, m.Event.OtherDN, m.MonitorMode, m.Event.MonitorNextCallType)
		}
		list = append(list, line)
	}
	return list
}
