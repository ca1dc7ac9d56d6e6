package v3

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"sidecar/agent"
	"sidecar/auth"
	"sidecar/bridge"
	"sidecar/cti"
)

const (
	maxSubscriptions = 20 // of a session
	maxStatistics    = 200
)

// Statistic is a figure that a client wants to follow.
type Statistic struct {
	ObjectID   string `json:"objectId"`
	ObjectType string `json:"objectType"`
	Name       string `json:"name"`
}

// StatisticValue is a figure.
type StatisticValue struct {
	Statistic

	StatisticID string `json:"statisticId"`
	Timestamp   int64  `json:"timestamp"`
	Value       Value  `json:"value"`
}

// Value is the value of a figure, as number and as text.
type Value struct {
	IntValue    int    `json:"intValue"`
	StringValue string `json:"stringValue"`
	Timestamp   int64  `json:"timestamp"`
}

// subscription is a group of figures of a session.
type subscription struct {
	id    string
	stats []StatisticValue // replaced, never changed
	sent  string           // the values that were pushed last
}

func (s *Server) reportingRoutes() {
	const path = "/reporting/subscriptions"
	s.post(path, s.subscribeStatistics)
	s.get(path+"/{id}", s.peek)
	s.get(path, s.peekAll)
	s.mux.Handle("DELETE "+Base+path+"/{id}", s.handle(s.unsubscribe))
	s.post("/reporting/unsubscribe", s.unsubscribe)
}

func (s *Server) subscribeStatistics(ctx context.Context, r *request) (*reply, error) {
	wanted := r.in.Data.Statistics
	if len(wanted) == 0 {
		return nil, missing()
	}
	if len(wanted) > maxStatistics {
		return nil, badParameter(fmt.Sprintf("statistics: %d are too many, %d are the most", len(wanted), maxStatistics))
	}
	sub := &subscription{id: rand.Text()}
	for i, w := range wanted {
		sub.stats = append(sub.stats, StatisticValue{Statistic: w, StatisticID: strconv.Itoa(i + 1)})
	}
	if err := s.evaluate(ctx, r.who, sub); err != nil {
		return nil, err
	}
	if !s.sessions.addSubscription(r.session, sub) {
		return nil, &refusal{http.StatusConflict, http.StatusConflict, fmt.Sprintf("a session has %d subscriptions at most", maxSubscriptions)}
	}
	return done(sub.reply()), nil
}

func (sub *subscription) reply() map[string]any {
	return map[string]any{"subscriptionId": sub.id, "statistics": sub.stats}
}

// evaluate reads the figures anew.
func (s *Server) evaluate(ctx context.Context, who auth.Principal, sub *subscription) error {
	now := time.Now()
	targets, err := s.allTargets(ctx, who, []string{typeAgent})
	if err != nil {
		return err
	}
	fresh := slices.Clone(sub.stats)
	for i := range fresh {
		f := &fresh[i]
		n, err := s.statistic(who, targets, f.Statistic, now)
		if err != nil {
			return err
		}
		f.Timestamp = now.UnixMilli()
		f.Value = Value{IntValue: n, StringValue: strconv.Itoa(n), Timestamp: f.Timestamp}
	}
	sub.stats = fresh
	return nil
}

// statistic is a figure of an agent, or of a queue.
func (s *Server) statistic(who auth.Principal, targets []Target, of Statistic, now time.Time) (int, error) {
	unknown := &refusal{http.StatusInternalServerError, http.StatusInternalServerError, "no statistic " + of.Name + " of " + of.ObjectType + " " + of.ObjectID}
	for _, q := range s.queues() {
		if q.Name != of.ObjectID && q.Number != of.ObjectID {
			continue
		}
		switch of.Name {
		case "CallsWaiting", "CurrentWaitingCalls", "waitingCalls":
			return q.Waiting, nil
		case "ReadyAgents", "CurrentReadyAgents", "readyAgents":
			return q.Ready, nil
		}
		return 0, unknown
	}
	dn := of.ObjectID
	for i := range targets {
		t := &targets[i]
		if t.Type == typeAgent && (t.ID == of.ObjectID || strings.EqualFold(t.UserName, of.ObjectID)) {
			dn = t.Number
		}
	}
	if !who.MaySeeDN(dn) {
		return 0, unknown // as if there were none
	}
	n, ok := s.tally.value(dn, of.Name, now)
	if !ok {
		return 0, unknown
	}
	return n, nil
}

func (s *Server) peek(ctx context.Context, r *request) (*reply, error) {
	now, err := s.look(ctx, r, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return done(now), nil
}

func (s *Server) peekAll(ctx context.Context, r *request) (*reply, error) {
	list := []any{}
	for _, id := range words(r.URL.Query().Get("ids")) {
		now, err := s.look(ctx, r, id)
		if err != nil {
			return nil, err
		}
		list = append(list, now)
	}
	return done(map[string]any{"subscriptions": list}), nil
}

// look reads the figures of a subscription now.
func (s *Server) look(ctx context.Context, r *request, id string) (map[string]any, error) {
	sub, ok := s.sessions.subscription(r.session, id)
	if !ok {
		return nil, noSubscription(id)
	}
	if err := s.evaluate(ctx, r.who, &sub); err != nil {
		return nil, err
	}
	return sub.reply(), nil
}

func (s *Server) unsubscribe(_ context.Context, r *request) (*reply, error) {
	id := cmp.Or(r.PathValue("id"), r.in.Data.SubscriptionID)
	if !s.sessions.dropSubscription(r.session, id) {
		return nil, noSubscription(id)
	}
	return done(nil), nil
}

func noSubscription(id string) *refusal {
	return &refusal{http.StatusInternalServerError, http.StatusInternalServerError, "no subscription " + id}
}

// count feeds the tally until ctx ends. When the feed has lost events, it goes on with those that come.
func (s *Server) count(ctx context.Context) {
	for _, v := range s.o.Snapshot.DNs() {
		s.tally.begin(v, time.Now())
	}
	for {
		sub, err := s.o.Feed.Subscribe(cti.SubscribeOptions{Filter: func(e *cti.Event) bool { return e.Topic == cti.TopicAgent }})
		if errors.Is(err, cti.ErrStalled) {
			if s.o.Feed.Wait(ctx) == nil {
				continue
			}
			return
		}
		if err != nil {
			return // the feed has stopped
		}
		for {
			entries, err := sub.Next(ctx)
			if err != nil {
				break
			}
			for _, e := range entries {
				s.tally.take(&e.Event)
				s.putAway(ctx, &e.Event)
			}
		}
		sub.Close()
		if ctx.Err() != nil {
			return
		}
	}
}

// putAway completes a call that has ended at a DN whose desktop wants it so.
func (s *Server) putAway(ctx context.Context, e *cti.Event) {
	if e.Call == nil || e.Call.State != cti.StateReleased || !s.sessions.autoCompletes(string(e.DN)) {
		return
	}
	if _, err := s.o.Complete(ctx, bridge.PartyCommand{Call: e.Call.ID, By: e.DN}); err != nil { // somebody was faster
		s.o.Logger.DebugContext(ctx, "workspace_complete", "dn", e.DN, "error", err)
	}
}

const (
	servicePoll = time.Second
	sweepEvery  = time.Minute
)

// tick pushes what changes by itself, and ends sessions, until ctx ends.
func (s *Server) tick(ctx context.Context) {
	service, statistics, sweep := time.NewTicker(servicePoll), time.NewTicker(s.o.Refresh), time.NewTicker(sweepEvery)
	defer service.Stop()
	defer statistics.Stop()
	defer sweep.Stop()
	voice := s.voiceAvailable()
	for {
		select {
		case <-ctx.Done():
			return
		case <-service.C:
			if now := s.voiceAvailable(); now != voice {
				voice = now
				s.feed.tell(ChannelVoice, Notification{MessageType: "ServiceStateChanged", ServiceName: "VOICE", ServiceState: s.services()[0].ServiceState})
			}
		case <-statistics.C:
			s.push(ctx)
		case now := <-sweep.C:
			s.sessions.sweep(now)
		}
	}
}

// push tells the desktops the figures that have changed.
func (s *Server) push(ctx context.Context) {
	for _, p := range s.sessions.allSubscriptions() {
		who, err := s.o.Tokens.Verify(ctx, p.token)
		if err == nil {
			err = s.evaluate(ctx, who, &p.sub)
		}
		if err != nil {
			continue // who looks is told why
		}
		var values strings.Builder
		for i := range p.sub.stats {
			fmt.Fprintf(&values, "%d ", p.sub.stats[i].Value.IntValue)
		}
		if s.sessions.pushed(p.sub.id, values.String()) {
			s.feed.tell(ChannelStatistics, Notification{MessageType: "StatisticsUpdated", SubscriptionID: p.sub.id, Statistics: p.sub.stats}, p.user)
		}
	}
}

// begin says in which state a DN is found.
func (t *tally) begin(v agent.View, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn(now)
	t.dn(v.Number, now).state = string(v.Agent.State)
}
