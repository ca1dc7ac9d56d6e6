package v3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"sidecar/auth"
	"sidecar/cti"
	"sidecar/cti/bayeux"
	"sidecar/cti/gws"
)

// feed is the notifications' side of the API.
type feed struct {
	// Constant.
	server   *Server
	sessions *gws.Sessions
}

var errNoChannel = errors.New("workspace: no such channel")

// silent are channels that the API has and that nothing comes on here: a desktop must not fail over them.
func silent() []string {
	return []string{
		ChannelMedia + "/chat", ChannelMedia + "/email", "/workspace/v3/contacts", "/workspace/v3/workbins", "/workspace/v3/workbin",
		"/workspace/v3/ucs", "/workspace/v3/settings", "/workspace/v3/targets",
	}
}

func newFeed(s *Server) (*feed, error) {
	f := &feed{server: s}
	o := &s.o
	var err error
	f.sessions, err = gws.NewSessions(gws.Options{
		Feed: o.Feed, Snapshot: o.Snapshot, Auth: f, Client: o.Client, Cookie: CookieName, Logger: o.Logger, Origins: o.Origins,
		SecureCookies: o.SecureCookies, HoldTime: o.HoldTime, SessionLife: o.SessionLife, QueueSize: o.QueueSize, QueueBytes: o.QueueBytes,
	}, gws.Dialect{
		Name:        "workspace v3",
		Streams:     map[string]gws.Stream{ChannelVoice: {Topic: cti.TopicAgent, Own: true, Snapshot: true, Begin: f.begin}},
		Subscribe:   f.allow,
		OnSubscribe: f.subscribed,
	})
	if err != nil {
		return nil, fmt.Errorf("notifications: %w", err)
	}
	return f, nil
}

// ServeHTTP answers Bayeux requests, which are of the session of their cookie, or else of that of their token. One without the API key
// is taken for one without a session, so that it is refused in Bayeux's words; so is one whose cookie and token don't go together.
func (f *feed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	shown := gws.Bearer(r)
	keyless := f.server.checkKey(r) != nil
	if shown == "" && !keyless {
		f.sessions.ServeHTTP(w, r)
		return
	}
	_, token, known := f.server.sessions.of(r, time.Now())
	id, found := f.server.sessions.with(shown, time.Now())
	r = r.Clone(r.Context())
	r.Header.Del("Authorization")
	switch {
	case keyless, known && token != shown:
		r.Header.Del("Cookie")
	case !known && found:
		r.AddCookie(&http.Cookie{Name: CookieName, Value: id}) //nolint:gosec // G124: it is sent nowhere
	}
	f.sessions.ServeHTTP(w, r)
}

func (f *feed) close(ctx context.Context) error {
	if err := f.sessions.Close(ctx); err != nil {
		return fmt.Errorf("notifications: %w", err)
	}
	return nil
}

// Authenticate takes a session's id.
func (f *feed) Authenticate(ctx context.Context, id string) (gws.Principal, error) {
	s := f.server
	_, token, ok := s.sessions.touch(id, time.Now())
	if !ok {
		return gws.Principal{}, gws.ErrToken
	}
	who, err := s.o.Tokens.Verify(ctx, token)
	switch {
	case auth.IsTokenLost(err):
		return gws.Principal{}, fmt.Errorf("%w: %w", gws.ErrToken, err)
	case err != nil:
		return gws.Principal{}, fmt.Errorf("token: %w", err)
	}
	own := who.DNs
	if at, ok := s.sessions.seat(who.UserID); ok && !slices.Contains(own, at.dn) {
		own = append(slices.Clone(own), at.dn)
	}
	return gws.Principal{ID: who.ID(), OwnDNs: own, User: who}, nil
}

// begin writes the events for a desktop, and behind a call's event what it makes the DN do.
func (f *feed) begin(m *gws.Member) func(e *cti.Event) []any {
	told := activities{}
	return func(e *cti.Event) []any {
		v, changed := told.take(e)
		list := f.encode(m, e)
		if changed && f.works(m, v.Number) {
			dn := dnOf(v, f.server.o.SwitchName, m.Principal().User.Can(auth.VerbSupervise))
			list = append(list, Notification{MessageType: "DnStateChanged", DN: &dn, PhoneNumber: dn.Number})
		}
		return list
	}
}

func (f *feed) works(m *gws.Member, dn string) bool {
	at, ok := f.server.sessions.seat(m.Principal().User.UserID)
	return ok && at.dn == dn
}

// encode writes an event for a desktop at the DN. The end of a call is its last one: after Completed the published client has the
// call again, so that is told only of a call which its desktop has put away.
func (f *feed) encode(m *gws.Member, e *cti.Event) []any {
	who := m.Principal().User
	at, ok := f.server.sessions.seat(who.UserID)
	if !ok || at.dn != string(e.DN) {
		return nil
	}
	x := encoder{
		switchName: f.server.o.SwitchName, supervises: who.Can(auth.VerbSupervise),
		operation: func(e *cti.Event) string { return f.server.operationOf(who.ID(), e) },
	}
	n, ok := x.encode(e)
	if !ok {
		return nil
	}
	return []any{n}
}

func (f *feed) allow(_ *gws.Member, channel string) error {
	switch {
	case channel == ChannelInitialization, channel == ChannelMedia, channel == ChannelStatistics, slices.Contains(silent(), channel):
		return nil
	}
	return &bayeux.DeniedError{Reason: "there is no such channel", Err: errNoChannel}
}

// initialization is the data of a message on its channel. Ours is over when a client subscribes; it sees the steps that
// it waits for.
type initialization struct {
	MessageType    string     `json:"messageType"`
	State          string     `json:"state"`
	SubmittedAt    int64      `json:"submittedAt"`
	ExecutionTime  int        `json:"executionTime"`
	ActualWaitTime int        `json:"actualWaitTime"`
	Progress       *progress  `json:"progress,omitempty"`
	Data           *workspace `json:"data,omitempty"`
}

type progress struct {
	PercentComplete int `json:"percentComplete"`
}

// subscribed delivers what a channel begins with.
func (f *feed) subscribed(s *bayeux.Session, m *gws.Member, channel string) {
	switch channel {
	case ChannelInitialization:
		// Nobody waits for the users' table longer than for the request.
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		data := f.server.workspaceOf(ctx, m.Principal().User)
		now := time.Now().UnixMilli()
		begun := initialization{MessageType: "WorkspaceInitializationProgress", State: "Executing", SubmittedAt: now, Progress: &progress{50}}
		nearly := begun
		nearly.Progress, nearly.Data = &progress{100}, &data
		f.deliver(s, channel, begun, nearly,
			initialization{MessageType: "WorkspaceInitializationComplete", State: complete, SubmittedAt: now, Progress: &progress{100}, Data: &data})
	case ChannelMedia:
		f.deliver(s, channel, Notification{MessageType: "ChannelStateChanged", Media: &Media{Channels: []MediaChannel{}}})
	}
}

func (f *feed) deliver(s *bayeux.Session, channel string, values ...any) {
	events := make([]bayeux.Event, 0, len(values))
	for _, v := range values {
		e, err := bayeux.NewEvent(channel, v)
		if err != nil {
			f.server.o.Logger.Error("workspace_notification_lost", "channel", channel, "error", err)
			continue
		}
		events = append(events, e)
	}
	_ = s.Deliver(events...) // a session that has ended misses nothing
}

// tell delivers to all desktops of some users.
func (f *feed) tell(channel string, n Notification, users ...auth.UserID) {
	for _, id := range f.server.sessions.ids(users) {
		if err := f.sessions.Deliver(id, channel, n); err != nil { // ours can all be written
			f.server.o.Logger.Error("workspace_notification_lost", "channel", channel, "error", err)
		}
	}
}

// renew lets a user's desktops be told of a DN that has just become the user's, in the middle of a held connect.
func (f *feed) renew(ctx context.Context, user auth.UserID) {
	for _, id := range f.server.sessions.ids([]auth.UserID{user}) {
		f.sessions.RenewLogin(ctx, id)
	}
}

// seated tells a user's desktops how things stand at the DN where the user works from now on. The agent's state comes as an
// event when the login has changed it.
func (f *feed) seated(who auth.Principal, at seat, told bool) {
	s := f.server
	if v, err := s.o.Access.Agent(who, at.dn); err == nil && !told {
		dn := dnOf(v, s.o.SwitchName, who.Can(auth.VerbSupervise))
		f.tell(ChannelVoice, Notification{MessageType: "DnStateChanged", DN: &dn, PhoneNumber: at.dn}, who.UserID)
	}
	for _, call := range s.calls(who, at) {
		f.tell(ChannelVoice, Notification{MessageType: "CallStateChanged", NotificationType: notifyState, Call: &call, PhoneNumber: at.dn}, who.UserID)
	}
	f.tell(ChannelMedia, Notification{MessageType: "ChannelStateChanged", Media: &Media{Channels: []MediaChannel{}}}, who.UserID)
}
