// Package agent owns the state of every DN and of the agent who works there: whether its phone is registered, who is
// logged in, ready or not and why, do-not-disturb and forward, how many calls it has and what it does in them. It
// alone decides whether a DN can take another call, and keeps one agent on one DN. It knows calls by their id and
// kind only, and imports nothing of ours.
//
// # Order
//
// All changes go through one lock, and events are published under it: those of a DN come in the order in which they
// happened, each with the whole DN after it. A [Sink] must therefore neither wait nor call the [Registry] back; what
// it needs is in the event.
package agent
