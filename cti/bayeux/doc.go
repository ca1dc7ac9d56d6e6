// Package bayeux is a server for the Bayeux 1.0 protocol, the one CometD clients speak: it keeps sessions, their
// subscriptions and their queues, and hands queued events to clients by long-polling or WebSocket, in the order in which
// they were queued.
//
// It owns the protocol and nothing else. It doesn't know what an event means, who a user is or which channels
// exist: a [Policy] answers who may do what, [Hooks] tell the application what happened, and the application
// feeds events in with [Server.Publish] (to everybody subscribed) or [Session.Deliver] (to one session,
// subscribed or not).
//
// # Mounting
//
// Clients append "/handshake", "/connect", "/disconnect" or a lone slash to the address they were given, so the
// server must be mounted on both forms. The rest of the path is cosmetic and ignored:
//
//	mux.Handle("/cometd", server)
//	mux.Handle("/cometd/", server)
//
// A held connect lasts up to [Options].Timeout. The server sets the deadlines of its requests itself, so the
// http.Server around it may have shorter timeouts. WebSockets are opened at the same address, where [Options].WebSocket
// allows them; middleware in front must let the connection be taken over (http.Hijacker, or Unwrap).
//
// # Order and loss
//
// Over long-polling, events travel on connect replies only, never on the replies to subscribe or publish. Over WebSocket
// they are pushed from the first connect's reply on, and a connect is a heartbeat; with the ack extension or
// [Options].ConnectOnly they wait for connects there, too. Either way one writer at a time sends for a session, which
// therefore sees its events in the order of the calls that queued them. Two goroutines that publish at once have no order
// between them; a caller who needs one serialises the calls. Several events in one call, or inside [Session.Batch], leave
// together.
//
// What a client surely gets depends on how it comes:
//
//   - With the ack extension: everything, once, as long as the session lives. What isn't acknowledged is sent again.
//   - By WebSocket: everything, as long as the session lives. What isn't known to have arrived when a network was cut or
//     a page was reloaded comes again, so that up to about a second of events may come twice.
//   - By long-polling: what was written without an error. The reply that a network swallows is gone.
//
// Whatever the transport, a session that expired or overflowed has lost its events. So an application numbers them and
// offers the missing ones, or a snapshot, in [Hooks].OnSubscribe; [Session.HandshakeExt] holds what the client said about
// its last position.
//
// # Ends
//
// A session ends when its client disconnects, when no connect arrives for interval + MaxInterval after the last
// reply was written, when its queue overflows or its WebSocket takes nothing for [Options].WriteTimeout (the next connect
// gets 402 and the client shakes hands anew), when the application calls [Session.Close] (the client is told to stop), or
// when the server closes. A WebSocket's end is not the session's: it goes on with the client's next one, or by
// long-polling. Every end is reported once, by [Hooks].OnClose.
//
// # Identity
//
// A session belongs to the [Principal] that its handshake authenticated. Each later request or frame is shown to
// [Policy].Authorize together with that principal; a client id alone opens nothing. With a WebSocket, the request is that
// of the upgrade, and a browser sends nothing of its own choice with it but cookies: see [Options].AcceptSocket. The
// BAYEUX_BROWSER cookie is set and understood, to count the connects that one browser holds; it identifies nobody unless
// [Options].BindCookie says so.
//
// # Extensions
//
// ack and timesync are answered when a client asks. A client's reload extension needs nothing of the server but
// that sessions outlive connections.
//
// # Limits
//
// Nothing grows by a client's choice: [Options] bounds messages in size, number and rate, sessions, subscriptions and
// handshakes of a principal, WebSockets of an address that open no session, and the events that are kept for a session, in
// number and bytes. What is beyond a bound is refused in the protocol's words, with the advice to come back where that helps, and counts for nobody but
// the one who sent it. Connections that are no requests yet are the http.Server's and its listener's to bound.
//
// # Cost
//
// No goroutine belongs to a session: a held connect sits in the goroutine that net/http gave its request, and
// one sweeper looks after the deadlines and the hooks of all sessions. A WebSocket has two goroutines, one to read and
// one to write. All sessions that an event goes to share its data, which is encoded before; what has piled up for a session
// leaves in one write.
package bayeux
