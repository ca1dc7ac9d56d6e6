package ariswitch

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"sidecar/ari"
	"sidecar/bridge"
	"sidecar/internal/backoff"
)

// Engine takes the facts, in order.
type Engine interface {
	Arrive(in bridge.Arrival)
	Leg(change bridge.LegChanged)
	Refer(in bridge.Referral)
	Played(server bridge.ServerID, in bridge.Played)
	Recorded(server bridge.ServerID, in bridge.Recorded)
	Digit(in bridge.Digit)
	Gap(server bridge.ServerID)
	Recovered(snap bridge.Snapshot)
	Lost(server bridge.ServerID)
}

// Service takes the registration state of endpoints.
type Service interface {
	SetService(number string, inService bool)
}

// Feeder reads one Asterisk's events and tells the engine.
type Feeder struct {
	client    *ari.Client
	server    bridge.ServerID
	engine    Engine
	service   Service
	lostAfter time.Duration
	log       *slog.Logger

	peers *peers

	// owned by Run
	online map[string]bool // endpoints that were in service when last seen
	refers map[ari.ChannelID]time.Time
	digits map[ari.ChannelID]time.Time
}

// NewFeeder makes a feeder. LostAfter is how long a server may be out of reach before its calls are taken as ended.
func NewFeeder(client *ari.Client, engine Engine, service Service, lostAfter time.Duration, log *slog.Logger) *Feeder {
	server := bridge.ServerID(client.Server())
	return &Feeder{
		client: client, server: server, engine: engine, service: service, lostAfter: lostAfter,
		log: log.With("server", server), online: map[string]bool{},
		peers:  &peers{client: client, log: log.With("server", server), first: map[ari.ChannelID]chan ari.ChannelID{}},
		refers: map[ari.ChannelID]time.Time{}, digits: map[ari.ChannelID]time.Time{},
	}
}

// Run feeds until the client is closed or ctx ends.
func (f *Feeder) Run(ctx context.Context) {
	lost := time.NewTimer(f.lostAfter) // nothing is connected yet
	defer lost.Stop()
	ctx, cancel := context.WithCancel(ctx)
	defer f.peers.wg.Wait()
	defer cancel()
	for {
		select {
		case <-ctx.Done():
			return
		case <-lost.C:
			if f.answers(ctx) {
				f.log.Error("asterisk_events_missing", "after", f.lostAfter)
				lost.Reset(f.lostAfter)
				continue
			}
			f.log.Error("asterisk_lost", "after", f.lostAfter)
			f.engine.Lost(f.server)
			f.outOfService()
		case event, ok := <-f.client.Events():
			if !ok {
				return
			}
			switch event := event.(type) {
			case *ari.Connected:
				if f.resync(ctx) {
					lost.Stop()
				}
			case *ari.Disconnected:
				f.log.Warn("asterisk_gap", "since", event.Since, "error", event.Err)
				f.engine.Gap(f.server)
				lost.Reset(f.lostAfter)
			case *ari.Replaced:
				// The calls go on under another sidecar: nothing of them may be ended or cleaned up here.
				f.log.Error("standing_by", "why", "another sidecar took over the application; restart this one to take it back")
				lost.Stop()
			default:
				f.feed(ctx, event)
			}
		}
	}
}

// answers reports whether Asterisk still takes requests, that is: only its events are missing, and its calls live.
func (f *Feeder) answers(ctx context.Context) bool {
	_, err := f.client.Asterisk().Ping(ctx)
	return err == nil
}

// resync reads everything and lets the engine compare. It reports false when the connection went away meanwhile:
// the next Connected brings it back here.
func (f *Feeder) resync(ctx context.Context) bool {
	pause := backoff.New(backoff.Policy{Min: 50 * time.Millisecond, Max: time.Second})
	for {
		snap, err := f.client.Snapshot(ctx, ari.Ask{})
		if err == nil {
			f.endpoints(snap.Endpoints)
			f.engine.Recovered(snapshot(f.client.App(), snap))
			f.peers.resumed(ctx, f.client.App(), snap.Channels)
			f.log.Info("asterisk_connected", "channels", len(snap.Channels), "bridges", len(snap.Bridges))
			return true
		}
		if ctx.Err() != nil || f.client.Status().State != ari.StateConnected {
			return false
		}
		f.log.Warn("resync_failed", "error", err)
		if backoff.Sleep(ctx, pause.Next()) != nil {
			return false
		}
	}
}

// feed turns one event into a fact. Of the end of a channel only ChannelDestroyed counts: StasisEnd comes before it
// and without the cause. Snoop channels have StasisEnd alone.
func (f *Feeder) feed(ctx context.Context, event ari.Event) {
	switch e := event.(type) {
	case *ari.StasisStart:
		if ofTap(e) {
			return
		}
		if len(e.Args) > 1 && e.Args[0] == fromPeer {
			f.peers.arrived(ctx, ari.ChannelID(e.Args[1]), e.Channel.ID)
			return
		}
		if in, ok := arrival(f.server, e.Channel, e.Args); ok {
			f.engine.Arrive(in)
			return
		}
		f.leg(e.Channel.ID, bridge.LegIsCreated, 0)
	case *ari.ChannelStateChange:
		if c := change(e.Channel.State); c != bridge.LegIsCreated {
			f.leg(e.Channel.ID, c, 0)
		}
	case *ari.Dial:
		if e.DialStatus == "PROGRESS" { // the only sign of early media: the state stays Down
			f.leg(e.Peer.ID, bridge.LegIsHeard, 0)
		}
	case *ari.ChannelHold:
		f.leg(e.Channel.ID, bridge.LegIsHeld, 0)
	case *ari.ChannelUnhold:
		f.leg(e.Channel.ID, bridge.LegIsBack, 0)
	case *ari.ChannelDestroyed:
		delete(f.refers, e.Channel.ID)
		delete(f.digits, e.Channel.ID)
		f.leg(e.Channel.ID, bridge.LegIsGone, e.Cause)
	case *ari.StasisEnd:
		if strings.HasPrefix(e.Channel.Name, "Snoop/") {
			f.leg(e.Channel.ID, bridge.LegIsGone, 0)
		}
	case *ari.ChannelTransfer:
		if e.State == "" { // with a state it is the echo of our own answer
			f.refer(e)
		}
	case *ari.EndpointStateChange:
		f.endpoint(e.Endpoint)
	default:
		f.heard(event)
	}
}

// heard turns an event about sound into a fact.
func (f *Feeder) heard(event ari.Event) {
	switch e := event.(type) {
	case *ari.PlaybackFinished:
		f.engine.Played(f.server, bridge.Played{ID: string(e.Playback.ID), Failed: e.Playback.State == ari.PlaybackStateFailed})
	case *ari.RecordingFinished:
		f.engine.Recorded(f.server, bridge.Recorded{Name: string(e.Recording.Name)})
	case *ari.RecordingFailed:
		f.engine.Recorded(f.server, bridge.Recorded{Name: string(e.Recording.Name), Failed: true, Why: e.Recording.Cause})
	case *ari.ChannelDtmfReceived:
		if toldBefore(f.digits, e.Channel.ID, e.At()) {
			return
		}
		f.engine.Digit(bridge.Digit{Channel: f.channel(e.Channel.ID), Digit: e.Digit})
	}
}

// toldBefore reports whether an event of that time was the last one of the channel. Asterisk tells of one REFER and of one
// digit twice, with the same time: once for the channel, once for what else the application is subscribed to, its endpoint
// or bridge. What only repeats a state does no harm.
func toldBefore(last map[ari.ChannelID]time.Time, id ari.ChannelID, at time.Time) bool {
	if last[id].Equal(at) {
		return true
	}
	last[id] = at
	return false
}

func (f *Feeder) channel(id ari.ChannelID) bridge.ChannelID {
	return bridge.ChannelID{Server: f.server, ID: string(id)}
}

// ofTap reports whether a channel is one of Taps: to the engine it would be an orphan of its own.
func ofTap(e *ari.StasisStart) bool {
	return strings.HasPrefix(e.Channel.Name, "WebSocket/") || len(e.Args) > 0 && e.Args[0] == ourTap
}

func (f *Feeder) leg(id ari.ChannelID, c bridge.LegChange, cause int) {
	f.engine.Leg(bridge.LegChanged{Channel: f.channel(id), Change: c, Cause: cause})
}

func (f *Feeder) refer(e *ari.ChannelTransfer) {
	source := e.ReferredBy.SourceChannel
	if toldBefore(f.refers, source.ID, e.At()) {
		return
	}
	in := bridge.Referral{
		Channel:  f.channel(source.ID),
		Name:     source.ChannelVars[legVariable],
		From:     bridge.DN(endpointOf(source.Name)),
		To:       e.ReferTo.RequestedDestination.Destination,
		Attended: e.ReferTo.DestinationChannel != nil || e.ReferTo.RequestedDestination.ProtocolID != "",
	}
	if e.ReferTo.DestinationChannel != nil {
		in.Replaces = f.channel(e.ReferTo.DestinationChannel.ID)
		in.ReplacesName = e.ReferTo.DestinationChannel.ChannelVars[legVariable]
	}
	f.engine.Refer(in)
}

func (f *Feeder) endpoints(list []ari.EndpointData) {
	for _, e := range list {
		f.endpoint(e)
	}
}

func (f *Feeder) endpoint(e ari.EndpointData) {
	if e.Technology != "PJSIP" {
		return
	}
	online := e.State == ari.EndpointStateOnline
	f.online[e.Resource] = online
	f.service.SetService(e.Resource, online)
}

// outOfService takes every DN of a lost server out of service.
func (f *Feeder) outOfService() {
	for number, online := range f.online {
		if online {
			f.service.SetService(number, false)
		}
	}
	clear(f.online)
}
