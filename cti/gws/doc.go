// Package gws gives the feed of package cti to agent desktops, in the dialects that they speak over CometD.
//
// It owns what the dialects have in common: [Sessions] decides who may subscribe to what, who sees which event, and how a client
// that comes back gets what it has missed; [Sessions.Answering] keeps the events of a command behind its reply; [Active] finds the
// call that a command without an id means. A [Dialect] says what its channels carry.
//
// Its own dialect is that of the integration guide ([Guide]): /user/agent/events and /call/state, and commands for the active call.
// Package v2 has the dialect of GWS 8.5.
// It keeps no call or DN state of its own, and leaves the protocol to package bayeux.
//
// The pages of our own phone take commands over the same sessions, on a channel for each page (see [Guide.Command]).
//
// A subscription is answered by a snapshot, or by the events after the cursor that the client named in its
// handshake; then the events follow, in order, as long as the client's token is good.
package gws
