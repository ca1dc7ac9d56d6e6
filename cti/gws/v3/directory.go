package v3

import (
	"cmp"
	"context"
	"hash/fnv"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"sidecar/agent"
	"sidecar/auth"
)

const (
	defaultLimit = 50
	maxLimit     = 500
)

// The types of targets that there are.
const (
	typeAgent      = "agent"
	typeGroup      = "agent-group"
	typeRoutePoint = "route-point"
	typeQueue      = "acd-queue"
)

// Target is somebody, or something, to call.
type Target struct {
	DBID          int64         `json:"DBID"`
	ID            string        `json:"id"`
	Name          string        `json:"name"`
	Type          string        `json:"type"`
	FirstName     string        `json:"firstName,omitempty"`
	LastName      string        `json:"lastName,omitempty"`
	EmployeeID    string        `json:"employeeId,omitempty"`
	UserName      string        `json:"userName,omitempty"`
	AgentLogin    string        `json:"agentLogin,omitempty"`
	Number        string        `json:"number,omitempty"`
	SwitchName    string        `json:"switchName,omitempty"`
	Availability  *Availability `json:"availability,omitempty"` // missing where the user may not know it
	IsMonitorable bool          `json:"isMonitorable"`
	IsMonitored   bool          `json:"isMonitored"`
	Timestamp     int64         `json:"timestamp"`
}

// Availability says whether a target can be reached now: channels of an agent, figures of the others.
type Availability struct {
	Channels     []ChannelState `json:"channels,omitempty"`
	ReadyAgents  *int           `json:"readyAgents,omitempty"`
	WaitingCalls *int           `json:"waitingCalls,omitempty"`
}

// ChannelState is the state of an agent on a channel.
type ChannelState struct {
	Name               string    `json:"name"`
	Activity           string    `json:"activity"`
	Available          bool      `json:"available"`
	PhoneNumber        string    `json:"phoneNumber"`
	SwitchName         string    `json:"switchName"`
	TimeInCurrentState int       `json:"timeInCurrentState"`
	UserState          UserState `json:"userState"`
}

// UserState is the state of an agent.
type UserState struct {
	State    string `json:"state"`
	WorkMode string `json:"workMode"`
	Reason   string `json:"reason,omitempty"`
}

func (s *Server) directoryRoutes() {
	s.noteRoutes()
	s.get("/targets", s.targets)
	s.get("/targets/{type}/{id}", s.target)
	s.get("/users", s.users)
	s.reportingRoutes()
}

// dbid is a number for what has none here: always the same for the same name.
func dbid(kind, name string) int64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(kind + ":" + name))
	return int64(h.Sum32())
}

// allTargets are those of some types, by name; none of the types named: all.
func (s *Server) allTargets(ctx context.Context, who auth.Principal, types []string) ([]Target, error) {
	wants := func(kind string) bool { return len(types) == 0 || slices.Contains(types, kind) }
	var list []Target
	if wants(typeAgent) || wants(typeGroup) {
		users, err := s.o.Users.Users(ctx)
		if err != nil {
			return nil, err //nolint:wrapcheck // it is logged with the path
		}
		if wants(typeAgent) {
			list = s.agentTargets(who, users)
		}
		if wants(typeGroup) {
			list = append(list, s.groupTargets(who, users)...)
		}
	}
	for _, q := range s.queues() {
		for _, kind := range []string{typeRoutePoint, typeQueue} {
			if kind == typeQueue && len(types) == 0 || !wants(kind) { // the same once more, for those who ask for it
				continue
			}
			list = append(list, Target{
				DBID: dbid(kind, q.Name), ID: strconv.FormatInt(dbid(kind, q.Name), 10), Name: q.Name, Type: kind, Number: q.Number, SwitchName: s.o.SwitchName,
				Availability: &Availability{WaitingCalls: &q.Waiting, ReadyAgents: &q.Ready}, Timestamp: time.Now().UnixMilli(),
			})
		}
	}
	slices.SortStableFunc(list, func(a, b Target) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.DBID, b.DBID)) })
	return list, nil
}

func (s *Server) queues() []Queue {
	if s.o.Queues == nil {
		return nil
	}
	return s.o.Queues()
}

func (s *Server) agentTargets(who auth.Principal, users []auth.User) []Target {
	states := s.states()
	var list []Target
	for i := range users {
		u := &users[i]
		if u.Disabled || len(u.DNs) == 0 {
			continue
		}
		list = append(list, s.agentTarget(who, u, states))
	}
	return list
}

func (s *Server) states() map[string]agent.View {
	states := map[string]agent.View{}
	for _, v := range s.o.Snapshot.DNs() {
		states[v.Number] = v
	}
	return states
}

// agentTarget is a user as a target. Whom one may call everybody may know; how they are, their team and who sees their DNs.
func (s *Server) agentTarget(who auth.Principal, u *auth.User, states map[string]agent.View) Target {
	first, last := names(u.DisplayName, u.Name)
	dn := workingAt(u, states)
	t := Target{
		DBID: int64(u.ID), ID: strconv.FormatInt(int64(u.ID), 10), Name: cmp.Or(u.DisplayName, u.Name), Type: typeAgent, FirstName: first, LastName: last,
		EmployeeID: u.Name, UserName: u.Name, AgentLogin: u.Name, Number: dn, SwitchName: s.o.SwitchName, Timestamp: time.Now().UnixMilli(),
	}
	sees := who.MaySeeDN(dn)
	if sees || who.Team != "" && who.Team == u.Team {
		t.Availability = &Availability{Channels: s.channelStates(states[dn])}
	}
	if sees && who.Can(auth.VerbSupervise) && u.ID != who.UserID {
		t.IsMonitorable = states[dn].InService
		for _, m := range s.o.Access.Monitors(who, "") {
			t.IsMonitored = t.IsMonitored || string(m.Target) == dn
		}
	}
	return t
}

// workingAt is the DN where a user works, or the first of the user's own.
func workingAt(u *auth.User, states map[string]agent.View) string {
	for _, dn := range u.DNs {
		if strings.EqualFold(states[dn].Agent.AgentID, u.Name) {
			return dn
		}
	}
	return u.DNs[0]
}

func (s *Server) channelStates(v agent.View) []ChannelState {
	dn := dnOf(v, s.o.SwitchName, false)
	since := 0
	if !v.Agent.Since.IsZero() {
		since = int(time.Since(v.Agent.Since) / time.Second)
	}
	return []ChannelState{{
		Name: channelVoice, Activity: dn.Activity, Available: dn.Available, PhoneNumber: v.Number, SwitchName: s.o.SwitchName, TimeInCurrentState: since,
		UserState: UserState{State: dn.AgentState, WorkMode: dn.AgentWorkMode, Reason: v.Agent.Reason},
	}}
}

// groupTargets are the teams, with how many are ready.
func (s *Server) groupTargets(who auth.Principal, users []auth.User) []Target {
	states := s.states()
	ready := map[string]int{}
	for i := range users {
		u := &users[i]
		if u.Team == "" || u.Disabled {
			continue
		}
		n := 0
		if len(u.DNs) > 0 && dnOf(states[workingAt(u, states)], "", false).Available {
			n = 1
		}
		ready[u.Team] += n
	}
	var list []Target
	for team, n := range ready {
		t := Target{DBID: dbid(typeGroup, team), ID: strconv.FormatInt(dbid(typeGroup, team), 10), Name: team, Type: typeGroup, Timestamp: time.Now().UnixMilli()}
		if who.SeesAll() || who.Team == team {
			t.Availability = &Availability{ReadyAgents: &n}
		}
		list = append(list, t)
	}
	return list
}

func (s *Server) target(ctx context.Context, r *request) (*reply, error) {
	kind, id := r.PathValue("type"), r.PathValue("id")
	all, err := s.allTargets(ctx, r.who, types(kind))
	if err != nil {
		return nil, err
	}
	for _, t := range all {
		if t.ID == id || strings.EqualFold(t.Name, id) || t.UserName != "" && strings.EqualFold(t.UserName, id) || t.Number != "" && t.Number == id {
			return done(map[string]any{"targets": []Target{t}, "totalMatches": 1}), nil
		}
	}
	return nil, &refusal{http.StatusInternalServerError, http.StatusInternalServerError, "Resource not found"}
}

// users are those whose DNs the user sees.
func (s *Server) users(ctx context.Context, r *request) (*reply, error) {
	q := r.URL.Query()
	limit, err := number(r, "limit", defaultLimit)
	if err != nil {
		return nil, err
	}
	offset, err := number(r, "offset", 0)
	if err != nil {
		return nil, err
	}
	all, err := s.allTargets(ctx, r.who, []string{typeAgent})
	if err != nil {
		return nil, err
	}
	var members map[int64]bool
	if group := q.Get("groupId"); group != "" {
		if members, err = s.members(ctx, words(group)); err != nil {
			return nil, err
		}
	}
	states, terms := words(q.Get("states")), words(q.Get("searchTerm"))
	all = slices.DeleteFunc(all, func(t Target) bool {
		return !r.who.MaySeeDN(t.Number) || members != nil && !members[t.DBID] || !t.matches(terms, "", false) ||
			len(states) > 0 && !slices.Contains(states, t.state())
	})
	from := min(offset, len(all))
	return done(map[string]any{"users": some(all[from:min(from+limit, len(all))]), "totalMatches": len(all)}), nil
}

func (t *Target) state() string {
	if t.Availability == nil || len(t.Availability.Channels) == 0 {
		return string(agent.LoggedOut)
	}
	return t.Availability.Channels[0].UserState.State
}

// dnOfAgent is the DN of the agent that a supervisor names in the path by number, or in the body by name or DN.
func (s *Server) dnOfAgent(ctx context.Context, r *request) (string, error) {
	d := &r.in.Data
	if d.DN != "" {
		return d.DN, nil
	}
	id := r.PathValue("dbid")
	if id == "" && d.UserName == "" {
		return "", missing()
	}
	users, err := s.o.Users.Users(ctx)
	if err != nil {
		return "", err //nolint:wrapcheck // it is logged with the path
	}
	for i := range users {
		u := &users[i]
		if len(u.DNs) == 0 || id != "" && strconv.FormatInt(int64(u.ID), 10) != id || id == "" && !strings.EqualFold(u.Name, d.UserName) {
			continue
		}
		return workingAt(u, s.states()), nil
	}
	return "", &refusal{http.StatusInternalServerError, http.StatusInternalServerError, "no agent " + cmp.Or(id, d.UserName)}
}

func agentVerbs() map[string]agent.Verb {
	return map[string]agent.Verb{"ready": agent.VerbReady, "not-ready": agent.VerbNotReady, "logout": agent.VerbLogout}
}

// words are the parts of a list with commas.
func words(list string) []string {
	var out []string
	for word := range strings.SplitSeq(list, ",") {
		if word = strings.TrimSpace(word); word != "" {
			out = append(out, word)
		}
	}
	return out
}

// number reads a number of the query.
func number(r *request, name string, otherwise int) (int, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, badParameter(name + " must be a whole number from 0 on")
	}
	return min(n, maxLimit), nil
}
