// Package gws gives the feed of package cti to agent desktops, in the dialects that they speak over CometD.
//
// It owns who may subscribe to what, who sees which event, and how a client that comes back gets what it has
// missed. So far there is one dialect, that of the integration guide: /user/agent/events and /call/state.
// It keeps no call or DN state of its own, and leaves the protocol to package bayeux.
//
// The pages of our own phone take commands over the same sessions, on a channel for each page (see [Guide.Command]).
//
// A subscription is answered by a snapshot, or by the events after the cursor that the client named in its
// handshake (see [Guide]); then the events follow, in order, as long as the client's token is good.
package gws
