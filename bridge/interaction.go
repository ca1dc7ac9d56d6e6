package bridge

import (
	"slices"
	"time"
)

// Interaction is the whole state of a call: what the machine works on and what the journal keeps. It holds only
// values, so that a copy is a snapshot.
type Interaction struct {
	ID       InteractionID
	Server   ServerID
	Call     Call
	Events   int     // events published so far
	Outbox   []Event // events of the last step; published again after a restart, under the same ids
	NextLeg  int
	Finished bool

	MakeReply int // token of the command that makes the call, 0 when none waits
	MakeOp    OpID
}

// Call is a call of the interaction.
type Call struct {
	ID         CallID
	ConnID     ConnID
	Type       CallType
	Controller Controller
	ANI        string
	DNIS       string
	Parties    []Party // in the order in which they came
	Bridge     BridgeID
	Bridged    bool // the bridge was asked for
	Music      bool // it plays music
	Transfer   *TransferOp
	UserData   map[string]string
	StartedAt  time.Time
	AnsweredAt time.Time
	EndedAt    time.Time
}

// TransferOp is a single-step transfer under way: its record is the intent that a restart picks up.
type TransferOp struct {
	By        PartyID
	To        PartyID // the party being called; a recall replaces it
	Committed bool    // By has left
	Recalled  bool    // the target failed and By is called back
	Refer     bool    // asked for by the phone of By
	Phone     bool    // which did so through our gateway
	Op        OpID
	Reply     int // token of the waiting command, 0 for none
}

// Party is somebody in the call, with the leg that reaches them.
type Party struct {
	ID        PartyID
	DN        DN
	Number    string
	Name      string
	Role      Role
	State     PartyState
	JoinedAt  time.Time
	LeftAt    time.Time
	Told      bool    // its DN has seen an event of this call, so it must see a terminal one
	Third     PartyID // who transferred the call to it
	Announced bool    // the party that stayed was told of it
	Reached   bool    // an outside party: its network has been heard of
	Dest      Destination
	Deadline  time.Time // ringing ends
	Leg       Leg
	BackTo    Treatment // where the leg was handed back to
	Asked     Asked     // what its phone is being told to do
}

// Asked is what a phone was told to do and has not acknowledged yet.
type Asked struct {
	Verb    PhoneVerb // empty: nothing
	Replies []int     // tokens of the commands that wait for it
}

// Leg is a party's channel.
//
//	Requested ──> Created ──> Dialed ──> Ringing ──> Up ──┐
//	   (ours)                                             ├──> Leaving ──> Gone
//	                          Arrived (theirs) ───> Up ───┘
type Leg struct {
	Channel   ChannelID
	Name      string // by which the phone's side of it is known: X-Sidecar-Leg; empty for a leg without
	State     LegState
	Joined    bool
	Cause     int            // hang-up cause that we asked for or were told
	Hold      Hold           // that its phone is in
	Can       PhoneAbilities // as last seen
	MediaLost bool           // nothing comes from its phone any more; it may come back
}

// Hold says whether a phone holds its call, and who knows of it. What its peer hears then comes from whoever knows.
type Hold string

// The holds.
const (
	HoldNone    Hold = ""
	HoldSwitch  Hold = "switch"  // the phone told the switch, which plays its music
	HoldGateway Hold = "gateway" // the phone told our gateway, and the music is ours to play
)

// LegState is where a leg stands.
type LegState string

// The states of a leg.
const (
	LegNone      LegState = ""
	LegRequested LegState = "Requested" // we asked the switch to create it
	LegCreated   LegState = "Created"   // it is there and ours to dial
	LegDialed    LegState = "Dialed"
	LegRinging   LegState = "Ringing"
	LegArrived   LegState = "Arrived" // it came to us and is not answered
	LegUp        LegState = "Up"
	LegLeaving   LegState = "Leaving" // we asked for its end
	LegGone      LegState = "Gone"
)

func (l Leg) alive() bool   { return l.State != LegNone && l.State != LegGone }
func (l Leg) usable() bool  { return l.alive() && l.State != LegLeaving }
func (p Party) alive() bool { return p.State != PartyReleased }

// caps are what the party's leg counts against. Dest of who began a call says whom it calls, not what it is.
func (p Party) caps() []Cap {
	if p.Role == RoleOrigination {
		return nil
	}
	return p.Dest.Caps
}

func (c *Call) party(id PartyID) *Party {
	for i := range c.Parties {
		if c.Parties[i].ID == id {
			return &c.Parties[i]
		}
	}
	return nil
}

func (c *Call) byChannel(ch ChannelID) *Party {
	for i := range c.Parties {
		if c.Parties[i].Leg.Channel == ch {
			return &c.Parties[i]
		}
	}
	return nil
}

// livingDN finds the party of dn that is still in the call.
func (c *Call) livingDN(dn DN) *Party {
	for i := range c.Parties {
		if c.Parties[i].DN == dn && c.Parties[i].alive() {
			return &c.Parties[i]
		}
	}
	return nil
}

// caller is the first living party besides the one that transfers: the one on whose behalf others are called.
func (c *Call) caller(except PartyID) *Party {
	for i := range c.Parties {
		if p := &c.Parties[i]; p.alive() && p.ID != except && p.Leg.State != LegRequested {
			return p
		}
	}
	return nil
}

// others are the living parties besides id.
func (c *Call) others(id PartyID) []*Party {
	var list []*Party
	for i := range c.Parties {
		if p := &c.Parties[i]; p.ID != id && p.alive() {
			list = append(list, p)
		}
	}
	return list
}

// peer is the one other living party, nil when there is none or several.
func (c *Call) peer(id PartyID) *Party {
	if list := c.others(id); len(list) == 1 {
		return list[0]
	}
	return nil
}

// clone copies the state so that the machine never changes what it was given.
func (i Interaction) clone() Interaction {
	i.Call.Parties = slices.Clone(i.Call.Parties)
	for n := range i.Call.Parties {
		asked := &i.Call.Parties[n].Asked
		asked.Replies = slices.Clone(asked.Replies)
	}
	if i.Call.Transfer != nil {
		op := *i.Call.Transfer
		i.Call.Transfer = &op
	}
	i.Outbox = nil
	return i
}

// knowing is the state with what the phones of its legs can do now. It reports false when that is what it was.
func (i Interaction) knowing(abilities func(leg string) PhoneAbilities) (Interaction, bool) {
	changed := false
	for n, p := range i.Call.Parties {
		if p.DN == "" || p.Leg.Name == "" || !p.Leg.usable() {
			continue
		}
		can := abilities(p.Leg.Name)
		if can == p.Leg.Can {
			continue
		}
		if !changed {
			i.Call.Parties = slices.Clone(i.Call.Parties)
			changed = true
		}
		i.Call.Parties[n].Leg.Can = can
	}
	return i, changed
}
