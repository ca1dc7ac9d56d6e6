// Package gatewaylegs lets the call engine command the phones whose legs end in our own gateway: it makes the gateway's
// requests of what the engine wants (package bridge's Phones), and facts for the engine of what the gateway reports. It
// decides nothing.
package gatewaylegs
