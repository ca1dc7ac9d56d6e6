package config

// Who holds the registration of a DN.
const (
	OwnerSidecar        = "sidecar"         // a browser, through us
	OwnerAsteriskWebRTC = "asterisk-webrtc" // a browser at Asterisk's own WebSocket
	OwnerPhone          = "phone"           // a desk phone at Asterisk
)

// UpstreamAsterisk is where a DN of the sidecar is registered unless a trunk is named.
const UpstreamAsterisk = "asterisk"

// What a second browser for a DN gets.
const (
	TakeOverReplace = "replace" // the DN
	TakeOverRefuse  = "refuse"  // 403 while the first one is there
)

// Where a DN's password comes from; every other text is the password itself, with {dn} replaced by the number.
const (
	PasswordRandom     = "random"
	PasswordFilePrefix = "file:"
)

// Kinds of trunks.
const (
	TrunkGenesys  = "genesys"
	TrunkPeer     = "peer"
	TrunkProvider = "provider"
)

// SIP transports.
const (
	TransportUDP = "udp"
	TransportTCP = "tcp"
	TransportTLS = "tls"
)

// How the event socket comes about, and what carries the REST requests.
const (
	ConnectDial   = "dial"
	ConnectAccept = "accept"
	RESTHTTP      = "http"
	RESTSocket    = "socket"
)

// AnyNumber as a prefix of a dial class or as a route's number matches every number.
const AnyNumber = "*"

// MaxDNs is how many DNs one configuration may hold.
const MaxDNs = 100000

// EventNames are the names of the feed's events, which package cti gives them: a test of package webhook compares.
func EventNames() []string {
	return []string{
		"Abandoned", "AfterCallWork", "AttachedDataChanged", "DestinationBusy", "Dialing", "Diverted", "DndOff", "DndOn",
		"DtmfSent", "Error", "Established", "ForwardCancel", "ForwardSet", "Held", "InService", "LoggedIn", "LoggedOut",
		"Monitoring", "MuteOff", "MuteOn", "NetworkReached", "NotReady", "OutOfService",
		"PartyAdded", "PartyChanged", "PartyDeleted", "Queued", "Ready", "RecordingChanged", "Released",
		"Reserved", "Retrieved", "Ringing",
	}
}

func owners() []string     { return []string{OwnerSidecar, OwnerAsteriskWebRTC, OwnerPhone} }
func trunkKinds() []string { return []string{TrunkGenesys, TrunkPeer, TrunkProvider} }
func codecs() []string     { return []string{"ulaw", "alaw", "g722", "opus"} }
