package ari

import (
	"context"
	"fmt"
	"time"
)

// State is where the client stands.
//
//	Connecting -> Connected -> Connecting ...
//	     |            |
//	     |            +-> StandBy --Resume--> Connecting
//	     +-> Unauthorized, WrongVersion --slow retry--> Connecting
//	any --Close--> Closed
type State int

// The states.
const (
	StateConnecting State = iota
	StateConnected
	// StateUnauthorized: Asterisk refuses user or password.
	StateUnauthorized
	// StateWrongVersion: it is not the major version this package is made for.
	StateWrongVersion
	// StateStandBy: another connection owns the application.
	StateStandBy
	StateClosed
)

// String is the state as a word for logs and health pages.
func (s State) String() string {
	switch s {
	case StateConnecting:
		return "connecting"
	case StateConnected:
		return "connected"
	case StateUnauthorized:
		return "unauthorized"
	case StateWrongVersion:
		return "wrong version"
	case StateStandBy:
		return "stand-by"
	case StateClosed:
		return "closed"
	}
	return fmt.Sprintf("state %d", int(s))
}

// Status is a State with its history.
type Status struct {
	State State
	// Since is when the state was entered.
	Since time.Time
	// Err is why the client is not connected; nil when it is, or never tried.
	Err error
}

// Status returns where the client stands.
func (c *Client) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status
}

// Ready waits until the client is connected. It returns the context's error,
// together with the reason it is not connected yet, or ErrClosed.
func (c *Client) Ready(ctx context.Context) error {
	for {
		c.mu.Lock()
		status, changed := c.status, c.changed
		c.mu.Unlock()
		switch status.State {
		case StateConnected:
			return nil
		case StateClosed:
			return ErrClosed
		case StateConnecting, StateUnauthorized, StateWrongVersion, StateStandBy:
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if status.Err != nil {
				return fmt.Errorf("ari: %s: %w (%w)", status.State, ctx.Err(), status.Err)
			}
			return fmt.Errorf("ari: %s: %w", status.State, ctx.Err())
		}
	}
}

func (c *Client) setState(s State, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.status.State != s {
		c.status.Since = time.Now()
	}
	c.status.State, c.status.Err = s, err
	close(c.changed)
	c.changed = make(chan struct{})
}
