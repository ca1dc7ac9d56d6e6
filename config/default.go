package config

import "time"

// The values that an empty setting of a DN takes.
const (
	DefaultOwner    = OwnerSidecar
	DefaultUpstream = UpstreamAsterisk
	DefaultPassword = Secret(PasswordRandom)
	DefaultCallerID = "Agent {dn}"
	DefaultContext  = "from-agents"
	DefaultClass    = "default"
	DefaultMaxCalls = 2
)

// DefaultCodecs is the order in which codecs are offered where nothing else is said: both G.711 laws, which every
// SIP phone and every trunk of the field speaks.
func DefaultCodecs() []string { return []string{"ulaw", "alaw"} }

// Default gives a configuration that works on one host without a file: one Asterisk beside the daemon, the DNs
// 5001-5020, no trunk, and every listener on the loopback address.
func Default() *Config {
	return &Config{
		DataDir: "var",
		Node:    "n1",
		NodeID:  1,
		HTTP: HTTP{
			Listen:         "127.0.0.1:8090",
			AllowedOrigins: []string{},
			DrainTimeout:   10 * time.Second,
		},
		Log:      Log{Level: "info", Format: "text"},
		Asterisk: []Asterisk{defaultAsterisk()},
		Network:  defaultNetwork(),
		Gateway:  defaultGateway(),
		DNs: []DNGroup{{
			Numbers:    []string{"5001-5020"},
			DNSettings: defaultDNSettings(),
			Overrides:  map[string]DNSettings{},
		}},
		Trunks:    []Trunk{},
		Routes:    []Route{},
		Schedules: map[string]Schedule{},
		Queues:    map[string]Queue{},
		Skills:    map[string]Levels{},
		DialRules: defaultDialRules(),
		Calls: Calls{
			RingTimeout: 30 * time.Second, DialTimeout: time.Minute, MusicClass: "default",
			UserDataHeaders: []string{}, UserDataVariables: []string{},
		},
		Recording: defaultRecording(),
		Agents:    defaultAgents(),
		CTI: CTI{
			// The hold must end before the 30 s after which common proxies cut an idle request.
			HoldTime:    25 * time.Second,
			SessionLife: time.Minute,
			// A supervisor's snapshot goes into it at once: a few events for each DN and call of the team.
			QueueSize: 32768,
			// Some 5,000 events.
			QueueBytes: 4 << 20,
			Retain:     10000,
			// A desktop in a few windows; programs of a user share it.
			UserStreams: 16,
		},
		EventLog: defaultEventLog(),
		Webhooks: map[string]Webhook{},

		Auth:  Auth{TokenLife: 12 * time.Hour},
		Audit: Audit{KeepDays: 365},

		Supervision: Supervision{VisibleToAgents: true},
		Workspace:   Workspace{APIKeys: []Secret{}, SwitchName: "sidecar"},
	}
}

func defaultAsterisk() Asterisk {
	return Asterisk{
		ID:             "pbx1",
		URL:            "http://127.0.0.1:8089",
		App:            "sidecar",
		User:           "sidecar",
		Connect:        ConnectDial,
		REST:           RESTHTTP,
		RequestTimeout: 5 * time.Second,
		PingInterval:   10 * time.Second,
		ReconnectMin:   200 * time.Millisecond,
		ReconnectMax:   10 * time.Second,
		LostAfter:      15 * time.Second,
		ConfigDir:      "/etc/asterisk",
	}
}

func defaultNetwork() Network {
	return Network{
		SIPListen:      "127.0.0.1:5060",
		Transports:     []string{TransportUDP, TransportTCP},
		LocalNets:      []string{},
		RTP:            PortRange{Start: 10000, End: 20000},
		SidecarAddress: "127.0.0.1",
		SidecarSIPPort: 5070,
	}
}

func defaultDNSettings() DNSettings {
	return DNSettings{
		Owner:    DefaultOwner,
		Upstream: DefaultUpstream,
		Password: DefaultPassword,
		CallerID: DefaultCallerID, CallerIDs: []string{},
		Context:  DefaultContext,
		Codecs:   DefaultCodecs(),
		Class:    DefaultClass,
		MaxCalls: DefaultMaxCalls,
	}
}

// defaultTrunk is what a trunk of the file starts from.
func defaultTrunk() Trunk {
	return Trunk{Kind: TrunkPeer, Transport: TransportUDP, Codecs: DefaultCodecs(), SignalHold: true}
}

// defaultDialRules lets every DN call every number except the codes of ITU-T E.164 that belong to no country:
// satellite phones (+870, +881), international networks (+882, +883) and the international premium rate service
// (+979). They are what stolen phone credentials are sold for, and hardly a contact centre calls them. Premium
// numbers of a country are for the site to deny: their prefixes differ from country to country.
func defaultDialRules() DialRules {
	return DialRules{
		Normalise: []Rewrite{{Prefix: "00", Replace: "+"}},
		Classes: map[string]DialClass{
			DefaultClass: {
				Allow: []string{AnyNumber},
				Deny:  []string{"+870", "+881", "+882", "+883", "+979"},
			},
		},
		Roles:     map[string]string{"supervisor": DefaultClass, "admin": DefaultClass},
		Emergency: []string{"112", "911", "110"},
	}
}
