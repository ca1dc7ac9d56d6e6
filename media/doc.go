// Package media carries the sound of a call: the browser's leg (ICE, DTLS-SRTP), the plain RTP leg towards an upstream, and what lies between.
//
// It owns the PeerConnections, the RTP ports, the text of the session descriptions, relay, DTMF events and quality
// figures, and it is the only package that imports Pion's WebRTC stack. It never sees a SIP message, an ARI event or a
// DN: whoever pairs two legs (package gateway) hands session descriptions in and out.
//
// The layers, from the socket up:
//
//	Engine        one certificate, one UDP port and one TCP port for all browsers; makes Peers
//	Peer          one browser's transport: small on purpose, so that another data path can take its place
//	BrowserLeg    a Peer with its session descriptions: codecs, direction, hold, ICE restart
//	RTPSession    plain RTP and RTCP towards an upstream on a pair of ports from a PortPool, with its descriptions
//	Relay         joins the two: same codec untouched, others transcoded, digits mapped, music or silence in place of one side
//	TURNServer    for browsers that can't reach the Engine's port; it relays to that port only
//
// Both legs count what comes and goes (Quality), report by RTCP, and send one unbroken stream whatever feeds it.
package media
