// Package bridge is the call engine: interactions, their calls, parties and legs, and everything that can be
// done to them. One actor owns each interaction; its state machine is pure, its effects run outside the actor.
//
// It declares what it needs from the outside in ports.go and never imports Asterisk's interface, HTTP, JSON,
// SIP or media: adapters do.
package bridge
