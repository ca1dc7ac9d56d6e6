// Package ari is a typed client of the Asterisk REST Interface of Asterisk 22.
//
// It owns the wire: REST requests over HTTP or inside the event socket, the
// event socket itself with its reconnects, and the types of everything Asterisk
// says. It never knows what a call is.
//
// # The stream
//
// Client.Events is one ordered stream. *Connected opens it, *Disconnected opens
// a gap, the next *Connected closes it; after every *Connected the consumer
// takes a Snapshot, because Asterisk replays nothing. *Replaced means that
// another connection owns the application: the client stands by until Resume.
// Whoever receives *Connected may use the client at once. An answer over the
// socket and the events around it are delivered by two ways (the caller's return
// and the stream), so their mutual order is lost; an id of one's own choice
// (StageChannel, StageBridge) makes it unimportant.
//
// # What Asterisk 22.10.1 does (observed)
//
// Create, then dial, of a PJSIP phone, in the order of events for the
// application that creates it. There is no ChannelCreated: the application is
// subscribed to a channel from its StasisStart on.
//
//	create        StasisStart (state Down, args = appArgs)
//	dial          Dial ""          peer Down
//	180           ChannelStateChange Ringing, Dial RINGING (in either order)
//	183 with SDP  Dial PROGRESS    state stays Down: the only sign of early media
//	200           ChannelStateChange Up, Dial ANSWER (in either order)
//	486 603 404   ChannelHangupRequest (cause, tech_cause), StasisEnd, ChannelDestroyed
//	it hangs up   ChannelHangupRequest (no cause), StasisEnd, ChannelDestroyed cause 16
//	we hang up    ChannelHangupRequest (cause 32, soft), StasisEnd, ChannelDestroyed
//
// A failed attempt has no last Dial event: the outcome is the cause of
// ChannelDestroyed (486: 17, 603: 21, 404: 1, 480: 19), its SIP status is
// tech_cause. The StasisStart of a created channel comes before dial and so
// means nothing for the far end; only state Up does.
//
// dial's timeout is in seconds and counts until the answer. When it passes,
// Asterisk itself hangs the channel up: ChannelHangupRequest (soft), StasisEnd,
// ChannelDestroyed cause 19 "User alerting, no answer"; the phone gets CANCEL.
// Without a timeout it rings forever. A destination that does not even answer
// the INVITE looks the same, without Ringing.
//
// Hangup's reason_code becomes the cause of ChannelDestroyed and the Q.850
// Reason header of BYE and CANCEL; without one it is 16. Reason
// answered_elsewhere (26) adds Reason: SIP;cause=200;text="Call completed
// elsewhere" to the CANCEL, so that phones don't count a missed call. The
// hangup of a channel that is already gone is ErrNotFound.
//
// Every other operation on a created channel has to wait for its StasisStart:
// right after the answer to create they are refused now and then with 409 or 422
// "Channel not in Stasis application".
//
// Headers of the INVITE can be set both ways between create and dial: in
// create's Variables as PJSIP_HEADER(add,X-Name), which needs no waiting, or
// with SetChannelVar of the same name after StasisStart. Function names cause no
// ChannelVarset.
//
// Create with an endpoint that has no contact, or does not exist, is
// ErrAllocationFailed and leaves no channel and no event. Create under an id
// that is in use is ErrConflict, so repeating a create after a lost answer is
// safe; but a failed allocation can be reported as a conflict too, see
// StagedChannel.Exec.
//
// A bridge's application hears ChannelEnteredBridge and ChannelLeftBridge of its
// channels, but BridgeDestroyed only when subscribed to bridge:ID, which
// StagedBridge.Exec does. Snoop channels end with StasisEnd and without
// ChannelDestroyed. Of a Local channel the application hears both halves, the
// second under the id with ";2" behind it. Both halves are in GET /channels.
//
// A playback is known for a short time after its PlaybackFinished. A recording
// can't be cancelled before its RecordingStarted (500). Stored recordings' files
// come over HTTP only.
//
// PJSIP_TRANSFER_HANDLING() = ari-only, set on the channel of the phone that
// will send the REFER, turns a REFER into ChannelTransfer: referred_by names the
// channel, refer_to.requested_destination.destination the number. Asterisk
// answers 202 and NOTIFY 100 by itself; TransferProgress channel_progress and
// channel_answered send the NOTIFYs (the latter 200 OK and the subscription's
// end) and each echoes one more ChannelTransfer, with State set: only the first,
// without State, is a request. The channel stays as it is.
//
// Registrations, with the event source endpoint:PJSIP (no SubscribeAll needed):
//
//	first REGISTER        EndpointStateChange online, PeerStatusChange Reachable, ContactStatusChange NonQualified
//	refresh               nothing
//	REGISTER, other place ContactStatusChange NonQualified (new), then Removed (old); with remove_existing
//	un-REGISTER           EndpointStateChange offline, PeerStatusChange Unreachable, ContactStatusChange Removed
//	expiry                as un-REGISTER, but only when Asterisk next looks: every
//	                      contact_expiration_check_interval (global section, 30 s unless set)
//
// With qualify_frequency an endpoint is online only once it has answered an
// OPTIONS, and goes offline (ContactStatusChange Unreachable) when it does not.
// EndpointStateChange is thus the event that tells whether a DN is in service.
//
// The files named *_gen.go are made from the API description that Asterisk
// ships, see internal/tools/arigen.
package ari

//go:generate go run ../internal/tools/arigen -dir . -inventory ../internal/tools/arispec/inventory.json
