package bridge

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// maxMatrixParties bounds the walk: a call, its transfer and the recall need four; one more transfer repeats them.
const maxMatrixParties = 3

var errMatrix = errors.New("the switch did not do it")

// node is a state that the walk reached, with what its history obliges to.
type node struct {
	state   Interaction
	at      time.Time
	able    bool             // its phones take commands
	most    int              // parties
	music   bool             // what the effects made of the bridge
	began   map[PartyID]bool // saw Ringing or Dialing
	ended   map[PartyID]bool // saw its terminal event
	pending map[int]bool     // tokens of commands that wait for their reply
	token   int
	path    []string
}

// walk visits every state that is reachable, up to times and counters, and checks each step.
type walk struct {
	t       *testing.T
	seen    map[string]bool
	todo    []node
	parties map[PartyState]bool
	legs    map[LegState]bool
	inputs  map[string]bool
	failed  map[string]bool
	steps   int
}

// key is what two nodes have in common that go on alike.
func (n node) key() string {
	var b strings.Builder
	c := n.state.Call
	for _, p := range c.Parties {
		hold := p.Leg.Hold
		if !p.alive() {
			hold = HoldNone
		}
		fmt.Fprintf(&b, "%s|%s|%s|%s|%t|%t|%t|%t|%t|%d|%t|%t|%s|%s;", p.DN, p.Role, p.State, p.Leg.State, p.Leg.Joined, p.Told, p.Announced,
			n.began[p.ID], n.ended[p.ID], p.Third, p.Deadline.IsZero(), p.Reached, hold, p.Asked.Verb)
	}
	if c.Transfer != nil {
		fmt.Fprintf(&b, "%+v", []any{c.Transfer.By, c.Transfer.To, c.Transfer.Committed, c.Transfer.Recalled, c.Transfer.Refer, c.Transfer.Reply != 0})
	}
	fmt.Fprintf(&b, "%t%t%t%t%t%t%d", n.able, c.Music, c.Bridged, n.state.Finished, n.state.MakeReply != 0, c.AnsweredAt.IsZero(), len(n.pending))
	return b.String()
}

func matrixStart() Interaction { return Interaction{ID: "n1-x", Server: "pbx1", Call: matrixCall()} }

func matrixCall() Call {
	return Call{ID: "UUID", ConnID: 1, Controller: ControlAsterisk, Bridge: BridgeID{"pbx1", "n1-x"}}
}

// beginnings are the inputs that begin an interaction.
func beginnings() map[string]Input {
	fallback := toDN("5001")
	fallback.Fallback = Treatment{"fallback", "5001"}
	treated := Destination{Treatment: Treatment{"messages", "closed"}, Number: "8000"}
	return map[string]Input{
		"inbound":           Arrived{Channel: ch("cust"), Number: "030123", Called: "8000", Dest: fallback},
		"inbound, answered": Arrived{Channel: ch("cust"), Up: true, Number: "030123", Called: "8000", Dest: toDN("5001")},
		"internal":          Arrived{Channel: ch("a"), Leg: "g-a", From: "5002", Number: "5002", Called: "5001", Dest: toDN("5001")},
		"outbound":          Arrived{Channel: ch("a"), From: "5002", Number: "5002", Called: "030", Dest: toOutside("030")},
		"refused":           Arrived{Channel: ch("a"), From: "5002", Number: "5002", Called: "0900", Refused: &TargetError{}},
		"treatment":         Arrived{Channel: ch("a"), From: "5002", Number: "5002", Called: "8000", Dest: treated},
		"make call":         doMakeCall{From: "5002", Dest: toOutside("030"), Reply: 1},
		"make treatment":    doMakeCall{From: "5002", Dest: treated, Reply: 1},
	}
}

// inputs are all that may happen next, by name.
func (n node) inputs() map[string]Input {
	list := map[string]Input{"switch lost": SwitchLost{}, "hangup": doHangup{Reply: n.token + 1}}
	n.phoneInputs(list)
	if n.state.Call.Controller == ControlSwitch {
		list["transfer"] = doTransfer{By: "5001", Dest: toDN("5003"), Reply: n.token + 1}
		list["reconciled empty"] = Reconciled{Restarted: true}
		return list
	}
	all := map[string]ChannelFact{}
	bridged := []string{}
	var joining []PartyID
	for _, p := range n.state.Call.Parties {
		id := p.Leg.Channel
		for _, change := range []LegChange{LegIsCreated, LegIsRinging, LegIsHeard, LegIsUp, LegIsHeld, LegIsBack, LegIsGone} {
			if n.able && (change == LegIsHeld || change == LegIsBack) {
				continue // a browser's hold never gets to Asterisk
			}
			list[fmt.Sprintf("%d %s", p.ID, change)] = LegChanged{Channel: id, Change: change, Cause: causeBusy}
		}
		if strings.HasPrefix(id.ID, "n1-x.") && !n.able { // only what we make can fail to be made, and that is no phone's doing
			list[fmt.Sprintf("%d create refused", p.ID)] = LegFailed{Channel: id, Err: ErrUnreachable}
			list[fmt.Sprintf("%d create busy", p.ID)] = LegFailed{Channel: id, Err: ErrBusy}
			list[fmt.Sprintf("%d create unknown", p.ID)] = LegFailed{Channel: id, Err: errMatrix}
			list[fmt.Sprintf("%d dial unknown", p.ID)] = LegFailed{Channel: id, Err: errMatrix, Dialed: true}
		}
		if !n.able {
			list[fmt.Sprintf("%d create undecided", p.ID)] = Undecided{CreateLeg{Leg: NewLeg{Channel: id}}}
			list[fmt.Sprintf("%d dial undecided", p.ID)] = Undecided{DialLeg{Channel: id}}
			list[fmt.Sprintf("%d not answered", p.ID)] = AnswerFailed{Channel: id}
		}
		list[fmt.Sprintf("%d timeout", p.ID)] = RingTimeout{Party: p.ID}
		list[fmt.Sprintf("%d refer refused", p.ID)] = doReferRefused{Channel: id}
		if p.DN != "" {
			list["transfer by "+string(p.DN)] = doTransfer{By: p.DN, Dest: toDN("5003"), Reply: n.token + 1}
			list["refer by "+string(p.DN)] = doTransfer{By: p.DN, Channel: id, Dest: toDN("5003")}
			if !n.able {
				list["transfer into the call by "+string(p.DN)] = doTransfer{By: p.DN, Dest: toDN("5001"), Reply: n.token + 1}
			}
		}
		if p.Leg.State == LegUp || p.Leg.State == LegArrived {
			joining = append(joining, p.ID)
			bridged = append(bridged, id.ID)
		}
		if p.Leg.alive() {
			all[id.ID] = ChannelFact{State: LegIsUp}
		}
	}
	if n.state.Call.Bridged && len(joining) > 1 {
		list["joined"] = Joined{Parties: joining}
		list["not joined"] = Joined{Parties: joining, Err: errMatrix}
	}
	n.reconciliations(list, all, bridged)
	return list
}

// phoneInputs adds what phones of our gateway do and are told to do.
func (n node) phoneInputs(list map[string]Input) {
	for _, p := range n.state.Call.Parties {
		if p.DN == "" {
			continue
		}
		list["reject by "+string(p.DN)] = doReject{By: p.DN, Reply: n.token + 1}
		if !n.able && p.ID > 1 { // one phone that takes no command is like another
			continue
		}
		for _, verb := range phoneVerbs() {
			if len(p.Asked.Replies) == 2 {
				continue // or ever more would wait
			}
			list[fmt.Sprintf("%s by %s", verb, p.DN)] = doPhone{By: p.DN, Verb: verb, Reply: n.token + 1}
		}
		if !n.able {
			continue
		}
		list[fmt.Sprintf("%d acknowledged late", p.ID)] = PhoneReplied{Party: p.ID, Verb: PhoneHold}
		if p.Asked.Verb != "" {
			list[fmt.Sprintf("%d acknowledged", p.ID)] = PhoneReplied{Party: p.ID, Verb: p.Asked.Verb}
			list[fmt.Sprintf("%d refused", p.ID)] = PhoneReplied{Party: p.ID, Verb: p.Asked.Verb, Err: errMatrix}
		}
		if p.Leg.State != LegUp && p.Leg.State != LegRinging {
			continue
		}
		changes := []LegChange{LegIsHeld, LegIsBack, LegIsSilent, LegIsAudible, LegIsUp, LegIsGone}
		if n.state.Call.Controller == ControlAsterisk { // whose own word counts
			changes = changes[:4]
		}
		for _, change := range changes {
			list[fmt.Sprintf("%d gateway: %s", p.ID, change)] = LegChanged{Channel: p.Leg.Channel, Change: change, Phone: true}
		}
		if n.state.Call.Controller == ControlSwitch {
			list["rejected at the phone"] = LegChanged{Channel: p.Leg.Channel, Change: LegIsGone, Cause: causeBusy, Phone: true}
			list["refer by gateway"] = doTransfer{By: p.DN, Channel: p.Leg.Channel, Phone: true, Dest: toDN("5003")}
			list["refer refused by gateway"] = doReferRefused{Channel: p.Leg.Channel, Phone: true}
		}
	}
}

func phoneVerbs() []PhoneVerb { return []PhoneVerb{PhoneAnswer, PhoneHold, PhoneRetrieve} }

// reconciliations adds what a gap or a restart may find.
func (n node) reconciliations(list map[string]Input, all map[string]ChannelFact, bridged []string) {
	for _, restarted := range []bool{false, true} {
		put := func(name string, channels map[string]ChannelFact, bridges map[string][]string) {
			list[fmt.Sprintf("reconciled %s, restarted %t", name, restarted)] = Reconciled{Channels: channels, Bridges: bridges, Restarted: restarted}
		}
		put("all up", all, map[string][]string{"n1-x": bridged})
		if n.able && restarted && n.state.NextLeg < 2 { // once: it makes new names each time
			list["reconciled, legs lost"] = Reconciled{Channels: all, Bridges: map[string][]string{"n1-x": bridged}, Restarted: true, Lost: n.state.lostLegs(func(DN, string) bool { return true }), Grace: time.Minute}
		}
		if n.able {
			continue
		}
		put("empty", nil, nil)
		put("all up, no bridge", all, nil)
		for _, state := range []LegChange{LegIsCreated, LegIsRinging} {
			some := maps.Clone(all)
			for id := range some {
				if strings.HasPrefix(id, "n1-x.") {
					some[id] = ChannelFact{State: state}
				}
			}
			put("all "+string(state), some, nil)
		}
		for id := range all {
			some := maps.Clone(all)
			delete(some, id)
			put("without "+id, some, map[string][]string{"n1-x": bridged})
		}
	}
}

// TestMatrix walks with desk phones and with browsers side by side: they have no state in common.
func TestMatrix(t *testing.T) {
	t.Parallel()
	n := node{state: matrixStart(), most: maxMatrixParties, at: time.Date(2026, 11, 20, 21, 0, 0, 0, time.UTC)}
	desks, browsers := newWalk(t), newWalk(t)
	var wg sync.WaitGroup
	wg.Go(func() {
		for name, in := range beginnings() {
			desks.step(n, name, in)
		}
		desks.run()
	})
	wg.Go(func() {
		n := n
		n.able = true
		for _, name := range []string{"inbound", "internal"} { // one browser, and two of them
			browsers.step(n, name+" at browsers", beginnings()[name])
			n.most--
		}
		for _, in := range []bool{false, true} {
			browsers.step(n, fmt.Sprintf("switch, inbound %t", in), SwitchCalled{Channel: ch("g-1"), Leg: "g-1", DN: "5001", Number: "030", Inbound: in})
		}
		browsers.run()
	})
	wg.Wait()
	maps.Copy(desks.parties, browsers.parties)
	maps.Copy(desks.legs, browsers.legs)
	maps.Copy(desks.inputs, browsers.inputs)
	require.Len(t, desks.parties, 7, "every state of a party is reached")
	require.Len(t, desks.legs, 9, "every state of a leg is reached: %v", desks.legs)
	require.Len(t, desks.inputs, 17, "every kind of input is tried: %v", desks.inputs)
	require.Zero(t, len(desks.todo)+len(browsers.todo), "the walks came to their end")
}

func newWalk(t *testing.T) *walk {
	t.Helper()
	return &walk{t: t, failed: map[string]bool{}, seen: map[string]bool{}, parties: map[PartyState]bool{}, legs: map[LegState]bool{}, inputs: map[string]bool{}}
}

func (w *walk) run() {
	for len(w.todo) > 0 && w.steps < 1_500_000 {
		n := w.todo[0]
		w.todo = w.todo[1:]
		inputs, given := n.inputs(), frozen(w.t, n.state)
		for _, name := range slices.Sorted(maps.Keys(inputs)) {
			w.step(n, name, inputs[name])
		}
		if given != frozen(w.t, n.state) {
			w.fail(n, "changed its argument")
		}
	}
	w.t.Logf("%d states, %d steps", len(w.seen), w.steps)
}

// step feeds one input, checks what came of it and keeps the state if it is a new one.
func (w *walk) step(n node, name string, in Input) {
	w.steps++
	w.inputs[fmt.Sprintf("%T", in)] = true
	for _, late := range []bool{false, true} {
		m := n
		m.at = n.at.Add(time.Second)
		if late {
			if _, timer := in.(RingTimeout); !timer {
				return
			}
			m.at = n.at.Add(time.Hour)
		}
		m.path = append(slices.Clone(n.path), name)
		m.began, m.ended, m.pending = maps.Clone(n.began), maps.Clone(n.ended), maps.Clone(n.pending)
		w.next(n, m, in)
	}
}

func (w *walk) next(n, m node, in Input) {
	known, _ := n.state.knowing(m.abilities)
	state, effects := next(known, stamped{At: m.at, Input: in})
	m.state = state
	if token := replyTo(in); token != 0 {
		m.token = token
		m.pending = with(m.pending, token)
	}
	w.checkEvents(&m, n.state.Events)
	w.checkEffects(&m, n.state, in, effects)
	for _, p := range state.Call.Parties {
		w.parties[p.State], w.legs[p.Leg.State] = true, true
	}
	key := m.key()
	if w.seen[key] || len(state.Call.Parties) > m.most {
		return
	}
	w.seen[key] = true
	w.checkState(m)
	if !state.Finished {
		w.todo = append(w.todo, m)
	}
}

// checkEvents holds each event against what its party was told before.
func (w *walk) checkEvents(m *node, before int) {
	for i, e := range m.state.Outbox {
		if m.state.Events == before {
			return
		}
		if e.N != before+i+1 {
			w.fail(*m, fmt.Sprintf("event %d is numbered %d", before+i+1, e.N))
		}
		id := e.This.ID
		if e.Kind != EventCallChanged && m.ended[id] {
			w.fail(*m, fmt.Sprintf("%s after the terminal event of %s", e.Kind, e.This.DN))
		}
		switch e.Kind {
		case EventDialing, EventRinging:
			if m.began[id] {
				w.fail(*m, "began twice")
			}
			m.began = with(m.began, id)
		case EventReleased, EventAbandoned, EventError:
			m.ended = with(m.ended, id)
			if e.This.State != PartyReleased {
				w.fail(*m, fmt.Sprintf("%s shows %s as %s", e.Kind, e.This.DN, e.This.State))
			}
			if e.Kind != EventError && !m.began[id] {
				w.fail(*m, string(e.Kind)+" of what never began")
			}
		case EventEstablished, EventHeld, EventRetrieved, EventPartyChanged, EventDestinationBusy:
			if !m.began[id] {
				w.fail(*m, string(e.Kind)+" before Ringing or Dialing")
			}
		case EventNetworkReached, EventPartyAdded, EventPartyDeleted, EventCallChanged:
		}
	}
}

// checkEffects allows effects for legs only that live before or after the step, and each reply once.
func (w *walk) checkEffects(m *node, before Interaction, in Input, effects []Effect) {
	destroyed := false
	switched := m.state.Call.Controller == ControlSwitch
	if _, gap := in.(Reconciled); gap && switched && len(effects) > 0 {
		w.fail(*m, "a gap of Asterisk touches a call that it does not have")
	}
	for _, e := range effects {
		channels := []ChannelID(nil)
		if switched && atSwitch(e) {
			w.fail(*m, effectName(e)+" for a call that Asterisk does not have")
		}
		switch e := e.(type) {
		case Reply:
			if e.Token != 0 && !m.pending[e.Token] {
				w.fail(*m, fmt.Sprintf("token %d is answered twice", e.Token))
			}
			delete(m.pending, e.Token)
		case CreateLeg:
			channels = []ChannelID{e.Leg.Channel}
			if (e.Leg.To == Endpoint{}) {
				w.fail(*m, "a leg to nowhere")
			}
		case DialLeg:
			channels = []ChannelID{e.Channel}
			if e.Timeout < 0 {
				w.fail(*m, fmt.Sprintf("rings for %s", e.Timeout))
			}
		case AnswerLeg:
			channels = []ChannelID{e.Channel}
		case RingLeg:
			channels = []ChannelID{e.Channel}
		case OpenLeg:
			channels = []ChannelID{e.Channel}
		case ReferLeg:
			channels = []ChannelID{e.Channel}
		case HangupLeg:
			channels = []ChannelID{e.Channel}
			if change, late := in.(LegChanged); late && change.Change == LegIsCreated && change.Channel == e.Channel {
				channels = nil // it was given up before it came to be
			}
		case JoinLegs:
			channels = e.Channels
		case AskPhone:
			channels = []ChannelID{m.state.Call.party(e.Party).Leg.Channel}
		case DestroyBridge:
			destroyed = true
		case PlayMusic:
			if m.music = e.On; !m.state.Call.Bridged {
				w.fail(*m, "music without a bridge")
			}
		case ContinueLeg, FreeDN, FreeCaps, OccupyDN, StartTimer:
		}
		for _, id := range channels {
			was, is := before.Call.byChannel(id), m.state.Call.byChannel(id)
			if (was == nil || !was.Leg.alive()) && (is == nil || !is.Leg.alive()) {
				w.fail(*m, fmt.Sprintf("%s for %s, which is gone", effectName(e), id.ID))
			}
		}
	}
	if m.state.Finished && !before.Finished && m.state.Call.Bridged != destroyed {
		w.fail(*m, "the bridge stays")
	}
}

// checkState holds what is true of every state.
func (w *walk) checkState(m node) {
	c := m.state.Call
	for _, p := range c.Parties {
		if p.alive() && !p.Leg.alive() && (c.Controller == ControlAsterisk || p.DN != "") {
			w.fail(m, fmt.Sprintf("party %d lives without a leg", p.ID))
		}
		if m.state.Finished && (p.alive() || p.Leg.alive() || m.began[p.ID] && !m.ended[p.ID]) {
			w.fail(m, fmt.Sprintf("finished with party %d", p.ID))
		}
		if !p.alive() && m.began[p.ID] && !m.ended[p.ID] {
			w.fail(m, fmt.Sprintf("party %d left without a terminal event", p.ID))
		}
		listed := slices.Contains(p.view(&m.state, 0).Capabilities, CanSingleStepTransfer)
		if p.DN == "" || !p.alive() {
			continue
		}
		_, effects := next(m.state, stamped{At: m.at, Input: doTransfer{By: p.DN, Dest: toDN("5099"), Reply: 999}})
		refused := slices.ContainsFunc(effects, func(e Effect) bool { r, ok := e.(Reply); return ok && r.Token == 999 })
		if listed == refused {
			w.fail(m, fmt.Sprintf("single-step-transfer of %s: listed %t, refused %t", p.DN, listed, refused))
		}
		w.checkVerbs(m, p)
	}
	w.checkMusic(m)
	if m.state.Finished && len(m.pending) > 0 {
		w.fail(m, fmt.Sprintf("finished, and the commands %v wait", m.pending))
	}
	ids := map[DN]int{}
	for _, p := range c.Parties {
		if p.alive() && p.DN != "" {
			ids[p.DN]++
		}
		if ids[p.DN] > 1 {
			w.fail(m, string(p.DN)+" is in the call twice")
		}
	}
}

// checkVerbs holds what is listed for a phone against what telling it comes to: it is asked, or waited for.
func (w *walk) checkVerbs(m node, p Party) {
	known, _ := m.state.knowing(m.abilities)
	listed := known.Call.party(p.ID).view(&known, 0).Capabilities
	for verb, can := range map[PhoneVerb]Capability{PhoneAnswer: CanAnswer, PhoneHold: CanHold, PhoneRetrieve: CanRetrieve} {
		after, effects := next(known, stamped{At: m.at, Input: doPhone{By: p.DN, Verb: verb, Reply: 999}})
		waits := slices.Contains(after.Call.party(p.ID).Asked.Replies, 999)
		asks := slices.ContainsFunc(effects, func(e Effect) bool { _, ok := e.(AskPhone); return ok })
		moves := slices.ContainsFunc(effects, func(e Effect) bool { return isAny[LeaveLegs](e) || isAny[JoinLegs](e) })
		if waits && !m.able || slices.Contains(listed, can) != (waits || moves) || waits && asks == (p.Asked.Verb == verb) {
			w.fail(m, fmt.Sprintf("%s of %s: listed %v, asked %t, waits %t, moves %t", verb, p.DN, listed, asks, waits, moves))
		}
	}
}

// checkMusic lets somebody hear music who waits, and nobody else.
func (w *walk) checkMusic(m node) {
	c := m.state.Call
	if m.state.Finished || !c.Bridged || !c.EndedAt.IsZero() {
		return
	}
	here, away := 0, 0
	for _, p := range c.Parties {
		switch {
		case p.State != PartyEstablished && p.State != PartyHeld:
		case p.Leg.MediaLost, p.State == PartyHeld:
			away++
		default:
			here++
		}
	}
	transfer := c.Transfer != nil && c.Transfer.Committed
	if want := transfer || away > 0 && here < 2 && here+away > 1; m.music != want {
		w.fail(m, fmt.Sprintf("music %t, %d talk, %d are away, transfer %t", m.music, here, away, transfer))
	}
}

// abilities are those of the node's phones.
func (n node) abilities(string) PhoneAbilities { return PhoneAbilities{Answer: n.able, Hold: n.able} }

// atSwitch reports whether an effect asks something of Asterisk.
func atSwitch(e Effect) bool {
	switch e := e.(type) {
	case Reply, AskPhone, FreeDN, OccupyDN:
		return false
	case HangupLeg:
		return e.Phone == ""
	case ReferLeg:
		return e.Phone == ""
	default:
		return true
	}
}

func isAny[T any](v any) bool { _, ok := v.(T); return ok }

func (w *walk) fail(m node, why string) {
	if !w.failed[why] { // the walk goes breadth first: the first way there is a shortest one
		w.failed[why] = true
		assert.Fail(w.t, why, "after %q\n%s", m.path, strings.ReplaceAll(m.key(), ";", "\n"))
	}
}

func frozen(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return string(text)
}

func with[K comparable](m map[K]bool, key K) map[K]bool {
	if m == nil {
		m = map[K]bool{}
	}
	m[key] = true
	return m
}
