package bridge

import (
	"errors"
	"fmt"
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
	s.prune()
	before := s.i.views()
	if in.Call != "" {
		s.n = s.i.find(func(c *Call) bool { return c.ID == in.Call && c.EndedAt.IsZero() })
	}
	if s.n >= 0 {
		s.apply(in.Input)
	} else {
		s.n = 0
		s.do(Reply{Token: replyTo(in.Input), Err: ErrCallNotFound})
	}
	s.settle(before)
	return s.i, s.effects
}

// replyTo is the token of a command that waits for a reply, 0 for everything else.
func replyTo(in Input) int {
	if in, ok := in.(command); ok {
		return in.token()
	}
	return 0
}

// step is one run of the machine.
type step struct {
	i       Interaction
	n       int // of the call that it is about
	at      time.Time
	effects []Effect
}

// call is the one that the step is about. The pointer is good until a call is added.
func (s *step) call() *Call { return s.i.nth(s.n) }

// on does something about the n-th call.
func (s *step) on(n int, do func()) {
	was := s.n
	s.n = n
	do()
	s.n = was
}

// byChannel turns to the call that a channel is in, and gives its party there; nil when there is none.
func (s *step) byChannel(ch ChannelID) *Party {
	n := s.i.find(func(c *Call) bool { return c.byChannel(ch) != nil })
	if n < 0 {
		return nil
	}
	s.n = n
	return s.call().byChannel(ch)
}

// party turns to the call that a party is in, and gives it; nil when there is none.
func (s *step) party(id PartyID) *Party {
	n := s.i.find(func(c *Call) bool { return c.party(id) != nil })
	if n < 0 {
		return nil
	}
	s.n = n
	return s.call().party(id)
}

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
		if p := s.byChannel(in.Channel); p != nil && p.Leg.State == LegArrived {
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
	case referredAt:
		if p := s.byChannel(in.Channel); p != nil {
			p.Leg.ReferredAt = in.At
		}
	case doReferRefused:
		s.declineRefer(in.Channel, in.Phone)
	case doPhone:
		s.phone(in)
	case PhoneReplied:
		s.phoneReplied(in)
	case doReject:
		s.reject(in)
	default:
		s.applyCommand(in)
	}
}

// applyCommand is apply for what a party does with its calls.
func (s *step) applyCommand(in Input) {
	switch in := in.(type) {
	case doConsult:
		s.consult(in)
	case doComplete:
		s.complete(in)
	case doAdd:
		s.add(in)
	case doDrop:
		s.drop(in)
	case doRelease:
		s.releaseOwn(in)
	case doRedirect:
		s.redirect(in)
	case doMute:
		s.mute(in)
	case doDTMF:
		s.dtmf(in)
	case doData:
		s.data(in)
	case doOffer:
		s.offer(in)
	case doAnnounce:
		s.playToCaller(in)
	case Played:
		s.played(in)
	case Digit:
		s.digit(in)
	case Forwarded:
		s.forwarded(in)
	case doTake:
		s.take(in)
	case doGive:
		s.give(in)
	case strayed:
		s.bringBack(in)
	case doRecord:
		s.record(in)
	case Recorded:
		s.recorded(in)
	case doMonitor, doSwitchMonitor, doStopMonitor:
		s.supervise(in)
	}
}

// settle ends what has no parties left, lets hear music who waits now, and tells of the calls' changes.
func (s *step) settle(before []CallView) {
	s.settleWatches()
	s.i.Finished = s.i.unwatched()
	for s.n = range s.i.calls() {
		was := CallView{}
		if s.n < len(before) {
			was = before[s.n]
		}
		s.settleCall(was)
		s.i.Finished = s.i.Finished && s.call().Done
	}
	s.n = 0
	s.listAfter()
}

func (s *step) settleCall(before CallView) {
	c := s.call()
	living, legs := 0, 0
	if s.n == 0 {
		legs = len(s.i.Dropped)
	}
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
		s.endWaiting()
		s.failTransfer(&StateError{Call: c.ID, Verb: "transfer", State: PartyReleased, Why: "the call ended meanwhile"})
		if s.n == 0 {
			s.replyMake(&StateError{Call: c.ID, Verb: "make call", State: PartyReleased, Why: "the call ended meanwhile"})
		}
	}
	if living > 0 {
		s.music()
		s.identify()
		s.recordAnother()
	}
	s.tellChange(before, s.i.viewOf(s.n))
	if living == 0 && s.endRecordings() {
		return
	}
	if living == 0 && legs == 0 && !c.Done {
		if c.Bridged {
			s.do(DestroyBridge{Bridge: c.Bridge})
		}
		c.Done = true
	}
}

// arrived begins a call with a channel that came to us.
func (s *step) arrived(in Arrived) {
	c := s.call()
	c.StartedAt, c.ANI, c.DNIS, c.UserData = s.at, in.Number, in.Called, in.UserData
	c.Type = callType(in.From, in.Dest)
	state := LegArrived
	if in.Up {
		state = LegUp
	}
	origin := s.join(Party{
		DN: in.From, Number: in.Number, Name: in.Name, Role: RoleOrigination, State: PartyDialing,
		Leg: Leg{Channel: in.Channel, Name: in.Leg, State: state, Shows: in.Dest.Number},
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
	case in.Dest.Queue != "":
		s.tell(origin, Event{Kind: EventDialing, CallState: CallStateOK, Other: routePoint(in.Dest.Number)})
		s.enqueue(origin, in.Dest)
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
	c.StartedAt, c.ANI, c.DNIS, c.UserData = s.at, string(in.From), in.Dest.Dialled, in.UserData
	c.Type = callType(in.From, in.Dest)
	s.i.MakeReply, s.i.MakeOp = in.Reply, in.Op
	p := s.join(Party{DN: in.From, Number: string(in.From), Role: RoleOrigination, State: PartyInitiated, Dest: in.Dest, Ready: in.Ready, PickUp: in.PickUp})
	p.Leg = s.newLeg(in.From)
	p.Leg.Shows = in.Dest.Number
	if in.RingFor > 0 {
		p.Deadline = s.at.Add(in.RingFor)
	}
	as := CallingOwn
	if in.Ready {
		as = CallingReady
	}
	s.do(CreateLeg{As: as, Leg: NewLeg{
		Channel: p.Leg.Channel, Leg: p.Leg.Name, To: Endpoint{DN: in.From}, CallerNum: in.Dest.Number, CallID: c.ID,
	}})
}

func callType(from DN, dest Destination) CallType {
	switch {
	case from == "":
		return CallInbound
	case dest.Endpoint.DN != "", dest.Queue != "":
		return CallInternal
	default:
		return CallOutbound
	}
}

// nextParty is an id that no party of the interaction has had, those that were given away included.
func (s *step) nextParty() PartyID {
	s.i.LastParty = max(s.i.LastParty, s.i.parties()) + 1
	return PartyID(s.i.LastParty)
}

// join adds a party to the call.
func (s *step) join(p Party) *Party {
	c := s.call()
	p.ID = s.nextParty()
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
func (s *step) ring(dest Destination, third PartyID) *Party { return s.ringAs(CallingDN, dest, third) }

func (s *step) ringAs(as Calling, dest Destination, third PartyID) *Party {
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
	p.Leg.Caps, p.Leg.Shows = dest.Caps, number
	s.do(CreateLeg{
		Leg: NewLeg{
			Channel: p.Leg.Channel, Leg: p.Leg.Name, To: dest.Endpoint, Originator: caller.Leg.Channel,
			CallerNum: number, CallerName: name, CallID: c.ID,
		},
		Caps: dest.Caps, As: as,
	})
	return p
}

// hangup ends the call for everybody.
func (s *step) hangup(in doHangup) {
	s.failTransfer(&StateError{Call: s.call().ID, Verb: "transfer", State: PartyReleased, Why: "the call was hung up meanwhile"})
	s.waitEnds()
	s.clear(CallStateOK, causeNormal)
	s.do(Reply{Token: in.Reply})
}

// clear releases every party.
func (s *step) clear(why CallState, cause int) {
	c := s.call()
	for i := range c.Parties {
		s.release(&c.Parties[i], why, cause)
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
	s.quit(p, Event{Kind: kind, CallState: why, Cause: cause})
	s.dropLeg(p, cause)
}

// quit ends a party's part in the call, with the event that tells its DN, if it was told of the call at all.
func (s *step) quit(p *Party, e Event) {
	p.State, p.LeftAt = PartyReleased, s.at
	if p.Told {
		s.tell(p, e)
	}
	const why = "the party left the call meanwhile"
	if len(p.Asked.Replies) > 0 {
		s.replyAsked(p, &StateError{Call: s.call().ID, Verb: string(p.Asked.Verb), State: PartyReleased, Why: why})
	}
	s.replyCalled(p, &StateError{Call: s.call().ID, Verb: "call", State: PartyReleased, Why: why})
	s.rejoined(p, &StateError{Call: s.call().ID, Verb: string(PhoneRetrieve), State: PartyReleased, Why: why})
}

// replyCalled answers the command that waits until a party is being called, once.
func (s *step) replyCalled(p *Party, err error) {
	if p.Reply != 0 {
		s.do(Reply{Token: p.Reply, Err: err})
		p.Reply = 0
	}
}

// dropLeg ends the leg of a party that has left, unless it has a place in another call.
func (s *step) dropLeg(p *Party, cause int) {
	if !p.Leg.usable() || s.home(p) {
		return
	}
	if p.Leg.State == LegAwaited {
		s.gone(p)
		return
	}
	p.Leg.State, p.Leg.Cause = LegLeaving, cause
	e := HangupLeg{Channel: p.Leg.Channel, Cause: cause}
	if s.call().Controller == ControlSwitch {
		e.Phone = p.Leg.Name
	}
	s.do(e)
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
	if p.DN != "" && s.i.legsOf(p.DN) == 0 {
		s.do(FreeDN{DN: p.DN})
	}
	if len(p.Leg.Caps) > 0 {
		s.do(FreeCaps{Channel: p.Leg.Channel})
	}
}

// switchLost ends everything: the server with its channels is out of reach.
func (s *step) switchLost() {
	s.replyMake(ErrSwitchUnavailable)
	s.watchesLost()
	s.i.Dropped = nil
	for s.n = range s.i.calls() {
		c := s.call()
		s.waitEnds()
		s.failTransfer(ErrSwitchUnavailable)
		for i := range c.Parties {
			s.gone(&c.Parties[i])
		}
		for k := range c.Recordings {
			for _, side := range c.Recordings[k].sides() {
				side.Leg.State, side.Over = LegGone, true
			}
			s.sideOver(&c.Recordings[k])
		}
		c.Bridged = false // should the server live after all, nothing of it is touched before we have looked
	}
	for s.n = range s.i.calls() {
		s.clear(CallStateDropped, causeTemporary)
	}
	s.n = 0
}
