// Package eventlog keeps the feed's events in a JetStream stream, and the live state of all sidecars in a key-value bucket
// beside it. The NATS server is embedded, with its files in the data directory, or an external cluster that several
// sidecars share.
//
// It owns everything that is NATS: subjects, headers, the stream's settings, the server. It never looks into an event,
// and decides nothing: when to append and what to do when that fails is package cti's.
package eventlog
