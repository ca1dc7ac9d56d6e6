package config

import "time"

// Gateway is the browsers' side: their media, and how long we are patient with them. It is in use when a DN has the owner
// sidecar.
type Gateway struct {
	ICE          ICE           `mapstructure:"ice"`
	RTP          PortRange     `mapstructure:"rtp"`           // our RTP ports towards upstreams, on network.sidecar_address
	ListenWS     string        `mapstructure:"listen_ws"`     // host:port of one more listener, which has /ws only; empty: off
	TakeOver     string        `mapstructure:"take_over"`     // replace | refuse: a second browser for a DN
	Grace        time.Duration `mapstructure:"grace"`         // how long a browser that is gone may come back to its calls
	DrainTimeout time.Duration `mapstructure:"drain_timeout"` // how long a stop waits for the browsers' calls
	AsteriskWS   bool          `mapstructure:"asterisk_ws"`   // serve /asterisk-ws also without a DN with owner asterisk-webrtc
	ICEServers   []ICEServer   `mapstructure:"ice_servers"`   // STUN and TURN servers that pages are told of
	TURN         TURN          `mapstructure:"turn"`          // our own, off while it listens nowhere
}

// ICE says where the browsers' media arrives.
type ICE struct {
	Listen     string   `mapstructure:"listen"` // host:port, one UDP port for all browsers; 0.0.0.0 for all interfaces
	TCP        bool     `mapstructure:"tcp"`    // the same port by TCP, for networks that let no UDP out
	Lite       bool     `mapstructure:"lite"`   // answer checks and send none: for servers with a public address
	NAT1To1    []string `mapstructure:"nat_1to1"`
	Interfaces []string `mapstructure:"interfaces"` // names of those that 0.0.0.0 stands for; empty: all
}

// ICEServer is a STUN or TURN server of the site, as pages are told of it.
type ICEServer struct {
	URLs       []string `mapstructure:"urls"`
	Username   string   `mapstructure:"username"`
	Credential Secret   `mapstructure:"credential"`
	Secret     Secret   `mapstructure:"secret"` // shared with the server: every page gets credentials of its own that expire
}

// TURN is the TURN server inside the daemon.
type TURN struct {
	ListenUDP       string        `mapstructure:"listen_udp"`
	ListenTCP       string        `mapstructure:"listen_tcp"`
	ListenTLS       string        `mapstructure:"listen_tls"`       // with the certificate of http.tls
	ExternalAddress string        `mapstructure:"external_address"` // what pages are told; empty: the address it listens on
	Realm           string        `mapstructure:"realm"`
	TTL             time.Duration `mapstructure:"ttl"` // of a page's credentials
}

// Enabled reports whether the server listens anywhere.
func (t TURN) Enabled() bool { return t.ListenUDP != "" || t.ListenTCP != "" || t.ListenTLS != "" }

func defaultGateway() Gateway {
	return Gateway{
		ICE:          ICE{Listen: "127.0.0.1:40000", TCP: true, NAT1To1: []string{}, Interfaces: []string{}},
		RTP:          PortRange{Start: 30000, End: 31999},
		TakeOver:     TakeOverReplace,
		Grace:        20 * time.Second,
		DrainTimeout: 20 * time.Second,
		ICEServers:   []ICEServer{},
		TURN:         TURN{Realm: "sidecar", TTL: 10 * time.Minute},
	}
}

// UpstreamTrunk gives the trunk that a DN is registered at, and false for one that is registered at Asterisk.
func (c *Config) UpstreamTrunk(dn DN) (Trunk, bool) {
	for _, t := range c.Trunks {
		if dn.Upstream != UpstreamAsterisk && t.Name == dn.Upstream {
			return t, true
		}
	}
	return Trunk{}, false
}
