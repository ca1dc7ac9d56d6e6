package v3

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"sidecar/agent"
	"sidecar/auth"
	"sidecar/bridge"
	"sidecar/cti"
	"sidecar/cti/gws"
)

// User is the user of a session.
type User struct {
	DBID           int64          `json:"dbid"`
	FirstName      string         `json:"firstName"`
	LastName       string         `json:"lastName"`
	UserName       string         `json:"userName"`
	EmployeeID     string         `json:"employeeId"`
	AgentLogin     string         `json:"agentLogin"`
	DefaultPlace   string         `json:"defaultPlace,omitempty"`
	UserProperties Pairs          `json:"userProperties"`
	ActiveSession  *ActiveSession `json:"activeSession,omitempty"`
}

// ActiveSession is what the user's desktops have to do with the switch.
type ActiveSession struct {
	CurrentPlace     string    `json:"currentPlace,omitempty"`
	DN               *DN       `json:"dn,omitempty"` // missing while the voice channel is not active
	Calls            []Call    `json:"calls"`
	Media            Media     `json:"media"`
	Services         []Service `json:"services"`
	AutoCompleteCall bool      `json:"autoCompleteCall"`
	AgentReserved    bool      `json:"agentReserved"`
}

// Service is a part of the contact centre.
type Service struct {
	ServiceName  string `json:"serviceName"`
	ServiceState string `json:"serviceState"`
}

// PendingLogin says that a login is complete: ours is when it is answered.
type PendingLogin struct {
	State          string `json:"state"`
	ActualWaitTime int    `json:"actualWaitTime"`
	SubmittedAt    int64  `json:"submittedAt"`
}

// workspace is what a desktop begins with.
type workspace struct {
	User          User           `json:"user"`
	Configuration *Configuration `json:"configuration"`
}

type currentSession struct {
	workspace

	PendingLogin PendingLogin `json:"pendingLoginAsync"`
	Pending      PendingLogin `json:"pending-login-async"` // where the published client's model has it
}

const (
	available   = "AVAILABLE"
	unavailable = "UNAVAILABLE"
	complete    = "Complete"
)

func (s *Server) sessionRoutes() {
	s.mux.Handle("POST "+Base+"/initialize-workspace", s.open(s.initialize))
	s.mux.Handle("GET "+Base+"/login", s.open(s.loginRedirect))
	s.mux.Handle("GET "+Base+"/logout", s.open(s.logoutRedirect))
	s.mux.Handle("GET "+Base+"/version", s.open(s.version))
	s.mux.Handle("GET "+Base+"/info", s.open(s.version))
	s.post("/logout", func(ctx context.Context, r *request) (*reply, error) {
		s.logout(ctx, r.session, r.who)
		return &reply{cookie: (*session)(nil).cookie(s.secure(r.Request))}, nil
	})
	s.get("/auth-keep-alive", func(context.Context, *request) (*reply, error) { return done(nil), nil })
	s.get("/current-session", s.current)
	s.get("/userinfo", func(_ context.Context, r *request) (*reply, error) {
		return done(map[string]any{"user": s.userOf(r.who)}), nil
	})
	s.post("/activate-channels", s.activate)
	s.post("/voice/activate", s.activate)
	s.post("/voice/deactivate", s.deactivate)
	s.post("/media/activate", s.noMedia)
	s.post("/media/deactivate", s.noMedia)
	s.get("/configuration", s.configuration)
	s.get("/configuration/business-attribute/{id}", s.businessAttribute)
	s.get("/configuration/places/{name}/dns", s.place)
}

func done(data any) *reply { return &reply{Data: data} }

// initialize begins a session for a code or a token.
func (s *Server) initialize(w http.ResponseWriter, r *http.Request) error {
	if err := s.o.Tokens.CheckOrigin(r); err != nil { // a foreign page must not log its visitor in
		return err //nolint:wrapcheck // refuse puts it into words
	}
	token := gws.Bearer(r)
	if code := r.URL.Query().Get("code"); code != "" {
		g, ok := s.codes.redeem(code, r.URL.Query().Get("redirect_uri"), time.Now())
		if !ok {
			return unauthorized()
		}
		token = g.token
	}
	if token == "" {
		return unauthorized()
	}
	who, err := s.o.Tokens.Verify(r.Context(), token)
	if err != nil {
		return err
	}
	if old, _, ok := s.sessions.of(r, time.Now()); ok && old.user == who.UserID { // a page that was loaded again
		old.refresh(s.sessions, token, who.ExpiresAt)
		return s.begun(w, r, old)
	}
	fresh, ok := s.sessions.open(who.UserID, token, who.ExpiresAt, time.Now())
	if !ok {
		return &refusal{http.StatusServiceUnavailable, http.StatusServiceUnavailable, "too many sessions are open"}
	}
	return s.begun(w, r, fresh)
}

func (s *Server) begun(w http.ResponseWriter, r *http.Request, of *session) error {
	c := of.cookie(s.secure(r)) // #nosec G124 -- see there
	if c.Secure && slices.Contains(s.o.Origins, r.Header.Get("Origin")) {
		c.SameSite = http.SameSiteNoneMode // the page is of another site, whose requests CheckOrigin judges
	}
	http.SetCookie(w, c)
	(&reply{Status: Status{Code: codeAccepted}}).write(w, http.StatusOK)
	return nil
}

func (s *Server) secure(r *http.Request) bool {
	_, secure := s.o.Client(r)
	return secure || s.o.SecureCookies
}

// loginRedirect sends a browser to the sign-in page.
func (s *Server) loginRedirect(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	to := q.Get("redirect_uri")
	if err := s.checkRedirect(r, to); err != nil {
		return err
	}
	ask := url.Values{"response_type": {"code"}, "redirect_uri": {to}}
	if state := q.Get("state"); state != "" {
		ask.Set("state", state)
	}
	http.Redirect(w, r, "/auth/v3/oauth/authorize?"+ask.Encode(), http.StatusFound)
	return nil
}

// logoutRedirect ends the session of a browser and sends it on.
func (s *Server) logoutRedirect(w http.ResponseWriter, r *http.Request) error {
	to := r.URL.Query().Get("redirect_uri")
	if to != "" {
		if err := s.checkRedirect(r, to); err != nil {
			return err
		}
	}
	if err := s.checkPage(r); err != nil {
		return err
	}
	if gone, who, err := s.sessionOf(r); err == nil {
		s.logout(r.Context(), gone, who)
	}
	http.SetCookie(w, (*session)(nil).cookie(s.secure(r)))
	if to == "" {
		done(nil).write(w, http.StatusOK)
		return nil
	}
	http.Redirect(w, r, to, http.StatusFound) // #nosec G710 -- checkRedirect knows the host
	return nil
}

// checkPage refuses a page that sends its visitor to the logout unasked: it changes something, whatever its method. Browsers name the
// page that leads to another one as Referer only.
func (s *Server) checkPage(r *http.Request) error {
	if from, err := url.Parse(r.Referer()); err == nil && slices.Contains(s.o.Origins, from.Scheme+"://"+from.Host) {
		return nil
	}
	post := r.Clone(r.Context())
	post.Method = http.MethodPost
	return s.o.Tokens.CheckOrigin(post) //nolint:wrapcheck // refuse puts it into words
}

// logout ends a session, the work of the agent with the user's last one, and the token.
func (s *Server) logout(ctx context.Context, gone *session, who auth.Principal) {
	if left, last := s.sessions.end(gone); last && left != nil {
		_, err := s.o.Access.Command(ctx, who, agent.Command{DN: left.dn, Verb: agent.VerbLogout})
		if err != nil { // the agent is logged out already
			s.o.Logger.DebugContext(ctx, "workspace_logout", "user", who.User, "dn", left.dn, "error", err)
		}
	}
	if !s.sessions.shares(gone) {
		if err := s.o.Tokens.Logout(ctx, who); err != nil {
			s.o.Logger.WarnContext(ctx, "workspace_logout", "user", who.User, "error", err)
		}
	}
	s.feed.sessions.EndLogin(gone.id)
}

// leave ends a session whose token is no longer good.
func (s *Server) leave(gone *session) {
	s.sessions.end(gone)
	s.feed.sessions.EndLogin(gone.id)
}

func (s *Server) version(w http.ResponseWriter, _ *http.Request) error {
	(&reply{Data: map[string]string{"version": s.o.Version}}).write(w, http.StatusOK)
	return nil
}

func (s *Server) current(ctx context.Context, r *request) (*reply, error) {
	pending := PendingLogin{State: complete, SubmittedAt: r.session.begun.UnixMilli()}
	return done(currentSession{workspace: s.workspaceOf(ctx, r.who), PendingLogin: pending, Pending: pending}), nil
}

func (s *Server) workspaceOf(ctx context.Context, who auth.Principal) workspace {
	return workspace{User: s.userOf(who), Configuration: s.configurationOf(ctx, who, nil)}
}

func (s *Server) userOf(who auth.Principal) User {
	first, last := names(who.DisplayName, who.User)
	u := User{
		DBID: int64(who.UserID), FirstName: first, LastName: last, UserName: who.User, EmployeeID: who.User, AgentLogin: who.User,
		ActiveSession: &ActiveSession{Calls: []Call{}, Media: Media{Channels: []MediaChannel{}}, Services: s.services(), AutoCompleteCall: true},
	}
	if len(who.DNs) > 0 {
		u.DefaultPlace = who.DNs[0]
	}
	at, ok := s.sessions.seat(who.UserID)
	if !ok {
		return u
	}
	active := u.ActiveSession
	active.CurrentPlace, active.AutoCompleteCall, active.Calls = at.place, at.autoComplete, s.calls(who, at)
	if v, err := s.o.Access.Agent(who, at.dn); err == nil {
		dn := dnOf(v, s.o.SwitchName, who.Can(auth.VerbSupervise))
		active.DN, active.AgentReserved = &dn, v.Reserved
	}
	return u
}

// names splits a display name: the API has two.
func names(display, user string) (first, last string) {
	first, last, _ = strings.Cut(strings.TrimSpace(cmp.Or(display, user)), " ")
	return first, strings.TrimSpace(last)
}

func (s *Server) services() []Service {
	voice := unavailable
	if s.voiceAvailable() {
		voice = available
	}
	return []Service{{"VOICE", voice}, {"STATS", available}, {"IXN", unavailable}, {"UCS", unavailable}}
}

func (s *Server) voiceAvailable() bool { return s.o.Available == nil || s.o.Available() }

// calls are those of the DN where the user works, and those that it has not put away.
func (s *Server) calls(who auth.Principal, at seat) []Call {
	views := s.o.Access.Calls(who)
	if !at.autoComplete {
		views = slices.Concat(views, s.o.Released(bridge.DN(at.dn)))
	}
	list := []Call{}
	seen := map[bridge.CallID]bool{}
	for i := range views {
		party, ok := partyOf(&views[i], bridge.DN(at.dn))
		if !ok || seen[views[i].ID] || at.autoComplete && party.State == bridge.PartyReleased {
			continue
		}
		seen[views[i].ID] = true
		list = append(list, callOfView(&views[i], party))
	}
	return list
}

// partyOf is what a DN is in a call: a party that lives, or the one that left last. A phone that does not ring yet knows of no call.
func partyOf(v *bridge.CallView, dn bridge.DN) (party bridge.PartyView, ok bool) {
	for _, p := range v.Parties {
		if p.DN != dn || p.State == bridge.PartyAlerting {
			continue
		}
		if party, ok = p, true; p.State != bridge.PartyReleased {
			return party, true
		}
	}
	return party, ok
}

// callOfView is a call as an event would tell it now.
func callOfView(v *bridge.CallView, party bridge.PartyView) Call {
	e := cti.Encode(bridge.Event{Kind: bridge.EventEstablished, Time: time.Now(), Call: *v, This: party})
	return callOf(&e)
}
