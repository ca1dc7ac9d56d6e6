package bridge

import (
	"slices"
	"time"
)

// Interaction is the whole state of a call: what the machine works on and what the journal keeps. It holds only
// values, so that a copy is a snapshot.
type Interaction struct {
	ID        InteractionID
	Server    ServerID
	Call      Call    // the one it began with
	Consults  []Call  // those that its parties began out of another of its calls
	Events    int     // events published so far
	Watches   []Watch // supervisors at its calls
	Outbox    []Event // events of the last step
	Earlier   []Event `json:",omitempty"` // those of steps before that are not known to be kept: see outbox.go
	NextLeg   int
	Watched   int // how many supervisors came to them
	LastParty int // the last id that a party was given
	Finished  bool
	Dropped   []ChannelID // died with our gateway: given up by their parties, and not known to be gone

	MakeReply int // token of the command that makes the call, 0 when none waits
	MakeOp    OpID
}

// Call is a call of the interaction.
type Call struct {
	ID         CallID
	ConnID     ConnID
	Parent     ConnID // of the call that it is a consultation for, zero for any other
	Purpose    ConsultPurpose
	Type       CallType
	Controller Controller
	ANI        string
	DNIS       string
	Parties    []Party // in the order in which they came
	Bridge     BridgeID
	Bridged    bool // the bridge was asked for
	Music      bool // it plays music
	Transfer   *TransferOp
	UserData   UserData
	Queue      *QueueWait  // it waits at a route point
	From       *QueueWait  // where it waited last, and was answered
	Recordings []Recording // the last one may run
	StartedAt  time.Time
	AnsweredAt time.Time
	EndedAt    time.Time
	Done       bool // ended, and nothing is left of it at the switch
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
	BackTo    Treatment     // where the leg was handed back to
	Asked     Asked         // what its phone is being told to do
	Away      bool          // held, while its leg serves the DN in another call of the interaction
	Added     bool          // called into a call that went on
	Complete  bool          // a consultation that is a transfer as soon as it is being called
	Reply     int           // token of the command that waits until it is being called, 0 for none
	Rejoin    int           // token of the command that waits until it is back in the call, 0 for none
	Ready     bool          // called only as an agent who is ready for calls
	PickUp    bool          // its phone is to answer when it rings
	TakenFrom InteractionID // it was a party of that one before the two calls became one
	Forwards  int           // how many DNs have sent the call on to here
	Again     Again         // its phone is being called again
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
	ToldHeld  bool           // its far end was told that it is held
	MediaLost bool           // nothing comes from its phone any more; it may come back
	Mute      Mute           // what the switch was told to keep from being heard
	Muted     bool           // it was told so once
	Caps      []Cap          // what it counts against
	Shows     string         // number of whom its phone takes it to be connected with

	ReferredAt ChannelID // of its phone, which asked for a transfer and is at another server
}

// Hold says whether a phone holds its call, and who knows of it. What its peer hears then comes from whoever knows.
type Hold string

// The holds.
const (
	HoldNone    Hold = ""
	HoldSwitch  Hold = "switch"  // the phone told the switch, which tells nobody in a bridge that mixes
	HoldGateway Hold = "gateway" // the phone told our gateway, and the music is ours to play
	HoldEngine  Hold = "engine"  // by command: the leg is out of the bridge, whatever its phone can do
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
	LegAwaited   LegState = "Awaited" // there is none: the phone is to be called again in a moment
)

// talks reports whether the leg can be heard in a bridge: one that came to us may be answered without our having heard of it.
func (l Leg) talks() bool { return l.State == LegUp || l.State == LegArrived }

// heard reports whether the leg may be in a bridge: it can be heard from the time it rings.
func (l Leg) heard() bool { return l.talks() || l.State == LegDialed || l.State == LegRinging }

func (l Leg) alive() bool   { return l.State != LegNone && l.State != LegGone }
func (l Leg) usable() bool  { return l.alive() && l.State != LegLeaving }
func (p Party) alive() bool { return p.State != PartyReleased }

// talks reports whether the party has been connected.
func (p Party) talks() bool { return p.State == PartyEstablished || p.State == PartyHeld }

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
		if p := &c.Parties[i]; p.alive() && p.ID != except && p.Leg.State != LegRequested && p.Leg.State != LegAwaited {
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

// nth is a call of the interaction: 0 the one it began with, then the others.
func (i *Interaction) nth(n int) *Call {
	if n == 0 {
		return &i.Call
	}
	return &i.Consults[n-1]
}

// calls counts them, those that are over included.
func (i *Interaction) calls() int { return 1 + len(i.Consults) }

// find is the number of the call of which is says that it is the one, -1 when there is none.
func (i *Interaction) find(is func(*Call) bool) int {
	for n := range i.calls() {
		if is(i.nth(n)) {
			return n
		}
	}
	return -1
}

// byChannel finds whose leg a channel is, in whichever call.
func (i *Interaction) byChannel(ch ChannelID) *Party {
	if n := i.find(func(c *Call) bool { return c.byChannel(ch) != nil }); n >= 0 {
		return i.nth(n).byChannel(ch)
	}
	return nil
}

// needs reports whether a channel is still looked after.
func (i *Interaction) needs(ch ChannelID) bool {
	l := i.legAt(ch)
	return l != nil && l.alive() || slices.Contains(i.Dropped, ch)
}

// parties counts those of all calls, supervisors included.
func (i *Interaction) parties() int {
	sum := 0
	for n := range i.calls() {
		sum += len(i.nth(n).Parties)
	}
	return sum + len(i.Watches)
}

// legsOf counts the living legs of a DN: after a recall, or with two calls of one phone, it may have two.
func (i *Interaction) legsOf(dn DN) int {
	legs := 0
	for n := range i.calls() {
		for _, p := range i.nth(n).Parties {
			if p.DN == dn && p.Leg.alive() {
				legs++
			}
		}
	}
	for _, w := range i.Watches {
		if w.Party.DN == dn && w.Party.Leg.alive() {
			legs++
		}
	}
	return legs
}

// clone copies the state so that the machine never changes what it was given.
func (i Interaction) clone() Interaction {
	i.Consults, i.Dropped = slices.Clone(i.Consults), slices.Clone(i.Dropped)
	for n := range i.calls() {
		i.nth(n).unshare()
	}
	i.Watches = slices.Clone(i.Watches)
	for n := range i.Watches {
		i.Watches[n].unshare()
	}
	i.Outbox = nil
	return i
}

// unshare gives the call copies of its own of what its copy would share with it.
func (c *Call) unshare() {
	c.Parties = slices.Clone(c.Parties)
	for n := range c.Parties {
		asked := &c.Parties[n].Asked
		asked.Replies = slices.Clone(asked.Replies)
	}
	if c.Transfer != nil {
		op := *c.Transfer
		c.Transfer = &op
	}
	if c.Queue != nil {
		wait := *c.Queue
		c.Queue = &wait
	}
	if c.From != nil {
		from := *c.From
		c.From = &from
	}
	c.Recordings = slices.Clone(c.Recordings)
	c.UserData = c.UserData.Clone()
}

// knowing is the state with what the phones of its legs can do now. It reports false when that is what it was.
func (i Interaction) knowing(abilities func(leg string) PhoneAbilities) (Interaction, bool) {
	changed := false
	for n := range i.calls() {
		for k, p := range i.nth(n).Parties {
			if p.DN == "" || p.Leg.Name == "" || !p.Leg.usable() {
				continue
			}
			can := abilities(p.Leg.Name)
			if can == p.Leg.Can {
				continue
			}
			if !changed {
				i = i.copied()
				changed = true
			}
			i.nth(n).Parties[k].Leg.Can = can
		}
	}
	for k, w := range i.Watches {
		if w.Party.DN == "" || !w.Party.Leg.usable() || abilities(w.Party.Leg.Name) == w.Party.Leg.Can {
			continue
		}
		if !changed {
			i = i.copied()
			changed = true
		}
		i.Watches[k].Party.Leg.Can = abilities(w.Party.Leg.Name)
	}
	return i, changed
}

// copied shares nothing that knowing changes.
func (i Interaction) copied() Interaction {
	outbox := i.Outbox
	i = i.clone()
	i.Outbox = outbox
	return i
}
