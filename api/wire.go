package api

import (
	"slices"
	"strconv"
	"time"

	"sidecar/access"
	"sidecar/auth"
	"sidecar/bridge"
)

// Call is a call as clients see it.
type Call struct {
	ID         string    `json:"id" doc:"The CallUUID, kept through every change of the ConnID"`
	ConnID     string    `json:"connId" doc:"T-Library connection id, 16 hex digits"`
	Parent     string    `json:"parentConnId,omitempty" doc:"ConnID of the call that it is a consultation for"`
	Type       string    `json:"type" enum:"Internal,Inbound,Outbound,Consult"`
	Controller string    `json:"controller" enum:"asterisk,switch" doc:"Who mixes the media"`
	State      string    `json:"state" doc:"The most advanced of the parties' states" enum:"Initiated,Dialing,Alerting,Ringing,Established,Held,Released"`
	ANI        string    `json:"ani" doc:"Calling number"`
	DNIS       string    `json:"dnis" doc:"Number that was called"`
	Parties    []Party   `json:"parties" nullable:"false"`
	UserData   UserData  `json:"userData"`
	StartedAt  string    `json:"startedAt" format:"date-time"`
	AnsweredAt string    `json:"answeredAt,omitempty" format:"date-time"`
	EndedAt    string    `json:"endedAt,omitempty" format:"date-time"`
	Recording  string    `json:"recordingState,omitempty" enum:"Recording,Paused,Stopped" doc:"Missing if it was never recorded"`
	Monitors   []Monitor `json:"monitors,omitempty" nullable:"false" doc:"Supervisions of the call, for supervisors"`
}

// Party is one party of a call. A party that was released stays in the list until the call ends.
type Party struct {
	ID           string   `json:"id"`
	DN           string   `json:"dn,omitempty" doc:"Missing for an outside party"`
	Number       string   `json:"number"`
	Name         string   `json:"name,omitempty"`
	Role         string   `json:"role"`
	State        string   `json:"state" enum:"Initiated,Dialing,Alerting,Ringing,Established,Held,Released"`
	Capabilities []string `json:"capabilities" nullable:"false" doc:"What the party can do in its state"`
	JoinedAt     string   `json:"joinedAt,omitempty" format:"date-time"`
	MediaLost    bool     `json:"mediaLost,omitempty" doc:"Nothing comes from its browser at the moment"`
}

// User is a user as admins see it.
type User struct {
	User        string   `json:"user"`
	DisplayName string   `json:"displayName"`
	Role        string   `json:"role" enum:"agent,supervisor,admin"`
	Team        string   `json:"team,omitempty"`
	DNs         []string `json:"dns" nullable:"false"`
	Disabled    bool     `json:"disabled"`
	CreatedAt   string   `json:"createdAt" format:"date-time"`
	ChangedAt   string   `json:"changedAt" format:"date-time"`
}

// callFor is the call as p sees it.
func (s *server) callFor(p auth.Principal, v bridge.CallView) Call {
	c := callOf(access.Shown(p, v))
	c.Monitors = s.monitors(p, v.ID)
	return c
}

func callOf(v bridge.CallView) Call {
	c := Call{
		ID: string(v.ID), ConnID: v.ConnID.String(), Type: string(v.Type), Controller: string(v.Controller),
		State: string(v.State), ANI: v.ANI, DNIS: v.DNIS, Parties: make([]Party, 0, len(v.Parties)),
		UserData:  UserData{data: v.UserData},
		StartedAt: stamp(v.StartedAt), AnsweredAt: stamp(v.AnsweredAt), EndedAt: stamp(v.EndedAt),
		Recording: string(v.Recording),
	}
	if v.Parent != 0 {
		c.Parent = v.Parent.String()
	}
	for _, p := range v.Parties {
		c.Parties = append(c.Parties, partyOf(p))
	}
	return c
}

func partyOf(v bridge.PartyView) Party {
	p := Party{
		ID: strconv.Itoa(int(v.ID)), DN: string(v.DN), Number: v.Number, Name: v.Name, Role: string(v.Role),
		State: string(v.State), Capabilities: make([]string, 0, len(v.Capabilities)), JoinedAt: stamp(v.JoinedAt),
		MediaLost: v.MediaLost,
	}
	for _, c := range v.Capabilities {
		p.Capabilities = append(p.Capabilities, string(c))
	}
	return p
}

func userOf(u auth.User) User {
	return User{
		User: u.Name, DisplayName: u.DisplayName, Role: string(u.Role), Team: u.Team, DNs: list(u.DNs),
		Disabled: u.Disabled, CreatedAt: stamp(u.CreatedAt), ChangedAt: stamp(u.ChangedAt),
	}
}

// stamp writes a time as RFC 3339 with milliseconds, in UTC; the zero time is the empty text.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// list makes an empty list of a missing one, which would be null in JSON.
func list[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return slices.Clone(items)
}
