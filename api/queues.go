package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"sidecar/auth"
	"sidecar/bridge"
	"sidecar/queue"
)

// Queues are the route points and the calls that wait there.
type Queues interface {
	All() []queue.View
	View(name string) (queue.View, error)
	Calls(name string) ([]queue.CallView, error)
	Decide(ctx context.Context, name string, d queue.Decision) error
}

// Queue is a route point as it stands.
type Queue struct {
	Name        string        `json:"name" example:"sales"`
	Number      string        `json:"number" doc:"Of the route point" example:"6000"`
	Routing     string        `json:"routing" enum:"internal,external" doc:"Who decides where a waiting call goes: the sidecar, or a program"`
	Open        bool          `json:"open"`
	Waiting     int           `json:"waiting" doc:"Calls that wait, those that are being offered too"`
	LongestWait float64       `json:"longestWait" doc:"Seconds that one of them has waited"`
	Callbacks   int           `json:"callbacks" doc:"Callers who wait to be called back"`
	LoggedIn    int           `json:"agentsLoggedIn" doc:"Agents who serve the queue"`
	Ready       int           `json:"agentsReady"`
	Today       *QueueFigures `json:"today,omitempty" doc:"Since midnight; not for agents"`
	Recent      *QueueFigures `json:"last30Minutes,omitempty" doc:"Not for agents"`
}

// QueueFigures count what became of calls. Each call that entered is in one of the others, or waits.
type QueueFigures struct {
	Entered        int     `json:"entered"`
	Answered       int     `json:"answered"`
	AnsweredInTime int     `json:"answeredInTime" doc:"Within service_level"`
	Abandoned      int     `json:"abandoned"`
	Overflowed     int     `json:"overflowed"`
	Routed         int     `json:"routed" doc:"Sent elsewhere by a program, a supervisor or a transfer"`
	Closed         int     `json:"closed" doc:"Turned away because the queue was closed"`
	Callbacks      int     `json:"callbacks" doc:"Callers who chose to be called back"`
	Ended          int     `json:"ended" doc:"Ended by a command, or with the PBX"`
	CalledBack     int     `json:"calledBack" doc:"Callbacks that reached their caller"`
	ServiceLevel   float64 `json:"serviceLevel" doc:"Share of the calls answered in time, of those answered or abandoned; 1 when there was none"`
	AverageWait    float64 `json:"averageWait" doc:"Seconds until the answer"`
	LongestWait    float64 `json:"longestWait" doc:"Seconds until the answer"`
}

// QueueList is the list of queues.
type QueueList struct {
	Queues []Queue `json:"queues" nullable:"false"`
}

// QueuedCall is a call that waits.
type QueuedCall struct {
	Call      Call   `json:"call"`
	Since     string `json:"since" format:"date-time"`
	Position  int    `json:"position" doc:"From 1, callbacks counted too; 0 for a call on its way out"`
	Priority  int    `json:"priority"`
	OfferedTo string `json:"offeredTo,omitempty" doc:"The DN whose phone rings for it" example:"5001"`
	LastOffer string `json:"lastOffer,omitempty" doc:"The DN of the offer that failed last" example:"5002"`
	Failure   string `json:"lastFailure,omitempty" doc:"Why it failed, as a problem's code" example:"no_answer"`
	Leaving   bool   `json:"leaving,omitempty" doc:"On its way out of the queue"`
	DecideBy  string `json:"decideBy,omitempty" format:"date-time" doc:"When the default target is taken, with external routing"`
}

// QueuedCallList is the list of calls in a queue, the next to be served first.
type QueuedCallList struct {
	Calls []QueuedCall `json:"calls" nullable:"false"`
}

// RouteRequest says where a waiting call goes: to a DN, which is rung while the caller goes on waiting, or away to a number.
type RouteRequest struct {
	DN      string `json:"dn,omitempty" maxLength:"32" doc:"The DN to ring; the call waits on if nobody answers" example:"5001"`
	Timeout int    `json:"timeout,omitempty" minimum:"1" maximum:"300" doc:"Seconds that the DN rings; missing: ring_timeout of the queue"`
	To      string `json:"to,omitempty" maxLength:"64" pattern:"^[0-9A-Za-z+*#(). /_-]+$" patternDescription:"a number" doc:"The DN, queue or outside number that the call leaves for" example:"6001"`
}

// QueuePath names a queue.
type QueuePath struct {
	Name string `path:"name" maxLength:"64"`
}

type queuesOutput struct{ Body QueueList }

type queueOutput struct{ Body Queue }

type queuedCallsOutput struct{ Body QueuedCallList }

type routeInput struct {
	OperationID
	QueuePath
	CallPath
	Body RouteRequest
}

func (s *server) registerQueues() {
	const path = "/api/v1/queues"
	register(s, endpoint{
		id: "list-queues", method: http.MethodGet, path: path, tag: "queues", verb: auth.VerbViewQueues,
		summary: "List the queues: agents see how many wait and who is there, others the figures too",
	}, s.listQueues)
	register(s, endpoint{
		id: "get-queue", method: http.MethodGet, path: path + "/{name}", tag: "queues", verb: auth.VerbViewQueues,
		summary: "Get a queue", errors: []int{http.StatusNotFound},
	}, s.getQueue)
	register(s, endpoint{
		id: "list-queued-calls", method: http.MethodGet, path: path + "/{name}/calls", tag: "queues", verb: auth.VerbRouteQueues,
		summary: "List the calls that wait in a queue, the next to be served first", errors: []int{http.StatusNotFound},
	}, s.listQueuedCalls)
	register(s, endpoint{
		id: "route-queued-call", method: http.MethodPost, path: path + "/{name}/calls/{id}/route", tag: "queues", verb: auth.VerbRouteQueues,
		summary: "Offer a waiting call to a DN, or send it elsewhere",
		errors: []int{
			http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
		},
	}, s.routeQueuedCall)
}

func (s *server) listQueues(ctx context.Context, _ *struct{}) (*queuesOutput, error) {
	views := s.Queues.All()
	out := &queuesOutput{Body: QueueList{Queues: make([]Queue, 0, len(views))}}
	for i := range views {
		out.Body.Queues = append(out.Body.Queues, queueFor(principalOf(ctx), &views[i]))
	}
	return out, nil
}

func (s *server) getQueue(ctx context.Context, in *QueuePath) (*queueOutput, error) {
	v, err := s.Queues.View(in.Name)
	if err != nil {
		return nil, aboutQueue(err)
	}
	return &queueOutput{Body: queueFor(principalOf(ctx), &v)}, nil
}

func (s *server) listQueuedCalls(ctx context.Context, in *QueuePath) (*queuedCallsOutput, error) {
	views, err := s.Queues.Calls(in.Name)
	if err != nil {
		return nil, aboutQueue(err)
	}
	p := principalOf(ctx)
	out := &queuedCallsOutput{Body: QueuedCallList{Calls: make([]QueuedCall, 0, len(views))}}
	for i := range views {
		v := &views[i]
		c := QueuedCall{
			Call: s.callFor(p, v.Call), Since: stamp(v.Since), Position: v.Position, Priority: v.Priority,
			OfferedTo: string(v.Offered), LastOffer: string(v.Last), Leaving: v.Leaving, DecideBy: stamp(v.DecideBy),
		}
		if v.Failed != nil {
			c.Failure = s.outcome(v.Failed)
		}
		out.Body.Calls = append(out.Body.Calls, c)
	}
	return out, nil
}

func (s *server) routeQueuedCall(ctx context.Context, in *routeInput) (*struct{}, error) {
	p, b := principalOf(ctx), in.Body
	switch {
	case (b.DN == "") == (b.To == ""):
		return nil, invalid("dn", "write dn to ring a DN, or to to send the call elsewhere, and not both")
	case b.To != "" && b.Timeout != 0:
		return nil, invalid("timeout", "goes with dn only")
	case b.DN != "" && !p.MayUseDN(b.DN):
		return nil, &auth.ForbiddenError{Verb: auth.VerbRouteQueues, Role: p.Role, Field: "dn", DN: b.DN}
	case b.DN != "":
		if err := s.access.KnownDN("dn", b.DN); err != nil {
			return nil, err
		}
	}
	decision := queue.Decision{
		Call: bridge.CallID(in.ID), DN: bridge.DN(b.DN), Timeout: time.Duration(b.Timeout) * time.Second,
		To: b.To, Class: s.access.Class(p), Op: bridge.OpID(in.Op),
	}
	decision.Op = decision.Op.For(p.ID(), decision)
	err := aboutQueue(s.Queues.Decide(ctx, in.Name, decision))
	s.audit(ctx, "route-queued-call", in.ID, map[string]string{"queue": in.Name, "dn": b.DN, "to": b.To}, err)
	return nil, err
}

// queueFor is a queue as the user may see it: agents are told counts only.
func queueFor(p auth.Principal, v *queue.View) Queue {
	q := Queue{
		Name: v.Name, Number: v.Number, Routing: "internal", Open: v.Open, Waiting: v.Waiting, LongestWait: v.Longest.Seconds(),
		Callbacks: v.Callbacks, LoggedIn: v.LoggedIn, Ready: v.Ready,
	}
	if v.External {
		q.Routing = "external"
	}
	if p.Can(auth.VerbRouteQueues) {
		q.Today, q.Recent = figuresOf(v.Today), figuresOf(v.Recent)
	}
	return q
}

func figuresOf(f queue.Figures) *QueueFigures {
	return &QueueFigures{
		Entered: f.Entered, Answered: f.Answered, AnsweredInTime: f.InTime, Abandoned: f.Abandoned, Overflowed: f.Overflowed,
		Routed: f.Routed, Closed: f.Closed, Callbacks: f.Callbacks, Ended: f.Ended, CalledBack: f.CalledBack,
		ServiceLevel: f.ServiceLevel(), AverageWait: f.AverageWait().Seconds(), LongestWait: f.Longest.Seconds(),
	}
}

// aboutQueue makes a problem of what package queue refuses.
func aboutQueue(err error) error {
	switch {
	case errors.Is(err, queue.ErrUnknownQueue):
		return newProblem(http.StatusNotFound, "queue_not_found", queue.ErrUnknownQueue.Error()).at("name", queue.ErrUnknownQueue.Error())
	case errors.Is(err, queue.ErrNotHere):
		return newProblem(http.StatusNotFound, "not_waiting", queue.ErrNotHere.Error()).at("id", queue.ErrNotHere.Error())
	case errors.Is(err, queue.ErrBeingOffered):
		return newProblem(http.StatusConflict, "being_offered", queue.ErrBeingOffered.Error())
	}
	return err
}
