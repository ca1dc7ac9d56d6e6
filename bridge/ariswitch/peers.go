package ariswitch

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"sidecar/ari"
	"sidecar/internal/backoff"
)

// fromPeer says of a channel that it belongs to a call of another Asterisk, as first argument of Stasis: the second is the
// channel on which that one called, Stasis(app,from-peer,CHANNEL). The dialplan has rung the phone, and both channels come
// when it has answered.
const fromPeer = "from-peer"

// meeting is how long the second of the two channels may take.
const meeting = 5 * time.Second

// peers joins a phone that is registered here with the Asterisk that has its call. The engine knows only the other end of
// that; the channels are in our application so that a REFER of the phone can be answered. If the daemon dies, they stay.
type peers struct {
	client *ari.Client
	log    *slog.Logger
	wg     sync.WaitGroup

	mu    sync.Mutex
	first map[ari.ChannelID]chan ari.ChannelID // by the calling channel: who waits for the other of the two
}

// arrived takes one of the two channels.
func (p *peers) arrived(ctx context.Context, call, id ari.ChannelID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if other, waits := p.first[call]; waits {
		delete(p.first, call)
		other <- id
		return
	}
	other := make(chan ari.ChannelID, 1)
	p.first[call] = other
	p.wg.Go(func() { p.run(ctx, call, id, other) })
}

// run is one call, from the first channel's arrival to the end of both.
func (p *peers) run(ctx context.Context, call, id ari.ChannelID, other <-chan ari.ChannelID) {
	timer := time.NewTimer(meeting)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case second := <-other:
		p.join(ctx, call, id, second)
	case <-timer.C:
		p.mu.Lock()
		delete(p.first, call)
		p.mu.Unlock()
		select {
		case second := <-other:
			p.join(ctx, call, id, second)
		default:
			p.hangup(ctx, id)
		}
	}
}

// join puts the two together until one of them ends, and ends the other. After a gap resumed begins anew.
func (p *peers) join(ctx context.Context, call ari.ChannelID, both ...ari.ChannelID) {
	watch := p.client.Watch(ari.Interest{Channels: both, Types: []ari.EventType{ari.EventTypeChannelDestroyed}})
	defer watch.Close()
	id := ari.BridgeID(fromPeer + "-" + string(call))
	bridges := p.client.Bridges()
	// A plain bridge passes holds on, which one that mixes does not.
	_, err := bridges.CreateWithID(ctx, id, ari.BridgeCreateWithIDParams{Type: string(ari.BridgeTypeMixing), Name: string(id)})
	if err == nil || errors.Is(err, ari.ErrConflict) {
		err = bridges.AddChannel(ctx, id, ari.BridgeAddChannelParams{Channel: both})
	}
	if err == nil {
		select {
		case <-ctx.Done():
			return
		case event, open := <-watch.Events():
			if _, ended := event.(*ari.ChannelDestroyed); !open || !ended {
				return
			}
		}
	} else if ctx.Err() == nil {
		p.log.Warn("peer_not_joined", "channel", call, "error", err)
	}
	p.hangup(ctx, both...)
	if err := unlessGone(bridges.Destroy(ctx, id)); err != nil && ctx.Err() == nil {
		p.log.Warn("peer_bridge_left", "bridge", id, "error", err)
	}
}

func (p *peers) hangup(ctx context.Context, ids ...ari.ChannelID) {
	for _, id := range ids {
		for try := backoff.New(backoff.Policy{Min: time.Second, Max: time.Second}); ; {
			err := unlessGone(p.client.Channels().Hangup(ctx, id, ari.ChannelHangupParams{}))
			if err == nil || backoff.Sleep(ctx, try.Next()) != nil || p.client.Status().State != ari.StateConnected {
				break
			}
		}
	}
}

// resumed takes up what the server has after a gap, and ends what lost its other half meanwhile.
func (p *peers) resumed(ctx context.Context, app string, channels []ari.ChannelData) {
	for _, ch := range channels {
		args := strings.Split(ch.Dialplan.AppData, ",")
		if ch.Dialplan.AppName == "Stasis" && len(args) > 2 && args[0] == app && args[1] == fromPeer {
			p.arrived(ctx, ari.ChannelID(args[2]), ch.ID)
		}
	}
}
