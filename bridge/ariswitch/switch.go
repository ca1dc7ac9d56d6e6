package ariswitch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"sidecar/ari"
	"sidecar/bridge"
)

// ErrUnknownServer is a channel or bridge of a server that is not configured.
var ErrUnknownServer = errors.New("no Asterisk of that id is configured")

// LegHeader is the SIP header by which a gateway leg and its channel find each other.
const LegHeader = "X-Sidecar-Leg"

// ResumeHeader asks the gateway to let its page answer by itself; its value there says which call, which we don't know.
const ResumeHeader = "X-Sidecar-Resume"

// legVariable keeps the leg's id on the channel, so that a restart can match it again.
const legVariable = "SIDECAR_LEG"

// partyVariable keeps whom a channel of ours was made to reach, dn:5001 or number:030123.
const partyVariable = "SIDECAR_PARTY"

// Switch commands Asterisk servers for the engine.
type Switch struct {
	clients map[bridge.ServerID]*ari.Client
	paired  func(bridge.DN) bool
	homes   Homes
	silent  []string
}

// Homes says where a DN's phone is registered, and how the other servers call that one.
type Homes struct {
	Of   func(bridge.DN) []bridge.ServerID
	Peer func(bridge.ServerID) string // its endpoint at the others
}

// New makes a switch of the clients. Paired tells for which DNs the phone's side is ours: only those are sent LegHeader,
// and other servers, which keep it for themselves. Homes are looked at when there are several clients. Silent are the endpoints
// without moh_passthrough, whose far ends are not told of holds.
func New(clients []*ari.Client, paired func(bridge.DN) bool, homes Homes, silent ...string) *Switch {
	s := &Switch{clients: map[bridge.ServerID]*ari.Client{}, paired: paired, homes: homes, silent: silent}
	for _, c := range clients {
		s.clients[bridge.ServerID(c.Server())] = c
	}
	return s
}

func (s *Switch) client(server bridge.ServerID) (*ari.Client, error) {
	c, ok := s.clients[server]
	if !ok {
		return nil, fmt.Errorf("%s: %w", server, ErrUnknownServer)
	}
	return c, nil
}

// with runs a request on a channel's server.
func (s *Switch) with(ch bridge.ChannelID, request func(ari.Channels, ari.ChannelID) error) error {
	client, err := s.client(ch.Server)
	if err != nil {
		return err
	}
	return outcome(request(client.Channels(), ari.ChannelID(ch.ID)))
}

// outcome tells an answer of Asterisk from everything else: after that the request may have been done or not.
func outcome(err error) error {
	var answer *ari.Error
	if err == nil || errors.As(err, &answer) {
		return err
	}
	return fmt.Errorf("%w: %w", bridge.ErrUnknownOutcome, err)
}

// Create makes the channel. One that exists already under the id is the one asked for: a restart asks twice.
func (s *Switch) Create(ctx context.Context, leg bridge.NewLeg) error {
	client, err := s.client(leg.Channel.Server)
	if err != nil {
		return err
	}
	to, err := s.endpoint(leg)
	if err != nil {
		return err
	}
	staged := client.StageChannel(ari.ChannelCreateParams{
		Endpoint: to, AppArgs: ourLeg, ChannelID: ari.ChannelID(leg.Channel.ID),
		Originator: ari.ChannelID(leg.Originator.ID), Variables: s.variables(leg, to),
	})
	defer staged.Close()
	_, err = staged.Exec(ctx)
	switch {
	case errors.Is(err, ari.ErrAllocationFailed): // which may be reported as a conflict
		return fmt.Errorf("%s: %w", to, bridge.ErrUnreachable)
	case errors.Is(err, ari.ErrConflict):
		return nil
	}
	return outcome(err)
}

// variables are set on the new channel before it is dialled. REFERs of its phone come to us; what the phone shows
// as the caller is the channel's connected line.
func (s *Switch) variables(leg bridge.NewLeg, endpoint string) ari.Vars {
	v := map[string]string{
		"PJSIP_TRANSFER_HANDLING()": "ari-only",
		partyVariable:               partyOf(leg.To),
	}
	if leg.Leg != "" {
		v[legVariable] = leg.Leg
	}
	if leg.CallerNum != "" {
		v["CONNECTEDLINE(num,i)"] = leg.CallerNum
	}
	if leg.CallerName != "" {
		v["CONNECTEDLINE(name,i)"] = leg.CallerName
	}
	paired := leg.Leg != "" && s.paired(leg.To.DN)
	if paired || leg.Leg != "" && endpoint != direct(leg.To.DN) {
		v["PJSIP_HEADER(add,"+LegHeader+")"] = leg.Leg
	}
	if paired && leg.Resume {
		v["PJSIP_HEADER(add,"+ResumeHeader+")"] = "*"
	}
	return ari.NewVars(v)
}

func partyOf(to bridge.Endpoint) string {
	if to.DN != "" {
		return "dn:" + string(to.DN)
	}
	return "number:" + to.Number
}

// reached reads what partyOf wrote.
func reached(party string) bridge.Endpoint {
	switch kind, value, _ := strings.Cut(party, ":"); kind {
	case "dn":
		return bridge.Endpoint{DN: bridge.DN(value)}
	case "number":
		return bridge.Endpoint{Number: value}
	default:
		return bridge.Endpoint{}
	}
}

// endpoint is what to dial. A DN whose phone is registered at another server alone is reached through that one, while it
// can be reached itself: whether the phone is there is known from nobody else.
func (s *Switch) endpoint(leg bridge.NewLeg) (string, error) {
	to := leg.To
	if to.DN == "" {
		return "PJSIP/" + to.Number + "@" + to.Trunk, nil
	}
	if len(s.clients) < 2 {
		return direct(to.DN), nil
	}
	homes := s.homes.Of(to.DN)
	if len(homes) == 0 || slices.Contains(homes, leg.Channel.Server) {
		return direct(to.DN), nil
	}
	for _, home := range homes {
		if c := s.clients[home]; c != nil && c.Status().State == ari.StateConnected {
			return direct(to.DN) + "@" + s.homes.Peer(home), nil
		}
	}
	return "", fmt.Errorf("%s: %v out of reach: %w", direct(to.DN), homes, bridge.ErrUnreachable)
}

// direct is the endpoint of a DN whose phone is registered at the channel's own server.
func direct(dn bridge.DN) string { return "PJSIP/" + string(dn) }

// Dial rings the channel. The engine ends the ringing itself; Asterisk's own limit is longer and only a safety net.
func (s *Switch) Dial(ctx context.Context, ch, caller bridge.ChannelID, timeout time.Duration) error {
	const margin = 5 * time.Second
	return s.with(ch, func(c ari.Channels, id ari.ChannelID) error {
		return c.Dial(ctx, id, ari.ChannelDialParams{Caller: ari.ChannelID(caller.ID), Timeout: timeout + margin})
	})
}

// Answer answers a channel that came to us.
func (s *Switch) Answer(ctx context.Context, ch bridge.ChannelID) error {
	return s.with(ch, func(c ari.Channels, id ari.ChannelID) error { return c.Answer(ctx, id) })
}

// Ring lets the caller hear ringing.
func (s *Switch) Ring(ctx context.Context, ch bridge.ChannelID) error {
	return s.with(ch, func(c ari.Channels, id ari.ChannelID) error { return c.Ring(ctx, id) })
}

// Open lets the caller hear media before the answer (183).
func (s *Switch) Open(ctx context.Context, ch bridge.ChannelID) error {
	return s.with(ch, func(c ari.Channels, id ari.ChannelID) error { return c.Progress(ctx, id) })
}

// Hangup ends a channel. One that is gone is what was wanted.
func (s *Switch) Hangup(ctx context.Context, ch bridge.ChannelID, cause int) error {
	return s.with(ch, func(c ari.Channels, id ari.ChannelID) error {
		return unlessGone(c.Hangup(ctx, id, ari.ChannelHangupParams{ReasonCode: strconv.Itoa(cause)}))
	})
}

// Continue lets the channel go on in the dialplan. One that is not in our application any more does so already.
func (s *Switch) Continue(ctx context.Context, ch bridge.ChannelID, to bridge.Treatment) error {
	return s.with(ch, func(c ari.Channels, id ari.ChannelID) error {
		err := c.ContinueInDialplan(ctx, id, ari.ChannelContinueInDialplanParams{
			Context: to.Context, Extension: to.Extension, Priority: 1,
		})
		if errors.Is(err, ari.ErrConflict) {
			return nil
		}
		return unlessGone(err)
	})
}

// referPatience is how long a phone has to hang up after it was told that its transfer worked. On a machine at its limit
// Asterisk was seen to need more than a second for the NOTIFY alone.
const referPatience = 2 * time.Second

// ReferResult tells the phone the end of its transfer. After a success it waits for the phone's BYE: a BYE of ours
// right behind the NOTIFY makes Asterisk drop the NOTIFY.
func (s *Switch) ReferResult(ctx context.Context, ch bridge.ChannelID, ok bool) error {
	client, err := s.client(ch.Server)
	if err != nil {
		return err
	}
	id := ari.ChannelID(ch.ID)
	if !ok {
		return unlessGone(client.Channels().TransferProgress(ctx, id, ari.ChannelTransferProgressParams{States: "channel_declined"}))
	}
	watch := client.Watch(ari.Interest{Channels: []ari.ChannelID{id}, Types: []ari.EventType{ari.EventTypeChannelDestroyed}})
	defer watch.Close()
	// Without a progress before it, Asterisk 22.10.1 sends no NOTIFY for the answer.
	for _, state := range []string{"channel_progress", "channel_answered"} {
		if err := client.Channels().TransferProgress(ctx, id, ari.ChannelTransferProgressParams{States: state}); err != nil {
			return unlessGone(err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, referPatience)
	defer cancel()
	select {
	case <-watch.Events(): // gone, or a gap, which ends the waiting too
	case <-ctx.Done():
	}
	return nil
}

// bridgeType makes bridges mix always, by Asterisk's softmix: video_sfu takes its other ways to bridge away. A plain mixing
// bridge changes between them with the number of its parties, and then snoop channels miss what their target hears, and
// whisper to nobody, for good and by chance of RTP sequence numbers; and two phones that it connects natively are heard by
// nobody else, their digits neither. It costs Asterisk 8.3 ms of CPU per call and second instead of 3.8 with G.711.
const bridgeType = string(ari.BridgeTypeMixing) + ",video_sfu"

// Join makes the bridge where it is missing and puts the channels into it.
func (s *Switch) Join(ctx context.Context, br bridge.BridgeID, chs []bridge.ChannelID) error {
	return s.mixer(br, func(b ari.Bridges, id ari.BridgeID) error {
		_, err := b.CreateWithID(ctx, id, ari.BridgeCreateWithIDParams{Type: bridgeType, Name: br.ID})
		if err != nil && !errors.Is(err, ari.ErrConflict) { // one that exists under our id is ours
			return fmt.Errorf("create bridge: %w", err)
		}
		params := ari.BridgeAddChannelParams{}
		for _, ch := range chs {
			params.Channel = append(params.Channel, ari.ChannelID(ch.ID))
		}
		if err := b.AddChannel(ctx, id, params); err != nil {
			return fmt.Errorf("add channels to bridge: %w", err)
		}
		return nil
	})
}

// Music starts or ends music on hold for everybody in the bridge.
func (s *Switch) Music(ctx context.Context, br bridge.BridgeID, class string, on bool) error {
	return s.mixer(br, func(b ari.Bridges, id ari.BridgeID) error {
		if on {
			return b.StartMOH(ctx, id, ari.BridgeStartMOHParams{MOHClass: class})
		}
		err := b.StopMOH(ctx, id)
		if errors.Is(err, ari.ErrConflict) { // there is no music to end
			return nil
		}
		return unlessGone(err)
	})
}

// Destroy removes the bridge; channels in it stay.
func (s *Switch) Destroy(ctx context.Context, br bridge.BridgeID) error {
	return s.mixer(br, func(b ari.Bridges, id ari.BridgeID) error { return unlessGone(b.Destroy(ctx, id)) })
}

func (s *Switch) mixer(br bridge.BridgeID, request func(ari.Bridges, ari.BridgeID) error) error {
	client, err := s.client(br.Server)
	if err != nil {
		return err
	}
	return outcome(request(client.Bridges(), ari.BridgeID(br.ID)))
}

func unlessGone(err error) error {
	if errors.Is(err, ari.ErrNotFound) || errors.Is(err, ari.ErrGone) {
		return nil
	}
	return err
}
