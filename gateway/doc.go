// Package gateway pairs a browser's leg with an upstream's: a back-to-back user agent between the WebSocket phones and a
// PBX that sees plain SIP and RTP.
//
// It owns the SIP endpoint, the upstream registrations of the DNs whose browsers are registered, and the calls: two
// dialogs, a BrowserLeg, an RTPSession and the Relay between them. It carries what one side says to the other and never
// decides who talks to whom. It reads no SIP message and no session description itself: that is sip's and media's work.
//
// One call is one goroutine (run in call.go) that alone touches the call's state:
//
//	           INVITE            browser or upstream answers
//	(nothing) --------> ringing ------------------------------> established
//	                       |                                      |  ^ re-INVITEs, hold, retrieve
//	                       +----------------> over <--------------+--+
//
// Negotiating media runs inside that goroutine: it is quick (gathering is local), and a CANCEL is answered by sip
// meanwhile. Whatever waits for a peer runs outside and posts its result. There is one way out, release, which hangs up
// what is up, gives ports and transports back and waits for what it started.
//
// A browser's hold is answered here and reported: the upstream's description stays as it is, and it hears Options.Sound
// instead of the browser. Only a switch that mixes by itself is told by re-INVITE, because no engine of ours commands it.
// The same sound covers a browser whose media is lost, until it is back or the grace is over.
// An upstream that says nothing, not even by RTCP, is asked whether it still has the call (watchdog.go).
// A DN is un-registered upstream only when its browser has left for good, never because this process ends. A browser that
// vanishes leaves its calls behind for a grace period (presence.go).
//
// Transfers that a phone asks for are handed to the call engine (Options.OnRefer) and never go upstream; an upstream's own
// REFER is refused with 603. What the engine or an upstream wants the phone to do (answer, hold, retrieve) goes to our page
// by its feed session, to other phones by NOTIFY talk and hold.
package gateway
