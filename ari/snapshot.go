package ari

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Ask names what a snapshot can't find by listing: Asterisk lists channels,
// bridges and endpoints, but tells of playbacks and live recordings by name only.
type Ask struct {
	Playbacks  []PlaybackID
	Recordings []RecordingName
}

// Snapshot is what one Asterisk holds.
type Snapshot struct {
	Server ServerID
	// At is when the first answer came: events older than it are contained,
	// younger ones may be.
	At time.Time
	// StartedAt identifies the Asterisk process.
	StartedAt time.Time
	Channels  []ChannelData
	Bridges   []BridgeData
	Endpoints []EndpointData
	// Application says which of them our application receives events of.
	Application ApplicationData
	// Playbacks and Recordings are those asked for that still exist.
	Playbacks  []PlaybackData
	Recordings []LiveRecordingData
}

// Snapshot asks Asterisk for everything there is. If Asterisk restarts
// meanwhile it fails with ErrRestarted rather than mixing two lives.
func (c *Client) Snapshot(ctx context.Context, ask Ask) (Snapshot, error) {
	s := Snapshot{Server: c.cfg.Server}
	started, err := c.startupTime(ctx)
	if err != nil {
		return s, err
	}
	s.At, s.StartedAt = time.Now(), started
	if err = c.list(ctx, &s); err != nil {
		return s, err
	}
	if err = c.lookUp(ctx, ask, &s); err != nil {
		return s, err
	}
	ended, err := c.startupTime(ctx)
	if err != nil {
		return s, err
	}
	if !ended.Equal(started) {
		return s, fmt.Errorf("ari: snapshot: %w", ErrRestarted)
	}
	return s, nil
}

func (c *Client) startupTime(ctx context.Context) (time.Time, error) {
	info, err := c.Asterisk().GetInfo(ctx, AsteriskGetInfoParams{Only: []string{"status"}})
	if err != nil {
		return time.Time{}, err
	}
	if info.Status == nil {
		return time.Time{}, fmt.Errorf("ari: snapshot: %w: no startup time", ErrMalformedEvent)
	}
	return info.Status.StartupTime.Time, nil
}

func (c *Client) list(ctx context.Context, s *Snapshot) (err error) {
	if s.Channels, err = c.Channels().List(ctx); err != nil {
		return err
	}
	if s.Bridges, err = c.Bridges().List(ctx); err != nil {
		return err
	}
	if s.Endpoints, err = c.Endpoints().List(ctx); err != nil {
		return err
	}
	s.Application, err = c.Applications().Get(ctx, c.cfg.App)
	if errors.Is(err, ErrNotFound) {
		// Not registered at the moment, so it receives nothing.
		return nil
	}
	return err
}

func (c *Client) lookUp(ctx context.Context, ask Ask, s *Snapshot) error {
	for _, id := range ask.Playbacks {
		p, err := c.Playbacks().Get(ctx, id)
		if err == nil {
			s.Playbacks = append(s.Playbacks, p)
		} else if !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	for _, name := range ask.Recordings {
		r, err := c.Recordings().GetLive(ctx, name)
		if err == nil {
			s.Recordings = append(s.Recordings, r)
		} else if !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return nil
}
