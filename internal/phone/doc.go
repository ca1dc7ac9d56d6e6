// Package phone is a plain SIP telephone in a process: it registers, calls, is
// called, holds, transfers and hangs up over UDP, sends a tone of its own in
// G.711 and knows which tones it hears. The end-to-end tests and the demo use it
// as customer and as agents, so that what they prove is what a desk phone sees.
//
// It owns its signalling socket, one RTP socket per call, and the goroutines
// behind them; Close returns when all of them are gone. It knows nothing of the
// daemon: no ARI, no REST, no feed. Nothing that ships in the daemon imports it.
//
// Every method that waits takes a context and returns when it is done. A state
// that was reached is never missed: WaitState(ctx, Ringing) succeeds on a call
// that rang, even if it has been answered since.
package phone
