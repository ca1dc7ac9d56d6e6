package bridge

import (
	"errors"
	"fmt"
	"reflect"
	"time"
)

// Q.850 causes that the engine uses.
const (
	causeUnallocated = 1
	causeNormal      = 16
	causeBusy        = 17
	causeNoAnswer    = 19
	causeAbsent      = 20
	causeNoCircuit   = 34
	causeTemporary   = 41
)

// next is the state machine of an interaction: what a stamped input makes of a state, and what is to be done
// about it. It is pure: it reads no clock and changes nothing that it was given. The events that it wants
// published are in the new state's Outbox, so that state and events are persisted in one record.
func next(state Interaction, in stamped) (Interaction, []Effect) {
	if state.Finished {
		if token := replyTo(in.Input); token != 0 {
			return state, []Effect{Reply{Token: token, Err: ErrCallNotFound}}
		}
		return state, nil
	}
	s := &step{i: state.clone(), at: in.At}
	before := s.i.view()
	s.apply(in.Input)
	s.settle(before)
	return s.i, s.effects
}

// replyTo is the token of a command that waits for a reply, 0 for everything else.
func replyTo(in Input) int {
	switch in := in.(type) {
	case doMakeCall:
		return in.Reply
	case doHangup:
		return in.Reply
	case doTransfer:
		return in.Reply
	case doPhone:
		return in.Reply
	case doReject:
		return in.Reply
	default:
		return 0
	}
}

// step is one run of the machine.
type step struct {
	i       Interaction
	at      time.Time
	effects []Effect
}

func (s *step) call() *Call { return &s.i.Call }

func (s *step) do(e Effect) { s.effects = append(s.effects, e) }

func (s *step) apply(in Input) {
	if _, begins := in.(SwitchCalled); begins || s.call().Controller == ControlSwitch {
		s.applySwitched(in)
		return
	}
	switch in := in.(type) {
	case Arrived:
		s.arrived(in)
	case Adopted:
		s.adopted(in)
	case LegChanged:
		s.legChanged(in)
	case LegFailed:
		s.legFailed(in)
	case Joined:
		s.joined(in)
	case AnswerFailed:
		if p := s.call().byChannel(in.Channel); p != nil && p.Leg.State == LegArrived {
			s.clear(CallStateOK, causeTemporary) // nobody would hear anybody
		}
	case Undecided:
		s.undecided(in)
	case RingTimeout:
		s.ringTimeout(in)
	case Reconciled:
		s.reconciled(in)
	case SwitchLost:
		s.switchLost()
	case doMakeCall:
		s.makeCall(in)
	case doHangup:
		s.hangup(in)
	case doTransfer:
		s.transfer(in)
	case doReferRefused:
		s.declineRefer(in.Channel, in.Phone)
	case doPhone:
		s.phone(in)
	case PhoneReplied:
		s.phoneReplied(in)
	case doReject:
		s.reject(in)
	}
}

// settle ends what has no parties left, lets hear music who waits now, and tells of the call's change.
func (s *step) settle(before CallView) {
	c := s.call()
	living, legs := 0, 0
	for i := range c.Parties {
		if c.Parties[i].alive() {
			living++
			s.doneAsAsked(&c.Parties[i])
		}
		if c.Parties[i].Leg.alive() {
			legs++
		}
	}
	if living == 0 && c.EndedAt.IsZero() {
		c.EndedAt = s.at
		s.failTransfer(&StateError{Call: c.ID, Verb: "transfer", State: PartyReleased, Why: "the call ended meanwhile"})
		s.replyMake(&StateError{Call: c.ID, Verb: "make call", State: PartyReleased, Why: "the call ended meanwhile"})
	}
	if living > 0 {
		s.music()
	}
	after := s.i.view()
	if !reflect.DeepEqual(before, after) {
		s.publish(Event{Kind: EventCallChanged, Audience: audience(before, after)})
	}
	if living == 0 && legs == 0 {
		if c.Bridged {
			s.do(DestroyBridge{Bridge: c.Bridge})
		}
		s.i.Finished = true
	}
}

// arrived begins a call with a channel that came to us.
func (s *step) arrived(in Arrived) {
	c := s.call()
	c.StartedAt, c.ANI, c.DNIS = s.at, in.Number, in.Called
	c.Type = callType(in.From, in.Dest)
	state := LegArrived
	if in.Up {
		state = LegUp
	}
	origin := s.join(Party{
		DN: in.From, Number: in.Number, Name: in.Name, Role: RoleOrigination, State: PartyDialing,
		Leg: Leg{Channel: in.Channel, Name: in.Leg, State: state},
	})
	if in.From != "" {
		s.do(OccupyDN{DN: in.From})
	}
	switch {
	case in.Refused != nil:
		s.tell(origin, Event{Kind: EventDialing, CallState: CallStateOK})
		s.release(origin, CallStateOK, causeOf(in.Refused, causeUnallocated))
	case !in.Dest.Treatment.IsZero():
		s.tell(origin, Event{Kind: EventDialing, CallState: CallStateOK})
		s.handBack(origin, in.Dest.Treatment)
	default:
		id := origin.ID
		s.ring(in.Dest, 0)
		s.tell(c.party(id), Event{Kind: EventDialing, CallState: CallStateOK})
	}
}

// causeOf is the cause that a refusal names, or the one for refusals that name none.
func causeOf(err error, otherwise int) int {
	var refused *TargetError
	if errors.As(err, &refused) && refused.Cause != 0 {
		return refused.Cause
	}
	return otherwise
}

// makeCall begins a call with the phone of the DN that asked for it.
func (s *step) makeCall(in doMakeCall) {
	c := s.call()
	c.StartedAt, c.ANI, c.DNIS = s.at, string(in.From), in.Dest.Dialled
	c.Type = callType(in.From, in.Dest)
	s.i.MakeReply, s.i.MakeOp = in.Reply, in.Op
	p := s.join(Party{DN: in.From, Number: string(in.From), Role: RoleOrigination, State: PartyInitiated, Dest: in.Dest})
	p.Leg = s.newLeg(in.From)
	if in.RingFor > 0 {
		p.Deadline = s.at.Add(in.RingFor)
	}
	s.do(CreateLeg{Leg: NewLeg{
		Channel: p.Leg.Channel, Leg: p.Leg.Name, To: Endpoint{DN: in.From}, CallerNum: in.Dest.Number, CallID: c.ID,
	}})
}

func callType(from DN, dest Destination) CallType {
	switch {
	case from == "":
		return CallInbound
	case dest.Endpoint.DN != "":
		return CallInternal
	default:
		return CallOutbound
	}
}

// join adds a party to the call.
func (s *step) join(p Party) *Party {
	c := s.call()
	p.ID = PartyID(len(c.Parties) + 1)
	c.Parties = append(c.Parties, p)
	return &c.Parties[len(c.Parties)-1]
}

// newLeg names the next channel that we make; the interaction's id in front lets a fact find its way. The phone's side
// of it goes by the same name.
func (s *step) newLeg(dn DN) Leg {
	s.i.NextLeg++
	id := fmt.Sprintf("%s.%d", s.i.ID, s.i.NextLeg)
	leg := Leg{Channel: ChannelID{Server: s.i.Server, ID: id}, State: LegRequested}
	if dn != "" {
		leg.Name = id
	}
	return leg
}

// ring calls a destination on behalf of the first living party.
func (s *step) ring(dest Destination, third PartyID) *Party {
	c := s.call()
	var caller Party
	if p := c.caller(third); p != nil {
		caller = *p
	}
	number, name := caller.Number, caller.Name
	if dest.CallerID != "" {
		number, name = dest.CallerID, ""
	}
	p := s.join(Party{
		DN: dest.Endpoint.DN, Number: dest.Number, Role: RoleDestination, State: PartyAlerting, Third: third, Dest: dest,
	})
	p.Leg = s.newLeg(p.DN)
	s.do(CreateLeg{
		Leg: NewLeg{
			Channel: p.Leg.Channel, Leg: p.Leg.Name, To: dest.Endpoint, Originator: caller.Leg.Channel,
			CallerNum: number, CallerName: name, CallID: c.ID,
		},
		Caps: dest.Caps,
	})
	return p
}

// hangup ends the call for everybody.
func (s *step) hangup(in doHangup) {
	s.failTransfer(&StateError{Call: s.i.Call.ID, Verb: "transfer", State: PartyReleased, Why: "the call was hung up meanwhile"})
	s.clear(CallStateOK, causeNormal)
	s.do(Reply{Token: in.Reply})
}

// clear releases every party.
func (s *step) clear(why CallState, cause int) {
	for i := range s.i.Call.Parties {
		s.release(&s.i.Call.Parties[i], why, cause)
	}
}

// release ends a party's part in the call and hangs up its leg. Its DN is told, if it was told of the call at all.
func (s *step) release(p *Party, why CallState, cause int) {
	if !p.alive() {
		return
	}
	kind := EventReleased
	if p.State == PartyRinging && why == CallStateAbandoned {
		kind = EventAbandoned
	}
	if why == CallStateAbandoned {
		why = CallStateOK
	}
	p.State, p.LeftAt = PartyReleased, s.at
	if p.Told {
		s.tell(p, Event{Kind: kind, CallState: why, Cause: cause})
	}
	if len(p.Asked.Replies) > 0 {
		s.replyAsked(p, &StateError{Call: s.i.Call.ID, Verb: string(p.Asked.Verb), State: PartyReleased, Why: "the party left the call meanwhile"})
	}
	if p.Leg.usable() {
		p.Leg.State, p.Leg.Cause = LegLeaving, cause
		e := HangupLeg{Channel: p.Leg.Channel, Cause: cause}
		if s.i.Call.Controller == ControlSwitch {
			e.Phone = p.Leg.Name
		}
		s.do(e)
	}
}

// handBack gives the party's channel to the switch's own plan; for us the party has left.
func (s *step) handBack(p *Party, to Treatment) {
	p.BackTo = to
	s.do(ContinueLeg{Channel: p.Leg.Channel, To: to})
	s.gone(p)
	s.release(p, CallStateRedirected, 0)
}

// gone marks a leg as ended and returns what it had reserved.
func (s *step) gone(p *Party) {
	if !p.Leg.alive() {
		return
	}
	p.Leg.State, p.Leg.Joined = LegGone, false
	if p.DN != "" && s.i.Call.legsOf(p.DN) == 0 {
		s.do(FreeDN{DN: p.DN})
	}
	if len(p.caps()) > 0 {
		s.do(FreeCaps{Channel: p.Leg.Channel})
	}
}

// switchLost ends everything: the server with its channels is out of reach.
func (s *step) switchLost() {
	s.failTransfer(ErrSwitchUnavailable)
	s.replyMake(ErrSwitchUnavailable)
	for i := range s.i.Call.Parties {
		s.gone(&s.i.Call.Parties[i])
	}
	s.i.Call.Bridged = false // should the server live after all, nothing of it is touched before we have looked
	s.clear(CallStateDropped, causeTemporary)
}
