package ari

import (
	"context"
	"errors"
	"fmt"
)

// StagedChannel is a channel that does not exist yet but already has an id and
// somebody listening: stage, create, dial.
type StagedChannel struct {
	*ChannelHandle
	*Watch

	params ChannelCreateParams
}

// StageChannel prepares the creation of a channel. App defaults to the client's
// and ChannelID to a new one. No request is made. Close ends the watch.
func (c *Client) StageChannel(params ChannelCreateParams) *StagedChannel {
	if params.ChannelID == "" {
		params.ChannelID = NewChannelID()
	}
	if params.App == "" {
		params.App = c.cfg.App
	}
	return &StagedChannel{
		ChannelHandle: c.Channel(params.ChannelID),
		Watch:         c.Watch(Interest{Channels: []ChannelID{params.ChannelID}}),
		params:        params,
	}
}

// Exec creates the channel. It does not ring yet: that is Dial.
//
// Asterisk 22.10.1 tells "id in use" from "allocation failed" by an errno that
// an earlier request on the same connection may have left behind, so a conflict
// is believed only when the channel is really there.
func (s *StagedChannel) Exec(ctx context.Context) (ChannelData, error) {
	data, err := s.c().Channels().Create(ctx, s.params)
	if errors.Is(err, ErrConflict) {
		if _, missing := s.Get(ctx); errors.Is(missing, ErrNotFound) {
			return data, fmt.Errorf("%w, reported as: %w", ErrAllocationFailed, err)
		}
	}
	return data, err
}

func (s *StagedChannel) c() *Client { return s.ChannelHandle.c }

// StagedBridge is a bridge that does not exist yet but already has an id and
// somebody listening.
type StagedBridge struct {
	*BridgeHandle
	*Watch

	params BridgeCreateWithIDParams
}

// StageBridge prepares the creation of a bridge under an id of the caller's
// choice, or a new one. No request is made. Close ends the watch.
func (c *Client) StageBridge(id BridgeID, params BridgeCreateWithIDParams) *StagedBridge {
	if id == "" {
		id = NewBridgeID()
	}
	return &StagedBridge{
		BridgeHandle: c.Bridge(id),
		Watch:        c.Watch(Interest{Bridges: []BridgeID{id}}),
		params:       params,
	}
}

// Exec creates the bridge and subscribes the application to it: Asterisk tells an
// application of channels that enter and leave a bridge it made, but of the
// bridge's own end only when subscribed. If only the subscription fails, the
// bridge exists and the error says so.
func (s *StagedBridge) Exec(ctx context.Context) (BridgeData, error) {
	c := s.BridgeHandle.c
	data, err := c.Bridges().CreateWithID(ctx, s.ID(), s.params)
	if err != nil {
		return data, err
	}
	source := "bridge:" + string(s.ID())
	if _, err := c.Applications().Subscribe(ctx, c.App(), ApplicationSubscribeParams{EventSource: []string{source}}); err != nil {
		return data, fmt.Errorf("bridge %s is created but not subscribed: %w", s.ID(), err)
	}
	return data, nil
}
