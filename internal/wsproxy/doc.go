// Package wsproxy passes SIP over WebSocket on to a server that is reached by us alone, after a look at the page it comes from.
//
// It never reads a message, and nothing else of that server is reached through it.
package wsproxy
