package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	errSim    = errors.New("the simulated switch refuses")
	errKilled = errors.New("the engine that asks is dead")
)

// fault is what goes wrong with one request.
type fault int

const (
	works fault = iota
	refused
	requestLost
	answerLost
)

// phone is how somebody takes a call. Times count from the ringing of the channel; 0 is never.
type phone struct {
	Absent                   bool
	Page                     bool // a browser with our page: it takes commands
	Heard, Ring, Answer      time.Duration
	Reject, HangupAfterwards time.Duration
	Cause                    int
}

type simChannel struct {
	id      ChannelID
	to      string // whose phone
	caller  string // number that it is shown
	state   LegChange
	dialed  bool
	arrived *Arrival
	held    bool
	mute    Mute
	digits  string
	snoops  string // the channel that it hears, with which it ends
	gen     int    // of the engine beside whose gateway it came to be
	resume  bool   // the page answers by itself
}

// simLeg is a leg of the gateway that no channel belongs to.
type simLeg struct{ up, held bool }

type simBridge struct {
	members map[string]bool
	music   bool
}

// sim is a switch with its phones, in the time of a synctest bubble, and what the engine sees of the world. Facts
// are given to the engine under the lock, which keeps them in order.
type sim struct {
	mu          sync.Mutex
	e           *Engine
	servers     []ServerID
	engines     []*Engine // all there were
	gen         int       // of the engine that may act
	chans       map[string]*simChannel
	legs        map[string]*simLeg // of calls that a switch mixes; they die with the engine
	silent      bool               // phones acknowledge nothing
	referred    []string           // what phones were told of their REFERs
	bridges     map[string]*simBridge
	phones      map[string]phone
	latency     time.Duration
	refuseJoins int           // so many of the next
	slowJoin    time.Duration // of the next
	faults      map[int]fault // by number of request
	requests    int
	gap         bool // no events
	cut         bool // no requests either
	journal     map[string][]byte
	orders      map[string]MonitorOrder
	diskFull    bool
	events      []Event       // that the log has
	lag         time.Duration // until it has them
	way         []underWay    // to it; dies with the engine
	agents      map[DN]map[InteractionID]bool
	ops         int // what the engine has done to the world
	killAt      int
	killed      chan struct{}
	wrong       []string
	arrivals    int
	recorder    Recorder

	gateway simGateway
	studio  simStudio
}

// simGateway is what can be known of the gateway while the lock is held.
type simGateway struct {
	mu    sync.Mutex
	pages map[DN]bool
	legs  map[string]int // the engine beside whose gateway it came to be, by its name
}

func (g *simGateway) has(leg string, gen int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.legs[leg] = gen
}

func newSim() *sim {
	return &sim{
		chans: map[string]*simChannel{}, legs: map[string]*simLeg{}, bridges: map[string]*simBridge{}, phones: map[string]phone{}, faults: map[int]fault{},
		journal: map[string][]byte{}, orders: map[string]MonitorOrder{}, agents: map[DN]map[InteractionID]bool{}, killed: make(chan struct{}),
		latency: 3 * time.Millisecond, gateway: simGateway{legs: map[string]int{}}, studio: newStudio(),
	}
}

// start runs a new engine on what the journal has.
func (s *sim) start() *Engine {
	s.mu.Lock()
	s.gen++
	p := port{s, s.gen}
	s.gateway.mu.Lock()
	s.gateway.pages = map[DN]bool{}
	for number, ph := range s.phones {
		s.gateway.pages[DN(number)] = ph.Page
	}
	s.gateway.mu.Unlock()
	s.agents, s.way = map[DN]map[InteractionID]bool{}, nil
	var list []Interaction
	for _, id := range slices.Sorted(maps.Keys(s.journal)) {
		var i Interaction
		if err := json.Unmarshal(s.journal[id], &i); err != nil {
			s.wrong = append(s.wrong, err.Error())
		}
		list = append(list, i)
	}
	orders := maps.Clone(s.orders)
	clear(s.studio.waits)
	var recorder Recorder = simRecorder{p}
	if s.recorder != nil {
		recorder = s.recorder
	}
	s.mu.Unlock()
	e := New(Options{
		Node: "n1", NodeID: 1, Server: "pbx1", Servers: s.servers, Switch: p, Phones: simPhones{p}, Plan: simPlan{}, Agents: p, Journal: p, Feed: p, Orders: simOrders{p}, Recorder: recorder, Queues: simQueues{p},
		MusicClass: "default", Grace: 20 * time.Second, RingTimeout: 20 * time.Second, EffectTimeout: 5 * time.Second, Logger: slog.New(slog.DiscardHandler),
	})
	e.Restore(list)
	e.RestoreMonitors(slices.Collect(maps.Values(orders)))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.e = e
	s.engines = append(s.engines, e)
	if !s.gap {
		e.Recovered(s.snapshot())
	}
	return e
}

func (s *sim) snapshot() Snapshot {
	snap := Snapshot{Server: "pbx1", Channels: map[string]ChannelFact{}, Bridges: map[string][]string{}}
	for id, c := range s.chans {
		fact := ChannelFact{State: c.state}
		if c.arrived != nil {
			in := *c.arrived
			in.Up = c.state == LegIsUp
			fact.Arrived = &in
		}
		snap.Channels[id] = fact
	}
	for id, b := range s.bridges {
		snap.Bridges[id] = slices.Sorted(maps.Keys(b.members))
	}
	return snap
}

// stop ends the engine in good order and reports whether there was one; start takes up what it left.
func (s *sim) stop() bool {
	s.mu.Lock()
	e := s.e
	s.mu.Unlock()
	if e == nil {
		return false
	}
	e.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.e != e { // killed meanwhile
		return false
	}
	for _, what := range s.way { // the log takes all before the end
		s.logLocked(what)
	}
	s.gen, s.e = s.gen+1, nil
	clear(s.legs)
	return true
}

// kill ends the engine as a signal would: what it does from now on does nothing.
func (s *sim) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gen, s.e = s.gen+1, nil
	clear(s.legs)
}

// setGap begins or ends a gap of the events, and of the requests too.
func (s *sim) setGap(gap, cut bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.gap
	s.gap, s.cut = gap, cut
	switch {
	case s.e == nil || was == gap:
	case gap:
		s.e.Gap("pbx1")
	default:
		s.e.Recovered(s.snapshot())
	}
}

// tell gives a fact to the engine, if it hears it. The lock is held.
func (s *sim) tell(change LegChanged) {
	if s.e != nil && !s.gap {
		s.e.Leg(change)
	}
}

// arrive brings a call, by trunk or from a DN's phone.
func (s *sim) arrive(from DN, called string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.arrivals++
	id := fmt.Sprintf("cust%d", s.arrivals)
	in := Arrival{Channel: ch(id), From: from, Number: "0301", Called: called, Trunk: "t"}
	if from != "" {
		in.Trunk, in.Number, in.Leg = "", string(from), "g-"+id
	}
	s.chans[id] = &simChannel{id: ch(id), to: string(from), state: LegIsCreated, arrived: &in, gen: s.gen}
	s.gateway.has(in.Leg, s.gen)
	if s.e != nil && !s.gap {
		s.e.Arrive(in)
	}
	return id
}

// later lets a phone do something, if its channel is still there.
func (s *sim) later(d time.Duration, id string, do func(*simChannel)) {
	if d <= 0 {
		return
	}
	time.AfterFunc(d, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if c := s.chans[id]; c != nil {
			do(c)
		}
	})
}

func (s *sim) set(c *simChannel, state LegChange) {
	if c.state == LegIsUp || c.state == state {
		return
	}
	c.state = state
	s.tell(LegChanged{Channel: c.id, Change: state})
}

// end removes a channel. The lock is held.
func (s *sim) end(c *simChannel, cause int) {
	delete(s.chans, c.id.ID)
	s.closeFiles(c.id.ID)
	for _, other := range s.chans {
		if other.snoops == c.id.ID {
			s.end(other, causeNormal)
		}
	}
	for _, b := range s.bridges {
		delete(b.members, c.id.ID)
	}
	s.tell(LegChanged{Channel: c.id, Change: LegIsGone, Cause: cause})
}

// hangup is somebody putting down the phone.
func (s *sim) hangup(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.chans[id]; c != nil {
		s.end(c, causeNormal)
	}
}

// channels lists what there is, by id; a channel of a DN's phone is found by its DN too.
func (s *sim) channels(of string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	for id, c := range s.chans {
		if of == "" || c.to == of {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// eventLines are the events of one DN so far; one that an engine published again is the same.
func (s *sim) eventLines(dn DN) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lines []string
	seen := map[string]bool{}
	for _, e := range s.events {
		again := seen[e.ID]
		seen[e.ID] = true
		if !again && e.Kind != EventCallChanged && e.This.DN == dn {
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s", e.Kind, e.CallState)))
		}
	}
	return lines
}

// port is what one engine sees of the world.
type port struct {
	*sim
	own int
}

// act counts something that the engine does and reports whether it may. The lock is held.
func (p port) act() bool {
	if p.own != p.gen {
		return false
	}
	p.ops++
	if p.ops == p.killAt {
		p.gen, p.e = p.gen+1, nil
		clear(p.legs)
		close(p.killed)
		return false
	}
	return true
}

// request is one request to the switch.
func (p port) request(ctx context.Context, do func() error) error {
	p.mu.Lock()
	p.requests++
	wrong := p.faults[p.requests]
	latency, cut := p.latency, p.cut
	p.mu.Unlock()
	if err := wait(ctx, latency); err != nil {
		return err
	}
	switch {
	case cut:
		return fmt.Errorf("%w: %w", errSim, ErrUnknownOutcome)
	case wrong == refused:
		return errSim
	case wrong == requestLost:
		<-ctx.Done()
		return ctx.Err()
	}
	p.mu.Lock()
	if !p.act() {
		p.mu.Unlock()
		return errKilled
	}
	err := do()
	cut = p.cut
	p.mu.Unlock()
	if cut {
		return fmt.Errorf("the answer: %w", ErrUnknownOutcome)
	}
	if wrong == answerLost {
		<-ctx.Done()
		return ctx.Err()
	}
	return err
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// on does something with a channel that must be there.
func (p port) on(ctx context.Context, id ChannelID, do func(*simChannel) error) error {
	return p.request(ctx, func() error {
		c := p.chans[id.ID]
		if c == nil {
			return fmt.Errorf("%w: no channel %s", errSim, id.ID)
		}
		return do(c)
	})
}

func (p port) Create(ctx context.Context, leg NewLeg) error {
	return p.request(ctx, func() error {
		to := string(leg.To.DN) + leg.To.Number
		if p.chans[leg.Channel.ID] != nil {
			return nil
		}
		if p.phones[to].Absent {
			return ErrUnreachable
		}
		c := &simChannel{id: leg.Channel, to: to, caller: leg.CallerNum, state: LegIsCreated, gen: p.own, resume: leg.Resume}
		p.gateway.has(leg.Channel.ID, p.own)
		p.chans[leg.Channel.ID] = c
		p.tell(LegChanged{Channel: c.id, Change: LegIsCreated})
		return nil
	})
}

func (p port) Dial(ctx context.Context, id, _ ChannelID, timeout time.Duration) error {
	return p.on(ctx, id, func(c *simChannel) error {
		if c.state != LegIsCreated {
			return fmt.Errorf("%w: %s is not down", errSim, id.ID)
		}
		if c.dialed && p.gen == 1 { // an engine that was killed can't know
			p.wrong = append(p.wrong, id.ID+" was dialled twice")
		}
		c.dialed = !p.cut && len(p.faults) == 0 // else the engine can't know
		ph := p.phones[c.to]
		if c.resume && ph.Page {
			ph.Answer = time.Millisecond
		}
		p.later(ph.Heard, id.ID, func(c *simChannel) { p.tell(LegChanged{Channel: c.id, Change: LegIsHeard}) })
		p.later(ph.Ring, id.ID, func(c *simChannel) { p.set(c, LegIsRinging) })
		p.later(ph.Answer, id.ID, func(c *simChannel) { p.set(c, LegIsUp) })
		p.later(ph.HangupAfterwards, id.ID, func(c *simChannel) { p.end(c, causeNormal) })
		reject := func(c *simChannel) {
			if c.state != LegIsUp {
				p.end(c, ph.Cause)
			}
		}
		p.later(ph.Reject, id.ID, reject)
		p.later(timeout+5*time.Second, id.ID, reject)
		return nil
	})
}

func (p port) Answer(ctx context.Context, id ChannelID) error {
	return p.on(ctx, id, func(c *simChannel) error { p.set(c, LegIsUp); return nil })
}

func (p port) Ring(ctx context.Context, id ChannelID) error {
	return p.on(ctx, id, func(*simChannel) error { return nil })
}

func (p port) Open(ctx context.Context, id ChannelID) error {
	return p.on(ctx, id, func(*simChannel) error { return nil })
}

func (p port) Hangup(ctx context.Context, id ChannelID, cause int) error {
	return p.request(ctx, func() error {
		if c := p.chans[id.ID]; c != nil {
			p.end(c, cause)
		}
		return nil
	})
}

func (p port) Continue(ctx context.Context, id ChannelID, _ Treatment) error {
	return p.request(ctx, func() error {
		if c := p.chans[id.ID]; c != nil {
			c.arrived = nil
			p.later(time.Second, id.ID, func(c *simChannel) { p.end(c, causeNormal) })
		}
		return nil
	})
}

func (p port) ReferResult(ctx context.Context, id ChannelID, ok bool) error {
	return p.request(ctx, func() error {
		p.referred = append(p.referred, fmt.Sprintf("%s %t", id.ID, ok))
		return nil
	})
}

func (p port) Join(ctx context.Context, br BridgeID, ids []ChannelID) error {
	p.mu.Lock()
	slow := p.slowJoin
	p.slowJoin = 0
	p.mu.Unlock()
	if err := wait(ctx, slow); err != nil {
		return err
	}
	return p.request(ctx, func() error {
		if p.refuseJoins > 0 {
			p.refuseJoins--
			return errSim
		}
		b := p.bridges[br.ID]
		if b == nil {
			b = &simBridge{members: map[string]bool{}}
			p.bridges[br.ID] = b
		}
		for _, id := range ids {
			if p.chans[id.ID] == nil {
				return fmt.Errorf("%w: no channel %s", errSim, id.ID)
			}
		}
		for _, id := range ids {
			for _, other := range p.bridges {
				delete(other.members, id.ID)
			}
			b.members[id.ID] = true
		}
		return nil
	})
}

func (p port) Music(ctx context.Context, br BridgeID, _ string, on bool) error {
	return p.request(ctx, func() error {
		if b := p.bridges[br.ID]; b != nil {
			b.music = on
		}
		return nil
	})
}

func (p port) Destroy(ctx context.Context, br BridgeID) error {
	return p.request(ctx, func() error {
		delete(p.bridges, br.ID)
		p.endPlays(br.ID)
		return nil
	})
}

func (p port) Put(id string, i Interaction) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.act() {
		return errKilled
	}
	if p.diskFull {
		return errSim
	}
	text, err := json.Marshal(i)
	if err != nil {
		return err
	}
	p.journal[id] = text
	p.keeps(&i)
	return nil
}

func (p port) Delete(id string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.act() {
		return errKilled
	}
	delete(p.journal, id)
	return nil
}

func (p port) Publish(e Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.act() {
		return
	}
	if p.lag == 0 {
		p.events = append(p.events, e)
		return
	}
	p.toLog(underWay{event: e})
}

func (p port) Republish(e Event) { p.Publish(e) }

func (p port) WhenKept(done func()) {
	p.mu.Lock()
	at := p.lag > 0
	if at && p.own == p.gen {
		p.toLog(underWay{done: done})
	}
	p.mu.Unlock()
	if !at {
		done()
	}
}

// simLag is how long the log takes where it may lose something by a kill.
const simLag = 4 * time.Millisecond

// underWay is an event that the log does not have yet, or what is to be done when it has those before.
type underWay struct {
	event Event
	done  func()
}

// toLog has the log take something after its lag, if the engine lives so long. The lock is held.
func (p port) toLog(what underWay) {
	p.way = append(p.way, what)
	time.AfterFunc(p.lag, func() {
		p.mu.Lock()
		var first underWay
		if p.own == p.gen {
			first, p.way = p.way[0], p.way[1:]
			p.logLocked(first)
		}
		p.mu.Unlock()
		if first.done != nil {
			first.done()
		}
	})
}

func (s *sim) logLocked(what underWay) {
	if what.done == nil {
		s.events = append(s.events, what.event)
	}
}

func (p port) Reserve(dn DN, id InteractionID, _ Calling) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch held := p.agents[dn]; {
	case p.own != p.gen:
		return errKilled
	case p.phones[string(dn)].Absent:
		return ErrUnreachable
	case len(held) >= 2 && !held[id]:
		return ErrBusy
	}
	p.agents[dn] = with(p.agents[dn], id)
	return nil
}

func (p port) Occupy(dn DN, id InteractionID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.own == p.gen || p.e == nil {
		p.agents[dn] = with(p.agents[dn], id)
	}
}

func (p port) Free(dn DN, id InteractionID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.own == p.gen {
		delete(p.agents[dn], id)
	}
}

// simPlan knows the DNs 50xx; other numbers are outside, and 0900 is not to be called.
type simPlan struct{}

func (simPlan) Inbound(_, called string, _ time.Time) (Destination, error) {
	return simPlan{}.Dial("", "", called)
}

func (simPlan) Shows(_ DN, number string) bool { return number == "+4930200" }

func (simPlan) Dial(from DN, _, number string) (Destination, error) {
	switch {
	case from != "" && number == string(from):
		return Destination{}, &TargetError{Number: number, Rule: "own DN"}
	case number == "0900":
		return Destination{}, &TargetError{Number: number, Rule: "denied"}
	case number == "6000":
		return Destination{Queue: "sales", Number: number, Music: "sales", Dialled: number}, nil
	case number == "8000":
		return Destination{Treatment: Treatment{"messages", "closed"}, Dialled: number, Number: number}, nil
	case strings.HasPrefix(number, "50"):
		dest := toDN(DN(number))
		if number == "5004" {
			dest.Fallback = Treatment{"fallback", number}
		}
		return dest, nil
	}
	return toOutside(number), nil
}

// clean checks that nothing is left of calls that have all ended.
func (s *sim) clean(t *testing.T) {
	t.Helper()
	for _, problem := range s.leftovers() {
		require.Fail(t, problem)
	}
}

func (s *sim) leftovers() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := slices.Clone(s.wrong)
	left := func(what string, n int, which any) {
		if n > 0 {
			list = append(list, fmt.Sprintf("%d %s left: %v", n, what, which))
		}
	}
	left("channels", len(s.chans), slices.Collect(maps.Keys(s.chans)))
	left("bridges", len(s.bridges), slices.Collect(maps.Keys(s.bridges)))
	left("records", len(s.journal), slices.Collect(maps.Keys(s.journal)))
	left("orders", len(s.orders), s.orders)
	for dn, held := range s.agents {
		left("reservations of "+string(dn), len(held), held)
	}
	for name, held := range s.e.caps.held {
		left("channels in cap "+name, len(held), held)
	}
	left("actors", len(s.e.actors), nil)
	left("arrivals", len(s.e.arrivals), nil)
	left("names of legs", len(s.e.legs), s.e.legs)
	left("legs of the gateway", len(s.legs), nil)
	left("views", len(s.e.views), nil)
	return append(append(list, s.lostTakes()...), checkHistory(s.events)...)
}
