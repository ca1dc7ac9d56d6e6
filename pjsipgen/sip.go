package pjsipgen

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"sidecar/config"
)

func (b *builder) pjsip(m *Model) PJSIP {
	p := PJSIP{Head: b.head, UserAgent: "Asterisk with sidecar"}
	host := b.check.hostPort(b.sipListen())
	if !isWildcard(host) {
		p.MediaAddress = host
	}
	p.SidecarNet = b.sidecarNet()
	p.DNs = make([]DN, 0, len(b.in.DNs))
	for _, dn := range b.in.DNs {
		p.HasWebRTC = p.HasWebRTC || dn.Owner == config.OwnerAsteriskWebRTC
		p.DNs = append(p.DNs, b.dn(dn))
	}
	p.Transports = b.transports(p.HasWebRTC, m.HTTP)
	p.Peers = b.peers()
	names := map[string]bool{}
	for _, peer := range p.Peers {
		names[peer.Name] = true
	}
	for i, trunk := range b.cfg.Trunks {
		field := fmt.Sprintf("trunks[%d]", i)
		if _, taken := b.byNumber[trunk.Name]; taken || names[trunk.Name] {
			b.check.refuse(field+".name", trunk.Name, "must differ from every DN, every other trunk and peer-ID of every other Asterisk")
		}
		names[trunk.Name] = true
		p.Trunks = append(p.Trunks, b.trunk(field, trunk, p.Transports))
	}
	return p
}

// sipListen is the setting that says where the server listens, and its value.
func (b *builder) sipListen() (field, listen string) {
	if b.server.SIPListen != "" {
		return b.field("sip_listen"), b.server.SIPListen
	}
	return "network.sip_listen", b.cfg.Network.SIPListen
}

// peers are the other servers. Each sends its requests from the port where it listens, which tells it from phones on its
// host.
func (b *builder) peers() []Peer {
	var peers []Peer
	for _, other := range b.cfg.Asterisk {
		if other.ID == b.server.ID {
			continue
		}
		field := "asterisk[" + other.ID + "]"
		b.check.name(field+".id", other.ID)
		host := b.check.hostPort(field+".sip_address", other.SIPAddress)
		if host == "" || isWildcard(host) {
			b.check.refuse(field+".sip_address", other.SIPAddress, "must be where the other Asterisks reach this one")
		}
		peers = append(peers, Peer{Name: PeerName(other.ID), Contact: "sip:" + other.SIPAddress, Match: other.SIPAddress})
	}
	if len(peers) > 0 && !slices.Contains(b.cfg.Network.Transports, config.TransportUDP) {
		b.check.refuse("network.transports", strings.Join(b.cfg.Network.Transports, ", "), "several Asterisks call each other by udp: add it")
	}
	return peers
}

func (b *builder) sidecarNet() string {
	addr, err := netip.ParseAddr(b.cfg.Network.SidecarAddress)
	if err != nil {
		b.check.refuse("network.sidecar_address", b.cfg.Network.SidecarAddress, "must be an IP address: DNs of the sidecar are accepted from nowhere else")
		return ""
	}
	return netip.PrefixFrom(addr, addr.BitLen()).String()
}

func (b *builder) transports(webRTC bool, http HTTP) []Transport {
	n := b.cfg.Network
	_, listen := b.sipListen()
	if n.ExternalAddress != "" {
		b.check.host("network.external_address", n.ExternalAddress)
	}
	for i, local := range n.LocalNets {
		b.check.network(fmt.Sprintf("network.local_nets[%d]", i), local)
	}
	nat := func(t Transport) Transport {
		if n.ExternalAddress != "" {
			t.ExternalAddress, t.LocalNets = n.ExternalAddress, n.LocalNets
		}
		return t
	}
	var transports []Transport
	for i, protocol := range n.Transports {
		b.check.oneOf(fmt.Sprintf("network.transports[%d]", i), protocol, config.TransportUDP, config.TransportTCP)
		transports = append(transports, nat(Transport{Name: protocol, Protocol: protocol, Bind: listen}))
	}
	if n.TLS.Listen != "" {
		b.check.hostPort("network.tls.listen", n.TLS.Listen)
		b.check.of(fileChars, "network.tls.cert_file", n.TLS.CertFile, "must be the path of a PEM file")
		b.check.of(fileChars, "network.tls.key_file", n.TLS.KeyFile, "must be the path of a PEM file")
		transports = append(transports, nat(Transport{
			Name: config.TransportTLS, Protocol: config.TransportTLS, Bind: n.TLS.Listen, CertFile: n.TLS.CertFile, KeyFile: n.TLS.KeyFile,
		}))
	}
	if webRTC {
		// Only names the protocol: the listener is that of http.conf.
		transports = append(transports, nat(Transport{Name: "ws", Protocol: "ws", Bind: net.JoinHostPort(http.Address, http.Port)}))
	}
	return transports
}

func (b *builder) dn(dn config.DN) DN {
	field := "dn " + dn.Number
	b.check.of("0123456789", field, dn.Number, "must be digits")
	b.check.name(field+".context", dn.Context)
	b.check.name(field+".class", dn.Class)
	if _, known := b.cfg.DialRules.Classes[dn.Class]; !known {
		b.check.refuse(field+".class", dn.Class, "must be a class of dial_rules.classes")
	}
	d := DN{
		Number: dn.Number, Context: dn.Context, Codecs: b.codecs(field+".codecs", dn.Codecs),
		CallerID: b.callerID(field, dn), MaxCalls: dn.MaxCalls, Class: dn.Class,
	}
	password := b.in.Secrets.Phone
	switch dn.Owner {
	case config.OwnerSidecar:
		d.Template, password = "sidecar", b.in.Secrets.Upstream
	case config.OwnerAsteriskWebRTC:
		d.Template, d.Qualify = "webrtc", true
	case config.OwnerPhone:
		d.Template = "phone"
	default:
		b.check.oneOf(field+".owner", dn.Owner, config.OwnerSidecar, config.OwnerAsteriskWebRTC, config.OwnerPhone)
	}
	d.Password = b.secret("endpoint "+dn.Number, func() (config.Secret, error) { return password(dn) })
	if b.secretErr == nil {
		b.check.secret(field+".password", d.Password)
	}
	d.RingsAway = dn.Fallback.IsZero() && dn.Owner != config.OwnerSidecar
	d.Fallback = b.fallback(field+".fallback", dn)
	return d
}

func (b *builder) codecs(field string, names []string) string {
	if len(names) == 0 {
		b.check.refuse(field, "", "must name at least one codec")
	}
	for _, name := range names {
		b.check.oneOf(field, name, "ulaw", "alaw", "g722", "opus")
	}
	return strings.Join(names, ",")
}

// callerID writes "Name" <number>; the name must not end its quotes.
func (b *builder) callerID(field string, dn config.DN) string {
	name := strings.TrimSpace(dn.CallerID)
	if strings.ContainsFunc(name, isControl) || strings.ContainsAny(name, `"<>;\`) {
		b.check.refuse(field+".caller_id", dn.CallerID, `must be a name without quotes, <, >, semicolons, backslashes and line breaks`)
	}
	return fmt.Sprintf(`"%s" <%s>`, name, dn.Number)
}

func (b *builder) trunk(field string, t config.Trunk, transports []Transport) Trunk {
	b.check.name(field+".name", t.Name)
	b.check.oneOf(field+".kind", t.Kind, config.TrunkGenesys, config.TrunkPeer, config.TrunkProvider)
	transport := cmp.Or(t.Transport, config.TransportUDP)
	if !slices.ContainsFunc(transports, func(have Transport) bool { return have.Name == transport }) {
		b.check.refuse(field+".transport", transport, "must be one of network.transports, or tls with network.tls.listen set")
	}
	host, port := splitTrunkHost(t.Host, transport)
	b.check.hostPort(field+".host", net.JoinHostPort(host, port))
	out := Trunk{
		Name: t.Name, Kind: t.Kind, Context: ContextTrunk, Qualify: t.Kind != config.TrunkPeer, Transport: transport, Codecs: b.codecs(field+".codecs", t.Codecs),
		Contact: sipURI("", host, port, transport), Match: b.match(field, t, host, port),
		CallerID: t.CallerID, Strip: t.Strip, StripLength: len(t.Strip), Prepend: t.Prepend, MaxCalls: t.MaxCalls, SignalHold: t.SignalHold,
	}
	for name, value := range map[string]string{"caller_id": t.CallerID, "strip": t.Strip, "prepend": t.Prepend} {
		if value != "" {
			b.check.digits(field+"."+name, value)
		}
	}
	if t.Username != "" {
		b.check.of(userChars, field+".username", t.Username, "must be a SIP user: letters, digits, _ - . + @")
	}
	b.identity(field, t, &out, host, port)
	return out
}

func (b *builder) identity(field string, t config.Trunk, out *Trunk, host, port string) {
	if t.Kind == config.TrunkProvider && (t.Username == "" || t.Password == "") {
		b.check.refuse(field+".username", t.Username, "a provider needs username and password to register with")
	}
	if t.Password != "" {
		b.check.secret(field+".password", t.Password)
		out.Username, out.Password = t.Username, t.Password
		if t.Username == "" {
			b.check.refuse(field+".username", "", "a password needs a username")
		}
	}
	switch t.Kind {
	case config.TrunkGenesys:
		out.Context, out.TrustsIdentity, out.FromUser = ContextGenesys, true, t.Username
	case config.TrunkProvider:
		out.TrustsIdentity, out.FromUser, out.FromDomain = true, t.Username, host
		out.ServerURI = sipURI("", host, port, out.Transport)
		out.ClientURI = sipURI(t.Username, host, port, out.Transport)
	default:
		out.FromUser = t.Username
	}
}

func splitTrunkHost(host, transport string) (name, port string) {
	name, port, err := net.SplitHostPort(host)
	if err == nil {
		return name, port
	}
	if transport == config.TransportTLS {
		return strings.Trim(host, "[]"), "5061"
	}
	return strings.Trim(host, "[]"), "5060"
}

// match says from where the trunk's calls come. A trunk on the sidecar's address, or on Asterisk's own, shares it with
// phones and is told from them by its port.
func (b *builder) match(field string, t config.Trunk, host, port string) []string {
	for i, m := range t.Match {
		at := fmt.Sprintf("%s.match[%d]", field, i)
		if !madeOf(m, hostChars+"/[]") || m == "" {
			b.check.refuse(at, m, "must be an address, a network, a host name, or one of them with :PORT")
		}
	}
	if len(t.Match) > 0 {
		return t.Match
	}
	_, listen := b.sipListen()
	own, _, _ := net.SplitHostPort(listen)
	if host == b.cfg.Network.SidecarAddress || host == own {
		return []string{net.JoinHostPort(host, port)}
	}
	return []string{host}
}

// sipURI escapes the semicolon, which starts a comment in Asterisk's files.
func sipURI(user, host, port, transport string) string {
	if user != "" {
		user = strings.ReplaceAll(user, "@", "%40") + "@"
	}
	uri := "sip:" + user + net.JoinHostPort(host, port)
	if transport != config.TransportUDP {
		uri += `\;transport=` + transport
	}
	return uri
}
