package ariswitch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sidecar/ari"
	"sidecar/bridge"
	"sidecar/internal/backoff"
)

var _ bridge.Media = (*Switch)(nil)

// Leave takes the channels out of the bridge, one by one: Asterisk refuses a list of which one is not in it.
func (s *Switch) Leave(ctx context.Context, br bridge.BridgeID, chs []bridge.ChannelID) error {
	return s.mixer(br, func(b ari.Bridges, id ari.BridgeID) error {
		for _, ch := range chs {
			err := b.RemoveChannel(ctx, id, ari.BridgeRemoveChannelParams{Channel: []ari.ChannelID{ari.ChannelID(ch.ID)}})
			if err = unlessOut(err); err != nil {
				return fmt.Errorf("take %s out of bridge: %w", ch.ID, err)
			}
		}
		return nil
	})
}

// unlessOut forgives what says that a channel is not in a bridge: it is gone (400), in another one (422), or not in our
// application any more (409).
func unlessOut(err error) error {
	if errors.Is(err, ari.ErrBadRequest) || errors.Is(err, ari.ErrUnprocessable) || errors.Is(err, ari.ErrConflict) {
		return nil
	}
	return unlessGone(err)
}

// Hold tells the far end of a channel, and only that. To one that it can't tell Asterisk would play music of its own, and it can miss
// the order to end that: whoever is the far end of a silent endpoint hears the bridge's music, as everybody.
func (s *Switch) Hold(ctx context.Context, ch bridge.ChannelID, on bool) error {
	return s.with(ch, func(c ari.Channels, id ari.ChannelID) error {
		if len(s.silent) > 0 {
			data, err := c.Get(ctx, id)
			if err != nil || slices.Contains(s.silent, endpointOf(data.Name)) {
				return err
			}
		}
		if on {
			return c.Hold(ctx, id)
		}
		return c.Unhold(ctx, id)
	})
}

// Identify sets the channel's connected line, of which Asterisk tells the device by UPDATE or re-INVITE. The number comes last:
// what is set with "i" is told together with what follows.
func (s *Switch) Identify(ctx context.Context, ch bridge.ChannelID, number, name string) error {
	return s.with(ch, func(c ari.Channels, id ari.ChannelID) error {
		err := c.SetChannelVar(ctx, id, ari.ChannelSetChannelVarParams{Variable: "CONNECTEDLINE(name,i)", Value: name})
		if err == nil {
			err = c.SetChannelVar(ctx, id, ari.ChannelSetChannelVarParams{Variable: "CONNECTEDLINE(num)", Value: number})
		}
		return unlessGone(err)
	})
}

// Mute mutes a channel, which lasts through changes of its bridge.
func (s *Switch) Mute(ctx context.Context, ch bridge.ChannelID, m bridge.Mute, on bool) error {
	return s.with(ch, func(c ari.Channels, id ari.ChannelID) error {
		if on {
			return c.Mute(ctx, id, ari.ChannelMuteParams{Direction: string(m)})
		}
		return c.Unmute(ctx, id, ari.ChannelUnmuteParams{Direction: string(m)})
	})
}

// SendDTMF has Asterisk send the digits to the device, one after the other.
func (s *Switch) SendDTMF(ctx context.Context, ch bridge.ChannelID, digits string) error {
	return s.with(ch, func(c ari.Channels, id ari.ChannelID) error {
		return c.SendDTMF(ctx, id, ari.ChannelSendDTMFParams{DTMF: digits})
	})
}

// Snoop makes the channel. One that exists already under the id is the one asked for: a restart asks twice.
func (s *Switch) Snoop(ctx context.Context, n bridge.NewSnoop) error {
	whisper := "none"
	if n.Whisper {
		whisper = "out" // towards the party
	}
	return s.with(n.Of, func(c ari.Channels, of ari.ChannelID) error {
		_, err := c.SnoopChannelWithID(ctx, of, ari.ChannelID(n.Channel.ID), ari.ChannelSnoopChannelWithIDParams{
			App: s.clients[n.Of.Server].App(), AppArgs: ourLeg, Spy: string(n.Hear), Whisper: whisper,
		})
		if errors.Is(err, ari.ErrServer) { // Asterisk 22.10.1 has no better answer to an id that is in use
			if _, missing := c.Get(ctx, ari.ChannelID(n.Channel.ID)); missing == nil {
				return nil
			}
		}
		return err
	})
}

// Play begins a playback. Asterisk would begin a second one under the same id, so it is asked first.
func (s *Switch) Play(ctx context.Context, p bridge.NewPlayback) error {
	client, err := s.client(cmp.Or(p.Bridge.Server, p.Channel.Server))
	if err != nil {
		return err
	}
	id := ari.PlaybackID(p.ID)
	if _, err := client.Playbacks().Get(ctx, id); !errors.Is(err, ari.ErrNotFound) {
		return outcome(err)
	}
	if p.Bridge.ID != "" {
		return s.mixer(p.Bridge, func(b ari.Bridges, br ari.BridgeID) error {
			return settled(ctx, ari.ErrServer, func() error {
				_, err := b.PlayWithID(ctx, br, id, ari.BridgePlayWithIDParams{Media: p.Media})
				return err
			})
		})
	}
	return s.with(p.Channel, func(c ari.Channels, ch ari.ChannelID) error {
		_, err := c.PlayWithID(ctx, ch, id, ari.ChannelPlayWithIDParams{Media: p.Media})
		return err
	})
}

// StopPlay ends a playback.
func (s *Switch) StopPlay(ctx context.Context, server bridge.ServerID, id string) error {
	client, err := s.client(server)
	if err != nil {
		return err
	}
	return outcome(settled(ctx, ari.ErrServer, func() error {
		return unlessGone(client.Playbacks().Stop(ctx, ari.PlaybackID(id)))
	}))
}

// How often, and after which pause, a request is made again that Asterisk refuses for a moment only.
const (
	settleTries = 40
	settlePause = 25 * time.Millisecond
)

// settled makes a request again while Asterisk refuses it for the state that something is in just then. On Asterisk 22.10.1
// with its processors busy: a recording that was begun can't be paused until the channel's own thread has taken it up (409,
// in 20 of 360 tries), a bridge whose announcer is just leaving can play nothing (500 "Allocation failed", 2 of 360), and a
// playback can't be stopped before it plays (500, 1 of 360).
func settled(ctx context.Context, refusal error, request func() error) error {
	for try := 1; ; try++ {
		err := request()
		if !errors.Is(err, refusal) || try == settleTries || backoff.Sleep(ctx, settlePause) != nil {
			return err
		}
	}
}

// maxRecording ends a recording that nobody ends.
const maxRecording = 8 * time.Hour

// Record begins a recording. The channel must be in no bridge: Asterisk records it from its own thread.
func (s *Switch) Record(ctx context.Context, ch bridge.ChannelID, name string) error {
	return s.with(ch, func(c ari.Channels, id ari.ChannelID) error {
		_, err := c.Record(ctx, id, ari.ChannelRecordParams{
			Name: ari.RecordingName(name), Format: "wav", IfExists: "fail", MaxDuration: maxRecording,
		})
		if errors.Is(err, ari.ErrConflict) {
			if _, missing := s.clients[ch.Server].Recordings().GetLive(ctx, ari.RecordingName(name)); missing == nil {
				return nil // begun before
			}
		}
		return err
	})
}

// PauseRecording pauses or resumes a recording.
func (s *Switch) PauseRecording(ctx context.Context, server bridge.ServerID, name string, on bool) error {
	return s.recording(server, func(r ari.Recordings) error {
		return settled(ctx, ari.ErrConflict, func() error {
			if on {
				return r.Pause(ctx, ari.RecordingName(name))
			}
			return r.Unpause(ctx, ari.RecordingName(name))
		})
	})
}

// StopRecording ends a recording; its file stays.
func (s *Switch) StopRecording(ctx context.Context, server bridge.ServerID, name string) error {
	return s.recording(server, func(r ari.Recordings) error {
		err := r.Stop(ctx, ari.RecordingName(name))
		if errors.Is(err, ari.ErrConflict) { // for a moment after its end
			return nil
		}
		return unlessGone(err)
	})
}

func (s *Switch) recording(server bridge.ServerID, request func(ari.Recordings) error) error {
	client, err := s.client(server)
	if err != nil {
		return err
	}
	return outcome(request(client.Recordings()))
}
