package config

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

const (
	ruleListen = "write the address to listen on, not a name, with a port, such as 0.0.0.0:40000"
	maxName    = 64
	longestTTL = 24 * time.Hour
)

func (c *checker) gateway() {
	g := &c.cfg.Gateway
	c.hostPort("gateway.ice.listen", g.ICE.Listen, 0, isAddress, ruleListen)
	listen, _ := netip.ParseAddrPort(g.ICE.Listen) // what is wrong with it has been said
	for i, addr := range g.ICE.NAT1To1 {
		switch a, err := netip.ParseAddr(addr); {
		case err != nil || a.IsUnspecified():
			c.add(indexed("gateway.ice.nat_1to1", i), addr, "write the address under which gateway.ice.listen is seen from outside, such as 203.0.113.10")
		case listen.IsValid() && !listen.Addr().IsUnspecified() && a.Is4() != listen.Addr().Is4():
			c.add(indexed("gateway.ice.nat_1to1", i), addr, "is not of the IP version of gateway.ice.listen, "+g.ICE.Listen)
		}
	}
	for i, name := range g.ICE.Interfaces {
		if name == "" || len(name) > maxName || strings.ContainsAny(name, " /\t\n") {
			c.add(indexed("gateway.ice.interfaces", i), name, "write the name of a network interface, such as eth0")
		}
	}
	inside := c.between("gateway.rtp.start", g.RTP.Start, firstFree, maxPort)
	inside = c.between("gateway.rtp.end", g.RTP.End, firstFree, maxPort) && inside
	if inside && g.RTP.Start >= g.RTP.End {
		c.add("gateway.rtp", fmt.Sprintf("%d-%d", g.RTP.Start, g.RTP.End), "start must be less than end: a call needs two ports")
	}
	if g.ListenWS != "" {
		c.hostPort("gateway.listen_ws", g.ListenWS, 0, c.isListenHost, ruleHostPort)
	}
	c.oneOf("gateway.take_over", g.TakeOver, TakeOverReplace, TakeOverRefuse)
	c.positive("gateway.grace", g.Grace)
	c.positive("gateway.drain_timeout", g.DrainTimeout)
	for i := range g.ICEServers {
		c.iceServer(indexed("gateway.ice_servers", i), &g.ICEServers[i])
	}
	c.turn(&g.TURN)
}

func (c *checker) iceServer(key string, s *ICEServer) {
	if len(s.URLs) == 0 {
		c.add(key+".urls", "", "at least one URL is needed, such as turn:turn.example.com:3478?transport=udp")
	}
	relays := false
	for i, u := range s.URLs {
		scheme, host, _ := strings.Cut(u, ":")
		relays = relays || scheme == "turn" || scheme == "turns"
		if !slices.Contains([]string{"stun", "stuns", "turn", "turns"}, scheme) || host == "" || strings.ContainsAny(u, " @/") {
			c.add(indexed(key+".urls", i), u, "write stun:HOST:PORT, turn:HOST:PORT or turns:HOST:PORT, with ?transport=tcp for TCP")
		}
	}
	switch {
	case s.Secret != "" && (s.Username != "" || s.Credential != ""):
		c.add(key+".secret", s.Secret.String(), "is there instead of username and credential: write one or the other")
	case relays && s.Secret == "" && (s.Username == "" || s.Credential == ""):
		c.add(key+".credential", "", "a TURN server needs username and credential, or the secret that it shares with us")
	}
}

func (c *checker) turn(t *TURN) {
	for _, l := range []struct{ key, listen string }{
		{"gateway.turn.listen_udp", t.ListenUDP}, {"gateway.turn.listen_tcp", t.ListenTCP}, {"gateway.turn.listen_tls", t.ListenTLS},
	} {
		if l.listen == "" {
			continue
		}
		c.hostPort(l.key, l.listen, 0, isAddress, ruleListen)
		if host, _, err := net.SplitHostPort(l.listen); err == nil && isWildcard(host) && t.ExternalAddress == "" {
			c.add(l.key, l.listen, "pages can't be told this address: write one address of this host, or set gateway.turn.external_address")
		}
	}
	if t.ExternalAddress != "" && !c.isHost(t.ExternalAddress) {
		c.add("gateway.turn.external_address", t.ExternalAddress, "write a public address or host name, without port")
	}
	if !c.is.hostname.MatchString(t.Realm) {
		c.add("gateway.turn.realm", t.Realm, "write a name such as sidecar or example.com")
	}
	if t.TTL < time.Second || t.TTL > longestTTL {
		c.add("gateway.turn.ttl", t.TTL.String(), "must be from 1s to 24h")
	}
}

// isListenHost accepts what a TCP listener may be told: nothing for all addresses.
func (c *checker) isListenHost(host string) bool { return host == "" || c.isHost(host) }

// upstream judges where a DN is registered.
func (c *checker) upstream(key string, s DNSettings) {
	if s.Upstream == "" || s.Upstream == UpstreamAsterisk {
		return
	}
	names := []string{UpstreamAsterisk}
	for i := range c.cfg.Trunks {
		if t := &c.cfg.Trunks[i]; t.Kind == TrunkGenesys {
			names = append(names, t.Name)
		}
	}
	if !slices.Contains(names, s.Upstream) {
		c.add(key, s.Upstream, "must be "+UpstreamAsterisk+" or the name of a trunk of kind "+TrunkGenesys+"; there are "+strings.Join(names, ", "))
	} else if s.Owner != "" && s.Owner != OwnerSidecar {
		c.add(key, s.Upstream, "is for DNs with owner sidecar: the phone of this one registers by itself")
	}
}

// reachesUpstreams refuses a socket on the loopback address where a DN's upstream is elsewhere.
func (c *checker) reachesUpstreams() {
	ours, err := netip.ParseAddr(c.cfg.Network.SidecarAddress)
	if err != nil || !ours.IsLoopback() {
		return
	}
	used := map[string]bool{}
	for _, dn := range c.dns {
		used[dn.Upstream] = used[dn.Upstream] || dn.Owner == OwnerSidecar
	}
	for i := range c.cfg.Trunks {
		t := &c.cfg.Trunks[i]
		host, _, _ := net.SplitHostPort(t.Host)
		if theirs, err := netip.ParseAddr(host); err == nil && t.Kind == TrunkGenesys && used[t.Name] && !theirs.IsLoopback() {
			c.add("network.sidecar_address", c.cfg.Network.SidecarAddress,
				"the upstream "+t.Name+" at "+t.Host+" can't be reached from a loopback address: write an address of this host")
		}
	}
}

// usesGateway reports whether a DN needs the gateway; nothing of it listens otherwise.
func (c *checker) usesGateway() bool {
	for _, dn := range c.dns {
		if dn.Owner == OwnerSidecar {
			return true
		}
	}
	return false
}
