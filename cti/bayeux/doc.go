// Package bayeux is a server for the Bayeux 1.0 protocol, the one CometD clients speak: it keeps sessions, their
// subscriptions and their queues, and hands queued events to long-polling clients in the order in which they
// were queued.
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
// http.Server around it may have shorter timeouts.
//
// # Order and loss
//
// Events travel on connect replies only, never on the replies to subscribe or publish, and one connect reply of a
// session is written at a time. A session therefore sees its events in the order of the calls that queued them.
// Two goroutines that publish at once have no order between them; a caller who needs one serialises the calls.
// Several events in one call, or inside [Session.Batch], leave in one response.
//
// An event is gone once the response that carries it was written without an error. Between that and the client's
// reading there is no acknowledgement, so an application numbers its events and offers the missing ones, or a
// snapshot, in [Hooks].OnSubscribe; [Session.HandshakeExt] holds what the client said about its last position.
//
// # Ends
//
// A session ends when its client disconnects, when no connect arrives for interval + MaxInterval after the last
// reply was written, when its queue overflows (the next connect gets 402 and the client shakes hands anew), when
// the application calls [Session.Close] (the client is told to stop), or when the server closes. Every end is
// reported once, by [Hooks].OnClose.
//
// # Identity
//
// A session belongs to the [Principal] that its handshake authenticated. Each later request is shown to
// [Policy].Authorize together with that principal; a client id alone opens nothing. The BAYEUX_BROWSER cookie is set
// and understood, to count the connects that one browser holds; it identifies nobody unless [Options].BindCookie
// says so.
//
// # Cost
//
// No goroutine belongs to a session: a held connect sits in the goroutine that net/http gave its request, and
// one sweeper looks after the deadlines and the hooks of all sessions.
package bayeux
