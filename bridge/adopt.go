package bridge

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// adoptedLegs is where the channels of an adopted interaction are counted from: above what its first life made.
const adoptedLegs = 1000

// adopt takes up the conversations that go on in bridges of ours which no interaction knows. They were taken as ended
// when the server was out of reach for too long, and turn out to live: cutting them off would be the worst of repairs.
// To the desktops they are new calls.
func (e *Engine) adopt(snap Snapshot) {
	for id, members := range snap.Bridges {
		if e.ownerOfBridge(id) != nil || !strings.HasPrefix(id, e.prefix()) || strings.Contains(id, ".") {
			continue
		}
		// Who came to us began the call; Asterisk lists the members in no particular order.
		members = slices.SortedFunc(slices.Values(members), func(a, b string) int {
			return cmp.Or(cmp.Compare(began(snap.Channels[a]), began(snap.Channels[b])), cmp.Compare(a, b))
		})
		var in Adopted
		var channels []arrivedLeg
		for _, member := range members {
			ch := ChannelID{Server: snap.Server, ID: member}
			fact, there := snap.Channels[member]
			if leg, ok := adoptable(ch, fact); there && ok && e.owner(ch) == nil {
				in.Legs = append(in.Legs, leg)
				channels = append(channels, arrivedLeg{ch, leg.Leg})
			}
		}
		if len(in.Legs) < 2 {
			continue
		}
		// The bridge's name is the interaction's. Its events go on counting where no earlier one has been.
		i := e.interaction(snap.Server, InteractionID(id))
		i.NextLeg, i.Events = adoptedLegs, int(time.Now().Unix())
		e.log.Warn("call_adopted", "interaction", id, "conn_id", i.Call.ConnID.String(), "parties", len(in.Legs))
		e.launch(i, channels).feed(in)
	}
}

func began(fact ChannelFact) int {
	if fact.Arrived != nil {
		return 0
	}
	return 1
}

// adoptable reads who is on a channel that talks.
func adoptable(ch ChannelID, fact ChannelFact) (AdoptedLeg, bool) {
	leg := AdoptedLeg{Channel: ch}
	switch {
	case fact.State != LegIsUp:
		return leg, false
	case fact.Arrived != nil:
		leg.DN, leg.Number, leg.Name, leg.Trunk = fact.Arrived.From, fact.Arrived.Number, fact.Arrived.Name, fact.Arrived.From == ""
		leg.Leg = fact.Arrived.Leg
		return leg, true
	case fact.Called.DN != "":
		leg.DN, leg.Number, leg.Leg = fact.Called.DN, string(fact.Called.DN), ch.ID
		return leg, true
	default:
		leg.Number = fact.Called.Number
		return leg, leg.Number != ""
	}
}

// adopted begins with a call that is established already. Its DNs are told in the order that their desktops know.
func (s *step) adopted(in Adopted) {
	c := s.call()
	c.StartedAt, c.AnsweredAt, c.Bridged, c.Type = s.at, s.at, true, CallInternal
	for n, leg := range in.Legs {
		role := RoleDestination
		if n == 0 {
			role = RoleOrigination
			c.ANI = leg.Number
		} else if c.DNIS == "" {
			c.DNIS = leg.Number
		}
		switch {
		case leg.Trunk:
			c.Type = CallInbound
		case leg.DN == "" && c.Type == CallInternal:
			c.Type = CallOutbound
		}
		s.join(Party{
			DN: leg.DN, Number: leg.Number, Name: leg.Name, Role: role, State: PartyEstablished, JoinedAt: s.at,
			Leg: Leg{Channel: leg.Channel, Name: leg.Leg, State: LegUp, Joined: true, Muted: leg.DN != ""},
		})
		if leg.DN != "" {
			s.do(OccupyDN{DN: leg.DN})
		}
	}
	s.do(PlayMusic{Bridge: c.Bridge}) // whoever held then is not known to hold now
	for i := range c.Parties {
		p := &c.Parties[i]
		s.remute(p) // nor who was mute then
		begin := EventRinging
		if p.Role == RoleOrigination {
			begin = EventDialing
		}
		s.tell(p, Event{Kind: begin, CallState: CallStateOK})
		s.tell(p, Event{Kind: EventEstablished, CallState: CallStateOK})
	}
}
