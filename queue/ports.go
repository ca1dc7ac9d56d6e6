package queue

import (
	"context"
	"time"

	"sidecar/bridge"
)

// Engine is what the queues ask of the call engine.
type Engine interface {
	Offer(ctx context.Context, cmd bridge.Offer) error
	Route(ctx context.Context, cmd bridge.Route) error
	Announce(ctx context.Context, cmd bridge.Announce) error
	Hangup(ctx context.Context, cmd bridge.Hangup) (bridge.CallView, error)
	MakeCall(ctx context.Context, cmd bridge.MakeCall) (bridge.CallView, error)
	Call(id bridge.CallID) (bridge.CallView, bool)
}

// Agents is who could take a call.
type Agents interface {
	// LoggedIn lists the agents that are there. It does no I/O.
	LoggedIn() []Agent
	// RangOut tells that an agent let a call ring, which may make the agent not ready. It does no I/O.
	RangOut(dn bridge.DN)
}

// Agent is somebody who is logged in on a DN.
type Agent struct {
	DN    bridge.DN
	ID    string
	Ready bool      // takes a call now: ready, in service, in no call
	Since time.Time // idle since
}

// Keep holds records through a restart.
type Keep interface {
	Put(key string, r Record) error
	Delete(key string) error
	All() ([]Record, error)
}

// Record is something to keep: one of the two is set.
type Record struct {
	Callback *Callback `json:"callback,omitempty"`
	Ledger   *Ledger   `json:"ledger,omitempty"`
}
