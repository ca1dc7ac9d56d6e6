// Package browser is the load's telephone in a web page: SIP over a WebSocket with digest, and a Pion PeerConnection with
// full ICE, DTLS and PCMU. It dials, or rings until a NOTIFY tells it to answer. The two halves are apart, because a media
// relay has no SIP. It is no more of a browser than load needs: no repetition of requests, no re-negotiation, no RTCP of
// its own.
package browser
