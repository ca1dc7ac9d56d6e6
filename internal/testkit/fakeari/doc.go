// Package fakeari is a scriptable stand-in for Asterisk's REST interface, HTTP
// and event socket, for what a real Asterisk can't be made to do on demand:
// silence, garbage, slow or lost answers, another version, a take-over.
//
// It also checks what it is sent: credentials, and that each request is an
// operation of Asterisk's own API description with parameters that it knows.
// It does not imitate calls; use testkit/asterisk for behaviour.
package fakeari
