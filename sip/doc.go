// Package sip is the daemon's SIP side and the only importer of sipgo besides
// the test phone: browsers over WebSocket, upstreams over UDP and TCP, the
// registrar of the DNs and the dialogs of both sides.
//
// It owns the WebSocket flows, the SIP sockets, the bindings of the DNs, digest
// and bearer authentication, and the goroutines behind them; Close returns when
// all of them are gone. Bodies are bytes to it: it never reads a session
// description, never touches media and knows nothing of Asterisk's REST
// interface. It does not decide who talks to whom.
//
// What sipgo's own WebSocket listener does badly (it blocks on an idle client,
// loses fragments, never answers pings) is not used: net/http and gorilla end
// the WebSocket, sipgo reads whole messages from one socket of ours in memory and
// writes them to connections of ours with synthetic addresses. Messages leave by
// those, so the host name of a browser's Contact, which exists nowhere, is never looked up.
package sip
