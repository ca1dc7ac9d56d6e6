package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
)

const ruleBind = "write the address to bind, not a name, with a port, such as 0.0.0.0:5060"

func (c *checker) asterisks() {
	if len(c.cfg.Asterisk) == 0 {
		c.add("asterisk", "", "at least one Asterisk is needed")
	}
	ids, apps := map[string]int{}, map[string]int{}
	for i := range c.cfg.Asterisk {
		a, key := &c.cfg.Asterisk[i], indexed("asterisk", i)
		c.name(key+".id", a.ID)
		if first, twice := ids[a.ID]; twice {
			c.add(key+".id", a.ID, fmt.Sprintf("is already the id of asterisk[%d]", first))
		} else {
			ids[a.ID] = i
		}
		if first, twice := apps[a.URL+" "+a.App]; twice {
			c.add(key+".app", a.App, fmt.Sprintf("asterisk[%d] has the same url and app: the two would take each other's place", first))
		} else {
			apps[a.URL+" "+a.App] = i
		}
		c.asterisk(key, a)
		c.sipAddresses(i)
	}
	if len(c.cfg.Asterisk) > 1 && !slices.Contains(c.cfg.Network.Transports, TransportUDP) {
		c.add("network.transports", "", "several Asterisks call each other by udp: add it")
	}
}

// sipAddresses judges where a server listens, and where the others reach it: they know each other by that address.
func (c *checker) sipAddresses(i int) {
	a, key := &c.cfg.Asterisk[i], indexed("asterisk", i)
	if a.SIPListen != "" {
		c.hostPort(key+".sip_listen", a.SIPListen, 1, isAddress, ruleBind)
	}
	if a.SIPAddress == "" {
		if len(c.cfg.Asterisk) > 1 {
			c.add(key+".sip_address", "", "with several Asterisks each needs the address and port where the others reach its SIP, such as 192.168.0.11:5060")
		}
		return
	}
	reachable := func(host string) bool { return isAddress(host) && !isWildcard(host) }
	c.hostPort(key+".sip_address", a.SIPAddress, 1, reachable, "write an address, not a name, with a port, such as 192.168.0.11:5060")
	first := slices.IndexFunc(c.cfg.Asterisk, func(other Asterisk) bool { return other.SIPAddress == a.SIPAddress })
	if first < i {
		c.add(key+".sip_address", a.SIPAddress, "is already the address of "+indexed("asterisk", first))
	}
}

func (c *checker) asterisk(key string, a *Asterisk) {
	c.ariURL(key+".url", a.URL)
	c.name(key+".app", a.App)
	c.name(key+".user", a.User)
	if a.Password != "" {
		if rule := passwordRule(a.Password.Reveal(), minPassword); rule != "" {
			c.add(key+".password", a.Password.String(), rule)
		}
	}
	c.oneOf(key+".connect", a.Connect, ConnectDial, ConnectAccept)
	c.oneOf(key+".rest", a.REST, RESTHTTP, RESTSocket)
	c.positive(key+".request_timeout", a.RequestTimeout)
	c.positive(key+".ping_interval", a.PingInterval)
	c.positive(key+".reconnect_min", a.ReconnectMin)
	c.positive(key+".reconnect_max", a.ReconnectMax)
	if a.ReconnectMax < a.ReconnectMin {
		c.add(key+".reconnect_max", a.ReconnectMax.String(), "must not be less than reconnect_min, "+a.ReconnectMin.String())
	}
	c.positive(key+".lost_after", a.LostAfter)
	c.path(key+".config_dir", a.ConfigDir)
}

// ariURL does not repeat a URL with user info or a query in its message: there may be a password in the wrong place.
func (c *checker) ariURL(key, text string) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		c.add(key, "", "not a URL: write http://HOST:PORT")
	case u.User != nil:
		c.add(key, "", "a URL holds no user and password: use the settings user and password")
	case u.RawQuery != "":
		c.add(key, "", "a URL holds no query: write http://HOST:PORT or https://HOST:PORT")
	case u.Scheme != "http" && u.Scheme != "https" || !c.isHost(u.Hostname()) || u.Fragment != "":
		c.add(key, text, "write http://HOST:PORT or https://HOST:PORT")
	}
}

func (c *checker) network() {
	n := &c.cfg.Network
	c.hostPort("network.sip_listen", n.SIPListen, 1, isAddress, ruleBind)
	if len(n.Transports) == 0 {
		c.add("network.transports", "", "at least one transport is needed: udp, tcp")
	}
	for i, transport := range n.Transports {
		c.oneOf(indexed("network.transports", i), transport, TransportUDP, TransportTCP)
		if slices.Contains(n.Transports[:i], transport) {
			c.add(indexed("network.transports", i), transport, "is in the list already")
		}
	}
	if n.TLS.Listen != "" {
		c.hostPort("network.tls.listen", n.TLS.Listen, 1, isAddress, ruleBind)
		c.path("network.tls.cert_file", n.TLS.CertFile)
		c.path("network.tls.key_file", n.TLS.KeyFile)
	}
	if n.ExternalAddress != "" && !c.isHost(n.ExternalAddress) {
		c.add("network.external_address", n.ExternalAddress, "write a public address or host name, without port")
	}
	for i, local := range n.LocalNets {
		if !isNet(local) {
			c.add(indexed("network.local_nets", i), local, "write a network such as 192.168.0.0/16")
		}
	}
	if !isAddress(n.SidecarAddress) {
		c.add("network.sidecar_address", n.SidecarAddress, "write an address, not a name, such as 127.0.0.1")
	}
	c.between("network.sidecar_sip_port", n.SidecarSIPPort, 1, maxPort)
	inside := c.between("network.rtp.start", n.RTP.Start, firstFree, maxPort)
	inside = c.between("network.rtp.end", n.RTP.End, firstFree, maxPort) && inside
	if inside && n.RTP.Start >= n.RTP.End {
		c.add("network.rtp", fmt.Sprintf("%d-%d", n.RTP.Start, n.RTP.End), "start must be less than end: a call needs two ports")
	}
}

// socket is a port that something on this host, or on one of the Asterisks, binds.
type socket struct {
	key  string
	host string
	port int
	udp  bool
	tcp  bool
	ari  bool // two entries may name one server, with an app each
}

// meets reports whether both can't be bound on one host.
func (s socket) meets(other socket) bool {
	return s.port == other.port && !(s.ari && other.ari) && (s.udp && other.udp || s.tcp && other.tcp) && sameHost(s.host, other.host)
}

func sameHost(a, b string) bool { return a == b || isWildcard(a) || isWildcard(b) }

func isWildcard(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "" || err == nil && addr.IsUnspecified()
}

// ports refuses two listeners on one port, and a SIP port among those of the media.
func (c *checker) ports() {
	sockets := c.sockets()
	media := c.mediaRanges()
	for i, s := range sockets {
		for _, other := range sockets[:i] {
			if s.meets(other) {
				c.add(s.key, strconv.Itoa(s.port), "is the port of "+other.key+" too: choose another one")
			}
		}
		for _, rtp := range media {
			if s.udp && s.port >= rtp.Start && s.port <= rtp.End {
				c.add(s.key, strconv.Itoa(s.port), fmt.Sprintf("lies in the RTP range %d-%d of %s: choose another one", rtp.Start, rtp.End, rtp.key))
			}
		}
	}
	if len(media) == 2 && media[0].Start <= media[1].End && media[1].Start <= media[0].End {
		c.add(media[1].key, media[1].text(), fmt.Sprintf("overlaps the range %s of %s: choose another one", media[0].text(), media[0].key))
	}
}

// mediaRange is a range of ports that calls take theirs from.
type mediaRange struct {
	key string
	PortRange
}

func (r mediaRange) text() string { return fmt.Sprintf("%d-%d", r.Start, r.End) }

// mediaRanges are those that are in use and valid.
func (c *checker) mediaRanges() []mediaRange {
	ranges := []mediaRange{{"network.rtp", c.cfg.Network.RTP}}
	if c.usesGateway() {
		ranges = append(ranges, mediaRange{"gateway.rtp", c.cfg.Gateway.RTP})
	}
	return slices.DeleteFunc(ranges, func(r mediaRange) bool { return r.Start < firstFree || r.End > maxPort })
}

func (c *checker) sockets() []socket {
	n := &c.cfg.Network
	udp, tcp := slices.Contains(n.Transports, TransportUDP), slices.Contains(n.Transports, TransportTCP)
	var found []socket
	add := func(s socket, listen string) {
		if addr, err := netip.ParseAddrPort(listen); err == nil && addr.Port() != 0 {
			s.host, s.port = addr.Addr().String(), int(addr.Port())
			found = append(found, s)
		}
	}
	add(socket{key: "http.listen", tcp: true}, c.cfg.HTTP.Listen)
	add(socket{key: "http.tls.listen", tcp: true}, c.cfg.HTTP.TLS.Listen)
	for i := range c.cfg.Asterisk {
		if u, err := url.Parse(c.cfg.Asterisk[i].URL); err == nil {
			add(socket{key: indexed("asterisk", i) + ".url", tcp: true, ari: true}, u.Host)
		}
	}
	common := false // an Asterisk listens at network.sip_listen; those on other hosts may bind the same
	for i, a := range c.cfg.Asterisk {
		add(socket{key: indexed("asterisk", i) + ".sip_listen", udp: udp, tcp: tcp}, a.SIPListen)
		common = common || a.SIPListen == ""
	}
	if common {
		add(socket{key: "network.sip_listen", udp: udp, tcp: tcp}, n.SIPListen)
	}
	add(socket{key: "network.tls.listen", tcp: true}, n.TLS.Listen)
	if g := &c.cfg.Gateway; c.usesGateway() {
		add(socket{key: "gateway.ice.listen", udp: true, tcp: g.ICE.TCP}, g.ICE.Listen)
		add(socket{key: "gateway.listen_ws", tcp: true}, g.ListenWS)
		add(socket{key: "gateway.turn.listen_udp", udp: true}, g.TURN.ListenUDP)
		add(socket{key: "gateway.turn.listen_tcp", tcp: true}, g.TURN.ListenTCP)
		add(socket{key: "gateway.turn.listen_tls", tcp: true}, g.TURN.ListenTLS)
	}
	return append(found, socket{key: "network.sidecar_sip_port", host: n.SidecarAddress, port: n.SidecarSIPPort, udp: true, tcp: true})
}
