package main

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"sidecar/bridge"
	"sidecar/bridge/ariswitch"
	"sidecar/config"
	"sidecar/recording"
	"sidecar/tap"
)

// recordReason is that of recordings which no command began.
const recordReason = "setting"

// recorderPort lets the engine record as the settings say, and keeps what it has recorded.
type recorderPort struct {
	settings config.Recording
	archive  *recording.Archive
}

// Room implements bridge.Recorder.
func (p recorderPort) Room() error {
	if !p.settings.Enabled {
		return bridge.ErrNoRecorder
	}
	return p.archive.Room()
}

// Wanted implements bridge.Recorder.
func (p recorderPort) Wanted(call bridge.CallView, dns []bridge.DN) (reason, prompt string) {
	direction := map[bridge.CallType]string{
		bridge.CallInbound: config.DirectionInbound, bridge.CallOutbound: config.DirectionOutbound, bridge.CallInternal: config.DirectionInternal,
	}[call.Type]
	for _, rule := range p.settings.Auto {
		if slices.ContainsFunc(dns, func(dn bridge.DN) bool { return rule.Covers(string(dn), direction) }) {
			return recordReason, p.settings.ConsentPrompt
		}
	}
	return "", ""
}

// Finished implements bridge.Recorder.
func (p recorderPort) Finished(r bridge.FinishedRecording) {
	done := recording.Recorded{
		Server: string(r.Server), In: r.Says, Out: r.Hears, Call: string(r.Call.ID), ConnID: r.Call.ConnID.String(),
		Type: string(r.Call.Type), ANI: r.Call.ANI, DNIS: r.Call.DNIS, Segment: r.Segment, StartedAt: r.StartedAt,
		EndedAt: r.EndedAt, By: string(r.By), Reason: r.Reason,
	}
	for _, dn := range r.DNs {
		done.DNs = append(done.DNs, string(dn))
	}
	p.archive.Finished(done)
}

// buildTaps lets others listen to calls as they go on.
func (d *daemon) buildTaps() {
	d.tapped = ariswitch.NewTaps(d.clients, d.cfg.Node, d.log)
	d.taps = tap.New(tap.Options{Calls: tapCalls{d.engine}, Source: tapSource{d.tapped}, Log: d.log})
}

func (d *daemon) closeTaps() {
	if d.taps != nil {
		d.taps.Close()
		d.tapped.Close()
	}
}

// tapCalls shows who is in a call.
type tapCalls struct{ engine *bridge.Engine }

func (c tapCalls) Legs(call string) (legs []tap.Leg, changed <-chan struct{}, ok bool) {
	list, changed, ok := c.engine.Legs(bridge.CallID(call))
	for _, leg := range list {
		legs = append(legs, tap.Leg{
			Channel: string(leg.Channel.Server) + "/" + leg.Channel.ID, Party: strconv.Itoa(int(leg.Party)),
			DN: string(leg.DN), Number: leg.Number, Role: string(leg.Role),
		})
	}
	return legs, changed, ok
}

// tapSource taps the channels that tapCalls names.
type tapSource struct{ taps *ariswitch.Taps }

func (s tapSource) Tap(ctx context.Context, channel string) (tap.Stream, error) {
	server, id, _ := strings.Cut(channel, "/")
	return s.taps.Tap(ctx, bridge.ChannelID{Server: bridge.ServerID(server), ID: id}) //nolint:wrapcheck // it says what it is
}
