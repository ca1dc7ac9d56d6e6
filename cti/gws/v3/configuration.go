package v3

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"sidecar/auth"
	"sidecar/internal/userdata"
)

// Configuration is what a desktop is set up with. Parts that were not asked for are left out.
type Configuration struct {
	ActionCodes            []ActionCode        `json:"actionCodes,omitzero"`
	AgentGroups            []AgentGroup        `json:"agentGroups,omitzero"`
	MonitorableAgentGroups []AgentGroup        `json:"monitorableAgentGroups,omitzero"`
	Settings               *Pairs              `json:"settings,omitempty"`
	WorkspaceTransactions  []any               `json:"workspaceTransactions,omitzero"`
	Transactions           []any               `json:"transactions,omitzero"`
	BusinessAttributes     []BusinessAttribute `json:"businessAttributes,omitzero"`
}

// ActionCode is a reason for being not ready.
type ActionCode struct {
	Name           string `json:"name"`
	Code           string `json:"code"`
	Type           string `json:"type"`
	SubCodes       []any  `json:"subCodes"`
	UserProperties Pairs  `json:"userProperties"`
}

// AgentGroup is a team.
type AgentGroup struct {
	DBID     int64    `json:"DBID"`
	Name     string   `json:"name"`
	Settings struct{} `json:"settings"`
}

// BusinessAttribute is a list of values; there is one, the recording states have none.
type BusinessAttribute struct {
	ID             int64            `json:"id"`
	Name           string           `json:"name"`
	DisplayName    string           `json:"displayName"`
	Values         []AttributeValue `json:"values"`
	Groups         []any            `json:"groups"`
	UserProperties Pairs            `json:"userProperties"`
}

// AttributeValue is a value of a business attribute.
type AttributeValue struct {
	ID          int64  `json:"id"`
	Name        string `json:"name"`
	DisplayName string `json:"displayName"`
}

// The one business attribute: the channels that there are.
const (
	attributeMedia   = "MediaType"
	attributeMediaID = 1
)

// configuration gives all parts, or those that types names.
func (s *Server) configuration(ctx context.Context, r *request) (*reply, error) {
	return done(s.configurationOf(ctx, r.who, words(r.URL.Query().Get("types")))), nil
}

func (s *Server) configurationOf(ctx context.Context, who auth.Principal, types []string) *Configuration {
	wants := func(kind string) bool { return len(types) == 0 || slices.Contains(types, kind) }
	c := &Configuration{}
	if wants("actionCodes") {
		c.ActionCodes = []ActionCode{}
		for _, reason := range s.o.Reasons {
			c.ActionCodes = append(c.ActionCodes, ActionCode{Name: reason, Code: reason, Type: "NotReady", SubCodes: []any{}})
		}
	}
	if wants("agentGroups") {
		c.AgentGroups, c.MonitorableAgentGroups = s.groups(ctx, who)
	}
	if wants("settings") {
		c.Settings = &Pairs{userdata.Data{
			{Key: "agent.default-place", Value: userdata.Text(cmp.Or(who.DNs...))},
			{Key: "voice.auto-complete", Value: userdata.Text("true")},
		}}
	}
	if wants("workspaceTransactions") {
		c.WorkspaceTransactions, c.Transactions = []any{}, []any{}
	}
	if wants("businessAttributes") {
		c.BusinessAttributes = []BusinessAttribute{mediaTypes()}
	}
	return c
}

// groups are the teams: a supervisor's own can be supervised.
func (s *Server) groups(ctx context.Context, who auth.Principal) (all, monitorable []AgentGroup) {
	all, monitorable = []AgentGroup{}, []AgentGroup{}
	users, err := s.o.Users.Users(ctx)
	if err != nil {
		s.o.Logger.WarnContext(ctx, "workspace_groups", "error", err)
		return all, monitorable
	}
	for i := range users {
		team := users[i].Team
		if team == "" || slices.ContainsFunc(all, func(g AgentGroup) bool { return g.Name == team }) {
			continue
		}
		g := AgentGroup{DBID: dbid(typeGroup, team), Name: team}
		all = append(all, g)
		if who.Can(auth.VerbSupervise) && (who.SeesAll() || who.Team == team) {
			monitorable = append(monitorable, g)
		}
	}
	byName := func(a, b AgentGroup) int { return cmp.Compare(a.Name, b.Name) }
	slices.SortFunc(all, byName)
	slices.SortFunc(monitorable, byName)
	return all, monitorable
}

func mediaTypes() BusinessAttribute {
	return BusinessAttribute{
		ID: attributeMediaID, Name: attributeMedia, DisplayName: "Media type",
		Values: []AttributeValue{{ID: 1, Name: channelVoice, DisplayName: "Voice"}}, Groups: []any{},
	}
}

func (s *Server) businessAttribute(_ context.Context, r *request) (*reply, error) {
	if id := r.PathValue("id"); id != "1" && id != attributeMedia {
		return nil, &refusal{http.StatusInternalServerError, http.StatusInternalServerError, "Resource not found"}
	}
	return done(mediaTypes()), nil
}

// place gives the DN of a place, which has the same name.
func (s *Server) place(_ context.Context, r *request) (*reply, error) {
	name := r.PathValue("name")
	if !r.who.MayUseDN(name) {
		return nil, &refusal{http.StatusInternalServerError, http.StatusInternalServerError, "Resource not found"}
	}
	v, err := s.o.Access.Agent(r.who, name)
	if err != nil {
		return nil, err //nolint:wrapcheck // refuse puts it into words
	}
	status := "Available"
	if v.Agent.AgentID != "" {
		status = "Occupied"
	}
	dn := dnOf(v, s.o.SwitchName, r.who.Can(auth.VerbSupervise))
	return done(map[string]any{"placeStatus": status, "devices": []DN{dn}, "dns": []DN{dn}}), nil
}
