package pjsipgen

import "sidecar/config"

// Model is everything that the templates need, checked and in the words of Asterisk's files.
type Model struct {
	Head

	PJSIP    PJSIP
	Dialplan Dialplan
	ARI      ARI
	HTTP     HTTP
	RTP      RTP
	Music    Music
	Modules  Modules
	Outbound Outbound
	Nginx    Nginx
	Widget   Widget
}

// Head is what the first line of every file says. It has no version: an upgrade that changes nothing must not make every file
// differ.
type Head struct {
	Source string // where the configuration came from
}

// Music is musiconhold.conf.
type Music struct {
	Head
	Classes []string
}

// Modules is modules.conf.
type Modules struct {
	Head
	Modules []string
}

// Voicemail is voicemail.conf, which is there when a fallback leads to a mailbox.
type Voicemail struct {
	Head
	Mailboxes []string
}

// PJSIP is pjsip.conf.
type PJSIP struct {
	Head
	UserAgent    string
	MediaAddress string // empty: every address
	SidecarNet   string // the only address that sidecar-owned DNs may come from
	HasWebRTC    bool
	Transports   []Transport
	DNs          []DN
	Trunks       []Trunk
	Peers        []Peer
}

// Peer is another Asterisk of the same sidecar.
type Peer struct{ Name, Contact, Match string }

// Transport is a SIP listener.
type Transport struct {
	Name, Protocol, Bind string
	CertFile, KeyFile    string
	ExternalAddress      string
	LocalNets            []string
}

// DN is a directory number: an endpoint with its auth and aor, a hint, and an extension for the time that the sidecar
// is away.
type DN struct {
	Number    string
	Template  string // sidecar | phone | webrtc
	Context   string
	Codecs    string
	CallerID  string
	MaxCalls  int
	Class     string
	Password  config.Secret
	Qualify   bool
	RingsAway bool // its phone is rung by Asterisk alone while the sidecar is away
	Fallback  Target
}

// Trunk is a SIP peer.
type Trunk struct {
	Name, Kind           string
	Context, Transport   string
	Codecs               string
	TrustsIdentity       bool
	Qualify              bool
	FromUser, FromDomain string
	Username             string // empty: no authentication
	Password             config.Secret
	Contact              string
	Match                []string
	ServerURI, ClientURI string // empty: no registration

	CallerID, Strip, Prepend string
	StripLength              int
	MaxCalls                 int
	SignalHold               bool
	Routes                   []Route
}

// Route is an extension for a number that a trunk delivers.
type Route struct {
	Exten, Key, Schedule string
	Open, Closed         Target
}

// Target is where a call goes while the sidecar is away: exactly one field is set, Trunk besides Number.
type Target struct {
	DN      string // ring its phone
	AsDN    string // a route's DN: what would happen to a call to it
	Number  string
	Trunk   string
	Mailbox string
	Sound   string
	Closed  bool
	Hangup  bool
}

// Dialplan is extensions.conf.
type Dialplan struct {
	Head
	App                      string
	Digits, Words            string   // patterns of numbers
	Allowed, LegChars        string   // characters of numbers and of legs, for FILTER
	AgentContexts            []string // besides from-agents
	TrunkContexts            []string
	UserDataHeaders          []string // of a trunk's INVITE, each kept in a variable of its name
	DNs                      []DN
	Trunks                   []Trunk
	PeerContext              string // empty: there are no other Asterisks
	Emergency                []string
	Normalise                []Rewrite
	Classes                  []Class
	Schedules                []Schedule
	RingTimeout, DialTimeout int // seconds
	Mailboxes                []string
}

// Rewrite replaces a prefix of a dialled number.
type Rewrite struct {
	Index, Length   int
	Prefix, Replace string
}

// Class is a class of the dial rules.
type Class struct {
	Name           string
	Rules          []ClassRule
	Services       []ClassRule // for numbers with * or #
	PermitsOthers  bool        // numbers that no rule names
	MaxConcurrent  int
	Trunk          string // empty: no outside calls
	UrgentTrunk    string // of emergency calls
	UrgentCallerID string
}

// ClassRule permits or refuses the numbers with a prefix.
type ClassRule struct {
	Pattern string
	Class   string
	Permit  bool
}

// Schedule is a set of opening hours.
type Schedule struct {
	Name, Timezone string
	Holidays       []string
	Hours          []Hours
	Late           []Hours // after midnight, belonging to the day before
}

// Hours are opening hours as GotoIfTime writes them.
type Hours struct{ Times, Days, Zone string }

// ARI is ari.conf.
type ARI struct {
	Head
	User, App   string
	Password    config.Secret
	ChannelVars string
	Outbound    string // name of the outbound socket; empty: the sidecar dials
}

// HTTP is http.conf.
type HTTP struct {
	Head
	Address string
	Port    string
}

// RTP is rtp.conf.
type RTP struct {
	Head
	Start, End                    int
	ICE                           bool
	LocalAddress, ExternalAddress string
}

// Outbound is websocket_client.conf.
type Outbound struct {
	Head
	URI, User string
	Password  config.Secret
	TLS       bool
}

// Nginx is the site that puts TLS in front of the sidecar.
type Nginx struct {
	Head
	Sidecar, ServerName string
	ReadTimeout         int
}

// Widget is what the agent desktop needs to show the softphone; the values are JSON.
type Widget struct {
	Generated, SIPServer, GWSURL string
}
