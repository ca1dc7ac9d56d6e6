// Package queue decides what becomes of the calls that wait at route points: which agent is offered which call, what
// callers are told meanwhile, when a call goes elsewhere, and who is called back. It counts what it did.
//
// The engine holds the calls and is the truth about them: it tells who waits, also after a restart. This package keeps
// only what the engine does not know, callbacks and figures. It never touches a channel.
package queue
