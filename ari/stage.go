package ari

import "context"

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
func (s *StagedChannel) Exec(ctx context.Context) (ChannelData, error) {
	return s.c().Channels().Create(ctx, s.params)
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

// Exec creates the bridge.
func (s *StagedBridge) Exec(ctx context.Context) (BridgeData, error) {
	return s.BridgeHandle.c.Bridges().CreateWithID(ctx, s.ID(), s.params)
}
