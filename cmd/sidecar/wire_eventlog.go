package main

import (
	"context"
	"errors"
	"path/filepath"

	"sidecar/agent"
	"sidecar/api"
	"sidecar/bridge"
	"sidecar/cti"
	"sidecar/cti/live"
	"sidecar/store/eventlog"
)

var (
	errFeedDegraded = errors.New("events were lost; the sessions are being brought up to date")
	errFeedStalled  = errors.New("the event log does not answer: calls go on, desktops are told nothing until it is back")
)

// Names in the data directory.
const (
	eventLogDir = "events"
	spoolFile   = "events.spool"
)

// eventLog is what keeps the feed's events.
type eventLog struct {
	log   *eventlog.Log
	spool *eventlog.Spool
}

// buildEventLog makes the feed on its log. A log that can't be had now is waited for beside the calls, unless it is our
// own: then something is wrong with the data directory.
func (d *daemon) buildEventLog(ctx context.Context) (err error) {
	d.eventLog.spool, err = eventlog.OpenSpool(filepath.Join(d.cfg.DataDir, spoolFile), int64(d.cfg.EventLog.SpoolMB)<<20, d.cfg.Node, d.log)
	if err != nil {
		return err
	}
	if d.eventLog.log, err = eventlog.New(eventLogOptions(d)); err != nil {
		return err
	}
	d.feed = cti.NewFeed(cti.FeedOptions{ //nolint:contextcheck // it opens nothing but a log in memory
		Node: d.cfg.Node, Log: d.eventLog.log, Spool: d.eventLog.spool, Retain: d.cfg.CTI.Retain, Logger: d.log,
		AgentOf: func(dn string) string { return d.dns.AgentOf(dn) },
	})
	d.live = live.New(live.Options{
		Node: d.cfg.Node, Local: localPort{d}, Store: d.eventLog.log.LiveState(), Feed: d.feed, Logger: d.log,
	})
	if len(d.cfg.EventLog.Servers) > 0 {
		return nil
	}
	return d.feed.Open(ctx)
}

func eventLogOptions(d *daemon) eventlog.Options {
	c := d.cfg.EventLog
	return eventlog.Options{
		Name: c.Name, Node: d.cfg.Node, NodeID: &d.cfg.NodeID, Dir: filepath.Join(d.cfg.DataDir, eventLogDir), Listen: c.Listen, Token: c.Token.Reveal(),
		Servers: c.Servers, Credentials: c.CredentialsFile, CAFile: c.CAFile, Replicas: c.Replicas,
		KeepFor: c.KeepFor, KeepBytes: int64(c.KeepMB) << 20, Sync: c.Sync, Logger: d.log,
	}
}

// close comes when the feed has ended.
func (e *eventLog) close() error {
	var errs []error
	if e.log != nil {
		errs = append(errs, e.log.Close())
	}
	if e.spool != nil {
		errs = append(errs, e.spool.Close())
	}
	return errors.Join(errs...)
}

// feedChecks are degraded rather than broken: calls go on without the log.
func (d *daemon) feedChecks() []api.Check {
	return []api.Check{{Name: "feed", Probe: func(context.Context) error {
		switch s := d.feed.Stats(); {
		case s.Stalled:
			return errFeedStalled
		case s.Degraded:
			return errFeedDegraded
		}
		return nil
	}}, {Name: "event log", Probe: d.eventLog.log.Check}, {Name: "node", Probe: d.live.Check}}
}

// localPort tells how things stand at this sidecar.
type localPort struct{ d *daemon }

func (p localPort) Calls() []bridge.CallView { return p.d.engine.Calls() }
func (p localPort) DNs() []agent.View        { return p.d.dns.All() }

// liveFeed lets the other sidecars know of calls, too.
type liveFeed struct {
	bridge.Feed

	live *live.State
}

// Publish implements bridge.Feed.
func (f liveFeed) Publish(e bridge.Event) {
	f.live.PublishCall(e)
	f.Feed.Publish(e)
}

// Republish implements bridge.Feed.
func (f liveFeed) Republish(e bridge.Event) {
	f.live.PublishCall(e)
	f.Feed.Republish(e)
}
