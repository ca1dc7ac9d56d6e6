package config

import "time"

// Config is the whole configuration of the daemon. Default gives a value that works on one host; Load reads a
// file and the environment over it.
type Config struct {
	// DataDir is where the daemon keeps its state: secrets, journal, users. Relative paths count from the working directory.
	DataDir string `mapstructure:"data_dir"`
	// Node names this sidecar in event ids, and NodeID (0-255) goes into the ConnIDs it makes.
	Node   string `mapstructure:"node"`
	NodeID int    `mapstructure:"node_id"`

	HTTP      HTTP                `mapstructure:"http"`
	Log       Log                 `mapstructure:"log"`
	Asterisk  []Asterisk          `mapstructure:"asterisk"`
	Network   Network             `mapstructure:"network"`
	Gateway   Gateway             `mapstructure:"gateway"`
	DNs       []DNGroup           `mapstructure:"dns"`
	Trunks    []Trunk             `mapstructure:"trunks"`
	Routes    []Route             `mapstructure:"routes"`
	Schedules map[string]Schedule `mapstructure:"schedules"`
	Queues    map[string]Queue    `mapstructure:"queues"`
	Skills    map[string]Levels   `mapstructure:"skills"` // by agent id or DN
	DialRules DialRules           `mapstructure:"dial_rules"`
	Calls     Calls               `mapstructure:"calls"`
	Recording Recording           `mapstructure:"recording"`
	Agents    Agents              `mapstructure:"agents"`
	CTI       CTI                 `mapstructure:"cti"`
	EventLog  EventLog            `mapstructure:"event_log"`
	Webhooks  map[string]Webhook  `mapstructure:"webhooks"` // by name
	Auth      Auth                `mapstructure:"auth"`
	Audit     Audit               `mapstructure:"audit"`

	Supervision Supervision `mapstructure:"supervision"`
	Workspace   Workspace   `mapstructure:"workspace"`
}

// HTTP is the daemon's own web server: pages, REST, CometD.
type HTTP struct {
	Listen         string        `mapstructure:"listen"`          // host:port
	TLS            TLS           `mapstructure:"tls"`             // the same by HTTPS; without files with a certificate of our own
	AllowedOrigins []string      `mapstructure:"allowed_origins"` // exact origins of pages served elsewhere, e.g. https://desktop.example.com
	DrainTimeout   time.Duration `mapstructure:"drain_timeout"`   // how long a stop waits for running requests
}

// Log says what is logged and how.
type Log struct {
	Level  string `mapstructure:"level"`  // debug | info | warn | error
	Format string `mapstructure:"format"` // text | json
}

// Asterisk is one Asterisk server that the daemon controls.
type Asterisk struct {
	ID             string        `mapstructure:"id"` // name of the server in ids, logs and events
	URL            string        `mapstructure:"url"`
	App            string        `mapstructure:"app"` // Stasis application
	User           string        `mapstructure:"user"`
	Password       Secret        `mapstructure:"password"` // empty: a random one, made once in the data directory
	Connect        string        `mapstructure:"connect"`  // dial (we open the event socket) | accept (Asterisk dials us)
	REST           string        `mapstructure:"rest"`     // http | socket
	RequestTimeout time.Duration `mapstructure:"request_timeout"`
	PingInterval   time.Duration `mapstructure:"ping_interval"`
	ReconnectMin   time.Duration `mapstructure:"reconnect_min"`
	ReconnectMax   time.Duration `mapstructure:"reconnect_max"`
	LostAfter      time.Duration `mapstructure:"lost_after"` // out of reach for this long: its calls are taken as ended
	ConfigDir      string        `mapstructure:"config_dir"` // where that server reads its configuration

	SIPListen  string `mapstructure:"sip_listen"`  // host:port of its SIP transports; empty: network.sip_listen
	SIPAddress string `mapstructure:"sip_address"` // host:port where the other Asterisks reach it; a single one needs none
}

// Network says which addresses Asterisk binds and announces.
type Network struct {
	SIPListen       string    `mapstructure:"sip_listen"`       // host:port of the SIP transports of every Asterisk without its own
	Transports      []string  `mapstructure:"transports"`       // udp, tcp
	TLS             TLS       `mapstructure:"tls"`              // SIP over TLS, off while listen is empty
	ExternalAddress string    `mapstructure:"external_address"` // public address behind NAT, empty without NAT
	LocalNets       []string  `mapstructure:"local_nets"`       // CIDRs that are reached without NAT
	RTP             PortRange `mapstructure:"rtp"`              // Asterisk's RTP ports
	SidecarAddress  string    `mapstructure:"sidecar_address"`  // address our registrations towards Asterisk come from
	SidecarSIPPort  int       `mapstructure:"sidecar_sip_port"` // our SIP port towards Asterisk
}

// TLS is a listener with its certificate.
type TLS struct {
	Listen   string `mapstructure:"listen"` // host:port, empty: off
	CertFile string `mapstructure:"cert_file"`
	KeyFile  string `mapstructure:"key_file"`
}

// PortRange is an inclusive range of UDP ports.
type PortRange struct {
	Start int `mapstructure:"start"`
	End   int `mapstructure:"end"`
}

// DNGroup gives the same settings to many DNs; Overrides change some of them for single DNs of the group.
type DNGroup struct {
	Numbers    []string `mapstructure:"numbers"` // "5001", "5001-5020"
	DNSettings `mapstructure:",squash"`
	Overrides  map[string]DNSettings `mapstructure:"overrides"` // by DN
}

// DNSettings are the settings of a DN; a zero value means "as in the group", in the group "the default".
type DNSettings struct {
	Owner     string   `mapstructure:"owner"`      // sidecar | asterisk-webrtc | phone
	Password  Secret   `mapstructure:"password"`   // random | literal | pattern with {dn} | file:PATH
	Fallback  Target   `mapstructure:"fallback"`   // where calls go while the sidecar is away or the DN can't be reached
	CallerID  string   `mapstructure:"caller_id"`  // pattern with {dn}, e.g. "Agent {dn}"
	CallerIDs []string `mapstructure:"caller_ids"` // numbers that a command may show instead of it, such as +493012345
	Upstream  string   `mapstructure:"upstream"`   // asterisk | name of a trunk of kind genesys: where the sidecar registers it
	Context   string   `mapstructure:"context"`
	Codecs    []string `mapstructure:"codecs"` // ulaw, alaw, g722, opus
	Class     string   `mapstructure:"class"`  // class of the dial rules
	MaxCalls  int      `mapstructure:"max_calls"`
}

// Trunk is a SIP peer that carries calls from and to the outside.
type Trunk struct {
	Name      string   `mapstructure:"name"`
	Kind      string   `mapstructure:"kind"`      // genesys | peer | provider (registers with it)
	Host      string   `mapstructure:"host"`      // host:port
	Transport string   `mapstructure:"transport"` // udp | tcp | tls
	Match     []string `mapstructure:"match"`     // addresses its calls come from; empty: host
	Username  string   `mapstructure:"username"`
	Password  Secret   `mapstructure:"password"`
	CallerID  string   `mapstructure:"caller_id"` // number shown for calls through this trunk, empty: the caller's own
	Strip     string   `mapstructure:"strip"`     // taken off the front of a number sent to the trunk
	Prepend   string   `mapstructure:"prepend"`   // put in front of it
	Codecs    []string `mapstructure:"codecs"`
	MaxCalls  int      `mapstructure:"max_calls"` // 0: no limit
	// SignalHold tells the far end by a re-INVITE that its call is held, while it hears our music.
	SignalHold bool `mapstructure:"signal_hold"`
}

// Route says where a number that a trunk delivers goes. The first route that matches is taken.
type Route struct {
	Number   string `mapstructure:"number"`   // exact, or a prefix with a closing *
	Trunk    string `mapstructure:"trunk"`    // only from this trunk; empty: any
	To       Target `mapstructure:"to"`       // dn:5001 | queue:sales | number:+4930123
	Schedule string `mapstructure:"schedule"` // name in schedules; empty: always open
	Closed   Target `mapstructure:"closed"`   // while closed: message:SOUND | number:... | dn:... | voicemail:...
	Fallback Target `mapstructure:"fallback"` // while the sidecar is away; empty: that of the DN
}

// Schedule is a set of opening hours with exceptions.
type Schedule struct {
	Timezone string   `mapstructure:"timezone"` // IANA name
	Weekly   []string `mapstructure:"weekly"`   // "mon-fri 08:00-18:00"
	Holidays []string `mapstructure:"holidays"` // 2026-12-25
}

// DialRules say who may call what, and how numbers are written.
type DialRules struct {
	Normalise    []Rewrite            `mapstructure:"normalise"` // first rewrite whose prefix matches is applied
	Classes      map[string]DialClass `mapstructure:"classes"`
	Roles        map[string]string    `mapstructure:"roles"`     // supervisor, admin -> class for calls made by REST; agents have that of the DN
	Emergency    []string             `mapstructure:"emergency"` // always allowed, never capped
	DefaultTrunk string               `mapstructure:"default_trunk"`
}

// Rewrite replaces a prefix of a dialled number.
type Rewrite struct {
	Prefix  string `mapstructure:"prefix"`
	Replace string `mapstructure:"replace"`
}

// DialClass is what a group of DNs may dial outside. The longest prefix of allow and deny decides; deny wins a tie.
type DialClass struct {
	Allow         []string `mapstructure:"allow"`
	Deny          []string `mapstructure:"deny"`
	MaxConcurrent int      `mapstructure:"max_concurrent"` // outside calls at once by all DNs of the class, 0: no limit
	Trunk         string   `mapstructure:"trunk"`          // empty: default_trunk
}

// Calls are the timers of the call engine, and what it takes over from Asterisk.
type Calls struct {
	RingTimeout time.Duration `mapstructure:"ring_timeout"` // a DN rings this long
	DialTimeout time.Duration `mapstructure:"dial_timeout"` // an outside number rings this long
	MusicClass  string        `mapstructure:"music_class"`

	// What a trunk's call brings along becomes its user data, under these very names.
	UserDataHeaders   []string `mapstructure:"user_data_headers"`   // SIP headers of its INVITE
	UserDataVariables []string `mapstructure:"user_data_variables"` // channel variables of Asterisk
}

// CTI is the event feed.
type CTI struct {
	HoldTime    time.Duration `mapstructure:"hold_time"`    // a long poll is held this long
	SessionLife time.Duration `mapstructure:"session_life"` // a session without a poll lives this long
	QueueSize   int           `mapstructure:"queue_size"`   // events waiting for one session before it is closed
	QueueBytes  int           `mapstructure:"queue_bytes"`  // bytes of them
	Retain      int           `mapstructure:"retain"`       // events kept for replay
	UserStreams int           `mapstructure:"user_streams"` // streams of /api/v1/events that a user may have at once
}

// Webhook is a program that is told by POST what happens; empty lists are no condition.
type Webhook struct {
	URL         string        `mapstructure:"url"`
	Secret      Secret        `mapstructure:"secret"`        // signs what is sent: whsec_ and base64
	Events      []string      `mapstructure:"events"`        // names, such as Released
	DNs         []string      `mapstructure:"dns"`           // 5001 or 5001-5020
	Topic       string        `mapstructure:"topic"`         // agent | call | empty: both
	GiveUpAfter time.Duration `mapstructure:"give_up_after"` // then it becomes a dead letter; 0: 24h
}

// Auth is how long tokens live.
type Auth struct {
	TokenLife time.Duration `mapstructure:"token_life"`
}
