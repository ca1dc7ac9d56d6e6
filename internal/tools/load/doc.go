// Command load opens many browser-like legs against a running target and measures what a leg costs: set-up times, loss,
// delay, CPU, memory and goroutines. The targets are the daemon, Asterisk with WebRTC endpoints of its own, and
// rtpengine; it starts each on 127.0.0.1 with settings of its own in a temporary directory, and ends it.
//
// A leg is a Pion PeerConnection and, but for rtpengine, a SIP phone at a WebSocket. It calls an echo: mostly the tool's
// own stub of a PBX (package pbx), so that nothing but the target works for the call. It sends 50 packets a second, each
// with the time in it, and counts what comes back.
//
// Everything happens on one machine, so the generator takes CPU from the target; the report says how much.
package main
