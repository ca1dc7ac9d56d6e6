package bridge

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// place is a state of an interaction with several calls, and what its history obliges to.
type place struct {
	state   Interaction
	at      time.Time
	most    int               // parties that there may be before the tour turns back
	queue   []Effect          // what the switch has not done to the bridges yet, in order
	bridges map[string]string // what it has done: the bridge that each channel is in
	music   map[string]bool   // by bridge
	begun   map[PartyID]bool
	ended   map[PartyID]bool
	told    map[PartyID]ConnID // as what a DN knows its call
	pending map[int]bool       // commands that wait
	token   int
	path    []string
}

// tour visits the states that follow from one, breadth first, and checks each step.
type tour struct {
	t      *testing.T
	seen   map[string]bool
	todo   []place
	steps  int
	failed map[string]bool
}

// about is an input for one of the calls.
type about struct {
	call CallID
	in   Input
}

func (p place) key() string {
	var b strings.Builder
	for n := range p.state.calls() {
		c := p.state.nth(n)
		fmt.Fprintf(&b, "[%t%t%t%t", c.Bridged, c.Music, c.Done, c.EndedAt.IsZero())
		if op := c.Transfer; op != nil {
			fmt.Fprintf(&b, " %d>%d %t%t%t", op.By, op.To, op.Committed, op.Recalled, op.Reply != 0)
		}
		for _, q := range c.Parties {
			if !q.alive() && !q.Leg.alive() {
				fmt.Fprintf(&b, "; %d gone", q.ID)
				continue
			}
			fmt.Fprintf(&b, "; %d %s %s %s%s %t %s %t%t%t%t%t %t %s in %s", q.ID, q.DN, q.State, q.Leg.State, q.Leg.Hold, q.Leg.Joined, q.Leg.Mute, q.Told,
				q.Away, q.Added, q.Complete, q.Announced, q.Reply != 0, q.Asked.Verb, p.bridges[q.Leg.Channel.ID])
		}
		b.WriteString("]")
	}
	for _, e := range p.queue {
		fmt.Fprintf(&b, "%s %+v", effectName(e), e)
	}
	return b.String()
}

// waiting counts those who are being called.
func (p place) waiting() int {
	n := 0
	for k := range p.state.calls() {
		for _, q := range p.state.nth(k).Parties {
			if q.alive() && (q.State == PartyAlerting || q.State == PartyRinging) {
				n++
			}
		}
	}
	return n
}

// inputs are what may happen next, by name.
func (p place) inputs() map[string]about {
	list := map[string]about{"switch lost": {in: SwitchLost{}}}
	for n := range p.state.calls() {
		c := p.state.nth(n)
		for _, q := range c.Parties {
			if q.Leg.alive() {
				p.facts(list, q)
			}
			if q.DN != "" && q.alive() && p.token < 12 {
				p.commands(list, n, q)
			}
		}
	}
	if p.joins() {
		list["joined"], list["not joined"] = about{}, about{}
	}
	p.gaps(list)
	return list
}

// facts are what the switch may tell of a leg.
func (p place) facts(list map[string]about, q Party) {
	put := func(change LegChange, cause int) {
		list[fmt.Sprintf("%d %s", q.ID, change)] = about{in: LegChanged{Channel: q.Leg.Channel, Change: change, Cause: cause}}
	}
	put(LegIsGone, causeNormal)
	switch q.Leg.State {
	case LegRequested:
		put(LegIsCreated, 0)
		list[fmt.Sprintf("%d refused", q.ID)] = about{in: LegFailed{Channel: q.Leg.Channel, Err: ErrUnreachable}}
		list[fmt.Sprintf("%d undecided", q.ID)] = about{in: Undecided{CreateLeg{Leg: NewLeg{Channel: q.Leg.Channel}}}}
	case LegDialed:
		put(LegIsRinging, 0)
		put(LegIsUp, 0)
		put(LegIsHeard, 0)
		list[fmt.Sprintf("%d timeout", q.ID)] = about{in: RingTimeout{Party: q.ID}}
	case LegRinging:
		put(LegIsUp, 0)
		list[fmt.Sprintf("%d busy", q.ID)] = about{in: LegChanged{Channel: q.Leg.Channel, Change: LegIsGone, Cause: causeBusy}}
	case LegUp:
		if q.DN != "" && q.ID <= 2 {
			put(LegIsHeld, 0)
			put(LegIsBack, 0)
			list[fmt.Sprintf("%d refers", q.ID)] = about{in: doTransfer{By: q.DN, Channel: q.Leg.Channel, Dest: toDN("5009")}}
		}
	case LegNone, LegCreated, LegArrived, LegLeaving, LegGone, LegAwaited:
	}
}

// commands are all that a party may ask for, whether it can or not.
func (p place) commands(list map[string]about, n int, q Party) {
	c := p.state.nth(n)
	all := listed()
	for _, verb := range append(all[:], "reject", "mute transfer") {
		in := p.command(n, q, verb, p.token+1, DN(fmt.Sprintf("50%d1", p.state.parties())))
		if in == nil || p.idle(verb) {
			continue
		}
		list[fmt.Sprintf("%s by %s in %s", verb, q.DN, c.ID)] = about{c.ID, in}
	}
}

// idle are commands that lead nowhere new.
func (p place) idle(verb Capability) bool {
	switch verb {
	case CanAttachUserData, CanUpdateUserData, CanDeleteUserDataPair, CanSendDTMF, CanMerge, CanInitiateConference, CanMuteOff, CanAnswer:
		return true
	case CanMuteOn:
		return p.state.parties() > 3
	case CanInitiateTransfer, CanSingleStepTransfer, CanSingleStepConference, CanRedirect, "mute transfer":
		return p.state.parties() >= p.most || p.waiting() > 1
	default:
		return false
	}
}

// command makes the input of a verb, nil for one that no party gives.
func (p place) command(n int, q Party, verb Capability, token int, to DN) Input {
	switch verb {
	case CanRelease:
		return doRelease{By: q.DN, Reply: token}
	case CanClear:
		return doHangup{Reply: token}
	case CanSingleStepTransfer:
		return doTransfer{By: q.DN, Dest: toDN(to), Reply: token}
	case CanAnswer, CanHold, CanRetrieve:
		return doPhone{By: q.DN, Verb: PhoneVerb(verb), Reply: token}
	case CanRedirect:
		return doRedirect{By: q.DN, Dest: toDN(to), Reply: token}
	case CanInitiateTransfer, CanInitiateConference, "mute transfer":
		id := CallID(fmt.Sprintf("UUID%d", p.state.calls()+1))
		return doConsult{
			By: q.DN, Dest: toDN(to), ID: id, ConnID: ConnID(p.state.calls() + 1), Purpose: ConsultTransfer, Mute: verb == "mute transfer", Reply: token,
		}
	case CanCompleteTransfer, CanCompleteConference, CanMerge, CanAlternate, CanReconnect:
		return doComplete{By: q.DN, Verb: verb, Reply: token}
	case CanSingleStepConference:
		return doAdd{By: q.DN, Dest: toOutside(string(to)), Reply: token}
	case CanDeleteFromConference:
		for _, other := range p.state.nth(n).others(q.ID) {
			return doDrop{By: q.DN, Member: other.Number, Reply: token}
		}
		return doDrop{By: q.DN, Member: "nobody", Reply: token}
	case CanSendDTMF:
		return doDTMF{By: q.DN, Digits: "1", Reply: token}
	case CanMuteOn, CanMuteOff:
		return doMute{By: q.DN, Direction: MuteIn, On: verb == CanMuteOn, Reply: token}
	case CanAttachUserData, CanUpdateUserData:
		return doData{By: q.DN, Verb: verb, Data: UserDataOf(map[string]string{"k": "v"}), Reply: token}
	case CanDeleteUserDataPair:
		return doData{By: q.DN, Verb: verb, Keys: []string{"k"}, Reply: token}
	case "reject":
		return doReject{By: q.DN, Reply: token}
	default:
		return nil
	}
}

// gaps are what the end of a gap or a restart may find.
func (p place) gaps(list map[string]about) {
	channels := map[string]ChannelFact{}
	members := map[string][]string{}
	for n := range p.state.calls() {
		for _, q := range p.state.nth(n).Parties {
			id := q.Leg.Channel.ID
			if !q.Leg.alive() || q.Leg.State == LegRequested {
				continue
			}
			channels[id] = ChannelFact{State: factOf(q.Leg.State)}
			if br := p.bridges[id]; br != "" {
				members[br] = append(members[br], id)
			}
		}
	}
	for _, restarted := range []bool{false, true} {
		list[fmt.Sprintf("reconciled, restarted %t", restarted)] = about{in: Reconciled{Channels: channels, Bridges: members, Restarted: restarted}}
		for id := range channels {
			some := maps.Clone(channels)
			delete(some, id)
			list[fmt.Sprintf("reconciled without %s, restarted %t", id, restarted)] = about{in: Reconciled{Channels: some, Bridges: members, Restarted: restarted}}
		}
	}
}

func factOf(state LegState) LegChange {
	switch state {
	case LegUp, LegLeaving:
		return LegIsUp
	case LegRinging:
		return LegIsRinging
	case LegNone, LegRequested, LegCreated, LegDialed, LegArrived, LegAwaited, LegGone:
	}
	return LegIsCreated
}

// settled is a place where the switch has done all that it was told.
func (t *tour) begin(p place, inputs ...Input) place {
	for _, in := range inputs {
		p = t.step(p, "", about{in: in})
		for p.joins() {
			p = t.step(p, "joined", about{})
		}
	}
	p.path = nil
	return p
}

func newPlace(most int) place {
	return place{
		state: matrixStart(), most: most, at: time.Date(2026, 11, 20, 21, 0, 0, 0, time.UTC), bridges: map[string]string{}, music: map[string]bool{},
		begun: map[PartyID]bool{}, ended: map[PartyID]bool{}, told: map[PartyID]ConnID{}, pending: map[int]bool{},
	}
}

func TestMatrixOfCalls(t *testing.T) {
	t.Parallel()
	answered := func(n int) []Input {
		id := fmt.Sprintf("n1-x.%d", n)
		return []Input{leg(id, LegIsCreated), leg(id, LegIsRinging), leg(id, LegIsUp)}
	}
	inbound := append([]Input{Arrived{Channel: ch("cust"), Up: true, Number: "030123", Called: "8000", Dest: toDN("5001")}}, answered(1)...)
	internal := append([]Input{Arrived{Channel: ch("a"), Up: true, From: "5002", Number: "5002", Called: "5001", Dest: toDN("5001")}}, answered(1)...)
	consult := append([]Input{doConsult{By: "5001", Dest: toDN("5003"), ID: "UUID2", ConnID: 2, Purpose: ConsultTransfer}}, answered(2)...)
	outside := append([]Input{doConsult{By: "5001", Dest: toOutside("040"), ID: "UUID2", ConnID: 2, Purpose: ConsultTransfer}}, answered(2)...)
	add := append([]Input{doAdd{By: "5001", Dest: toDN("5003")}}, answered(2)...)
	for name, begin := range map[string]struct {
		most   int
		inputs []Input
	}{
		"established":        {4, inbound},
		"ringing":            {3, inbound[:3]},
		"internal":           {4, internal},
		"consulted":          {5, slices.Concat(inbound, consult)},
		"consulting outside": {5, slices.Concat(inbound, outside[:3])},
		"internal consulted": {5, slices.Concat(internal, consult)},
		"conference":         {5, slices.Concat(inbound, add)},
		"adding":             {4, slices.Concat(internal, add[:3])},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &tour{t: t, seen: map[string]bool{}, failed: map[string]bool{}}
			w.todo = []place{w.begin(newPlace(begin.most), begin.inputs...)}
			for len(w.todo) > 0 && w.steps < tourSteps {
				p := w.todo[0]
				w.todo = w.todo[1:]
				inputs := p.inputs()
				for _, name := range slices.Sorted(maps.Keys(inputs)) {
					w.visit(w.step(p, name, inputs[name]))
				}
			}
			t.Logf("%d states, %d steps, %d states not gone on from", len(w.seen), w.steps, len(w.todo))
			require.Greater(t, len(w.seen), 100)
		})
	}
}

// tourSteps ends a tour: breadth first, what is left are the longest ways.
const tourSteps = 3_000

// visit keeps a place that is new.
func (t *tour) visit(p place) {
	key := p.key()
	if t.seen[key] {
		return
	}
	t.seen[key] = true
	t.checkState(p)
	if !p.state.Finished && p.state.parties() <= p.most && len(p.queue) < 6 {
		t.todo = append(t.todo, p)
	}
}

// step does one thing and checks what came of it.
func (t *tour) step(p place, name string, what about) place {
	t.steps++
	m := p
	m.at = p.at.Add(time.Second)
	if isAny[RingTimeout](what.in) {
		m.at = p.at.Add(time.Hour)
	}
	if name != "" {
		m.path = append(slices.Clone(p.path), name)
	}
	m.begun, m.ended, m.told = maps.Clone(p.begun), maps.Clone(p.ended), maps.Clone(p.told)
	m.pending, m.bridges, m.music = maps.Clone(p.pending), maps.Clone(p.bridges), maps.Clone(p.music)
	m.queue = slices.Clone(p.queue)
	if what.in == nil {
		what.in = m.answer(name == "joined")
	}
	if gap, ok := what.in.(Reconciled); ok && gap.Restarted {
		m.queue, m.pending = nil, map[int]bool{}
		p.state = p.state.clone()
		for n := range p.state.calls() {
			p.state.nth(n).forgetReplies()
		}
	}
	state, effects := next(p.state, stamped{At: m.at, Call: what.call, Input: what.in})
	m.state = state
	if token := replyTo(what.in); token != 0 {
		m.token = token
		m.pending[token] = true
	}
	t.checkEvents(&m, p.state.Events)
	t.checkEffects(&m, p.state, effects)
	m.leave()
	return m
}

// leave does what no join is before.
func (p *place) leave() {
	for len(p.queue) > 0 {
		switch e := p.queue[0].(type) {
		case LeaveLegs:
			maps.DeleteFunc(p.bridges, func(ch, br string) bool {
				return br == e.Bridge.ID && slices.Contains(e.Channels, ChannelID{e.Bridge.Server, ch})
			})
		case DestroyBridge:
			maps.DeleteFunc(p.bridges, func(_, br string) bool { return br == e.Bridge.ID })
		default:
			return
		}
		p.queue = p.queue[1:]
	}
}

// answer does the next join, or not, and is what the engine hears of it.
func (p *place) answer(done bool) Input {
	e := p.queue[0].(JoinLegs) //nolint:forcetypeassert // leave has been here
	p.queue = p.queue[1:]
	if !done {
		return Joined{Bridge: e.Bridge, Parties: e.Parties, Err: errMatrix}
	}
	for _, id := range e.Channels {
		p.bridges[id.ID] = e.Bridge.ID
	}
	return Joined{Bridge: e.Bridge, Parties: e.Parties}
}

func (t *tour) fail(p place, why string) {
	if !t.failed[why] {
		t.failed[why] = true
		assert.Fail(t.t, why, "after %q\n%s", p.path, strings.NewReplacer("]", "\n", ";", "\n ").Replace(p.key()))
	}
}

func (p place) joins() bool {
	return slices.ContainsFunc(p.queue, func(e Effect) bool { return isAny[JoinLegs](e) })
}
