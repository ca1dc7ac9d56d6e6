package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"sidecar/api"
	"sidecar/auth"
	"sidecar/config"
	"sidecar/media"
)

// registerExpires is what pages are asked to register for: a page that is gone without a word is missed that soon.
const registerExpires = 5 * time.Minute

// buildTURN starts our TURN server when it is to listen anywhere. It relays to the browsers' media port and nowhere else.
func (d *daemon) buildTURN(ctx context.Context, secrets *config.Secrets) error {
	t := d.cfg.Gateway.TURN
	if !t.Enabled() {
		return nil
	}
	secret, err := secrets.TURN()
	if err != nil {
		return err
	}
	o := media.TURNOptions{
		UDP: addrsOf(t.ListenUDP), TCP: addrsOf(t.ListenTCP), TLS: addrsOf(t.ListenTLS),
		RelayIP: d.media.Addrs()[0].Addr(), RelayTo: d.media.Addrs(), Outside: d.outsideAddrs(), Realm: t.Realm, Secret: secret.Reveal(), TTL: t.TTL, Logger: d.log,
	}
	if d.certificate != nil {
		o.TLSConfig = d.certificate.Config()
		o.TLSConfig.NextProtos = nil // TURN clients name their own protocol or none
	}
	if d.turn, err = media.NewTURNServer(ctx, o); err != nil {
		return fmt.Errorf("gateway.turn: %w", err)
	}
	return nil
}

// addrsOf is the address that was configured, if any.
func addrsOf(listen string) []netip.AddrPort {
	addr, err := netip.ParseAddrPort(listen) // validated
	if err != nil {
		return nil
	}
	return []netip.AddrPort{addr}
}

// outsideAddrs are what pages are told of the media port behind a 1:1 NAT.
func (d *daemon) outsideAddrs() []netip.AddrPort {
	var addrs []netip.AddrPort
	for _, text := range d.cfg.Gateway.ICE.NAT1To1 {
		if outside, err := netip.ParseAddr(text); err == nil { // validated
			addrs = append(addrs, netip.AddrPortFrom(outside, d.media.Addrs()[0].Port()))
		}
	}
	return addrs
}

// phonePort tells a page how it makes calls.
type phonePort struct {
	d      *daemon
	codecs map[string][]string // of each DN
}

func (d *daemon) newPhonePort() (phonePort, error) {
	dns, err := d.cfg.ExpandDNs()
	if err != nil {
		return phonePort{}, err
	}
	p := phonePort{d: d, codecs: make(map[string][]string, len(dns))}
	for _, dn := range dns {
		p.codecs[dn.Number] = dn.Codecs
	}
	return p, nil
}

func (p phonePort) settings(who auth.Principal) (api.PhoneSettings, error) {
	s := api.PhoneSettings{RegisterExpires: registerExpires}
	for _, dn := range who.DNs {
		for _, codec := range mediaCodecs(p.codecs[dn]) {
			if !slices.Contains(s.Codecs, codec.String()) {
				s.Codecs = append(s.Codecs, codec.String())
			}
		}
	}
	g := p.d.cfg.Gateway
	for _, server := range g.ICEServers {
		entry := api.ICEServer{URLs: server.URLs, Username: server.Username, Credential: server.Credential.Reveal()}
		if server.Secret != "" {
			c, err := media.NewTURNCredentials(server.Secret.Reveal(), who.ID(), g.TURN.TTL)
			if err != nil {
				return s, err
			}
			entry.Username, entry.Credential, s.TTL = c.Username, c.Password, c.TTL
		}
		s.ICEServers = append(s.ICEServers, entry)
	}
	if p.d.turn != nil {
		c, err := p.d.turn.Credentials(who.ID())
		if err != nil {
			return s, err
		}
		s.ICEServers = append(s.ICEServers, api.ICEServer{URLs: p.d.turnURLs(), Username: c.Username, Credential: c.Password})
		s.TTL = c.TTL
	}
	return s, nil
}

// turnURLs name our TURN server as RFC 7065 does.
func (d *daemon) turnURLs() []string {
	var urls []string
	for _, kind := range []struct{ of, scheme, transport string }{{"udp", "turn", "udp"}, {"tcp", "turn", "tcp"}, {"tls", "turns", "tcp"}} {
		for _, addr := range d.turn.Addrs(kind.of) {
			host := d.cfg.Gateway.TURN.ExternalAddress
			if host == "" {
				host = addr.Addr().String()
			}
			urls = append(urls, kind.scheme+":"+net.JoinHostPort(host, fmt.Sprint(addr.Port()))+"?transport="+kind.transport)
		}
	}
	return urls
}

// mediaCodecs are codecs of the settings in package media's terms.
func mediaCodecs(names []string) []media.Codec {
	known := map[string]media.Codec{"ulaw": media.PCMU, "alaw": media.PCMA, "g722": media.G722, "opus": media.Opus}
	codecs := make([]media.Codec, 0, len(names))
	for _, name := range names {
		if codec, ok := known[name]; ok { // validated
			codecs = append(codecs, codec)
		}
	}
	return codecs
}
