// Package ari is a typed client of the Asterisk REST Interface of Asterisk 22.
//
// It owns the wire: REST requests over HTTP or inside the event socket, the
// event socket itself with its reconnects, and the types of everything Asterisk
// says. It never knows what a call is.
//
// The files named *_gen.go are made from the API description that Asterisk
// ships, see internal/tools/arigen.
package ari

//go:generate go run ../internal/tools/arigen -dir . -inventory ../internal/tools/arispec/inventory.json
