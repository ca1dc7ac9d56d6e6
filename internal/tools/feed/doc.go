// Command feed measures what a Bayeux server delivers to many sessions, and what a session costs that is told nothing. It
// starts the server in a process of its own, opens sessions by WebSocket or by long-polling, has the server publish, and
// counts what arrives. Beside the project's own server (package cti/bayeux) it measures the published one for Node.js,
// which knows long-polling only, in the same run.
//
// The clients are light: they read in bulk and count the channel's name, without decoding. They share the machine with the
// server all the same, and the report says how much CPU the server had of it.
//
// "feed latency" measures the way from a frame of Asterisk's event socket to the agent's desktop, through a whole daemon: the
// program of the sidecar, with its event log in files, between package exchange and a session for each agent. It also shows the
// daemon's CPU, memory and goroutines, the latter two after each third of the calls.
//
// "feed serve ADDR" is the server's process.
package main
