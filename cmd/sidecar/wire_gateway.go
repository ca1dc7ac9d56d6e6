package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"sidecar/api"
	"sidecar/auth"
	"sidecar/config"
	"sidecar/gateway"
	"sidecar/internal/wsproxy"
	"sidecar/media"
	"sidecar/sip"
	"sidecar/web"
)

// asteriskWSPath leads to Asterisk's own WebSocket.
const asteriskWSPath = "/asterisk-ws"

// buildGateway makes the browsers' side, when a DN needs one, and the page. The media ports and the SIP socket are open
// afterwards; browsers come with the first HTTP request.
func (d *daemon) buildGateway(ctx context.Context) error {
	page := web.Handler()
	for _, pattern := range web.Patterns() {
		d.extra[pattern] = page
	}
	dns, err := d.cfg.ExpandDNs()
	if err != nil {
		return err
	}
	if err = d.buildAsteriskWS(dns); err != nil {
		return err
	}
	dns = slices.DeleteFunc(dns, func(dn config.DN) bool { return dn.Owner != config.OwnerSidecar })
	if len(dns) == 0 {
		return nil
	}
	secrets, err := config.OpenSecrets(d.cfg.DataDir)
	if err != nil {
		return err
	}
	lines, err := newLines(ctx, d.cfg, dns, secrets)
	if err != nil {
		return err
	}
	if d.media, err = media.NewEngine(iceOptions(d.cfg.Gateway.ICE, d.log)); err != nil {
		return fmt.Errorf("gateway.ice: %w", err)
	}
	ours, err := netip.ParseAddr(d.cfg.Network.SidecarAddress)
	if err != nil {
		return fmt.Errorf("network.sidecar_address: %w", err)
	}
	ports := d.cfg.Gateway.RTP
	d.ports, err = media.NewPortPool(ours, uint16(ports.Start), uint16(ports.End), media.DefaultDrain) //nolint:gosec // validated: 1024-65535
	if err != nil {
		return fmt.Errorf("gateway.rtp: %w", err)
	}
	d.gateway, err = gateway.New(gateway.Options{ //nolint:contextcheck // it lives until Close, not until ctx ends
		Log: d.log, SIP: d.sipOptions(lines), Engine: d.media, Ports: d.ports, Upstream: lines.upstream,
		MediaGrace: d.cfg.Gateway.Grace, Pages: pagesPort{d}, OnEvent: d.legs.OnEvent, OnRefer: d.legs.OnRefer, OnLine: d.onLine,
	})
	if err != nil {
		return fmt.Errorf("network.sidecar_sip_port: %w", err)
	}
	d.legs.Attach(d.gateway, d.engine)
	d.upkeep.start(d.gateway)
	d.extra[api.WebSocketPath] = d.gateway.WebSocket()
	return d.buildTURN(ctx, secrets)
}

// buildAsteriskWS lets browsers through that register with Asterisk themselves. Its HTTP server listens on loopback.
func (d *daemon) buildAsteriskWS(dns []config.DN) error {
	owned := func(dn config.DN) bool { return dn.Owner == config.OwnerAsteriskWebRTC }
	if !d.cfg.Gateway.AsteriskWS && !slices.ContainsFunc(dns, owned) {
		return nil
	}
	target, err := url.Parse(d.cfg.Asterisk[0].URL)
	if err != nil {
		return fmt.Errorf("asterisk[0].url: %w", err)
	}
	target.Path = strings.TrimSuffix(target.Path, "/") + "/ws" // JoinPath would make it relative
	d.asteriskWS = wsproxy.New(target, d.cfg.HTTP.AllowedOrigins, d.log)
	d.extra[asteriskWSPath] = d.asteriskWS
	return nil
}

// closeGateway hangs up the browsers' calls and gives the ports back.
func (d *daemon) closeGateway() error {
	var errs []error
	if d.asteriskWS != nil {
		d.asteriskWS.Close()
	}
	if d.gateway != nil {
		d.gateway.Close()
	}
	if d.turn != nil {
		errs = append(errs, d.turn.Close())
	}
	if d.media != nil {
		errs = append(errs, d.media.Close())
	}
	return errors.Join(errs...)
}

// onLine takes how the upstream registration of a DN stands.
func (d *daemon) onLine(l gateway.Line) {
	d.legs.OnLine(l)
	d.upkeep.note(l)
}

// pagesPort commands pages over the feed. The feed's door is made after the gateway, and no page registers before it is open.
type pagesPort struct{ d *daemon }

func (p pagesPort) Present(page string) bool { return p.d.desktops.guide.HasPage(page) }

func (p pagesPort) Do(ctx context.Context, page, verb, callID string) error {
	return p.d.desktops.guide.Command(ctx, page, verb, callID)
}

func (d *daemon) sipOptions(lines *lines) sip.Options {
	n, g := d.cfg.Network, d.cfg.Gateway
	listen := net.JoinHostPort(n.SidecarAddress, strconv.Itoa(n.SidecarSIPPort))
	o := sip.Options{
		Log: d.log, UserAgent: "sidecar/" + version, ListenUDP: listen, ListenTCP: listen,
		WebSocket: sip.WebSocketOptions{Origins: d.cfg.HTTP.AllowedOrigins, CookieName: auth.CookieName, ClientAddr: api.ClientAddr},
		Registrar: sip.RegistrarOptions{Credentials: credentials{lines: lines, tokens: d.auth}, Bearer: true, Grace: g.Grace},
	}
	if g.TakeOver == config.TakeOverRefuse {
		o.Registrar.TakeOver = sip.TakeOverRefuse
	}
	return o
}

func iceOptions(ice config.ICE, log *slog.Logger) media.EngineOptions {
	o := media.EngineOptions{TCP: ice.TCP, Lite: ice.Lite, Logger: log}
	if listen, err := netip.ParseAddrPort(ice.Listen); err == nil { // validated
		o.Listen = []netip.AddrPort{listen}
	}
	for _, text := range ice.NAT1To1 {
		if addr, err := netip.ParseAddr(text); err == nil { // validated
			o.NAT1To1 = append(o.NAT1To1, addr)
		}
	}
	if len(ice.Interfaces) > 0 {
		o.Interfaces = func(name string) bool { return slices.Contains(ice.Interfaces, name) }
	}
	return o
}

// credentials lets phones in: with the password of the DN, or with the token of a user whose DN it is.
type credentials struct {
	lines  *lines
	tokens *auth.Service
}

func (c credentials) Password(dn string) (string, bool) {
	l, ok := c.lines.of[dn]
	if !ok {
		return "", false
	}
	return l.password.Reveal(), true
}

func (c credentials) Token(ctx context.Context, token string) ([]string, error) {
	p, err := c.tokens.Verify(ctx, token)
	if err != nil {
		return nil, err
	}
	return p.DNs, nil
}

// lines are the DNs whose phones are browsers of ours: their secrets, and where each is registered.
type lines struct{ of map[string]phoneLine }

type phoneLine struct {
	password config.Secret // of the phone
	upstream gateway.Upstream
}

func (l *lines) upstream(dn string) (gateway.Upstream, bool) {
	line, ok := l.of[dn]
	return line.upstream, ok
}

func newLines(ctx context.Context, cfg *config.Config, dns []config.DN, secrets *config.Secrets) (*lines, error) {
	if err := secrets.Ensure(nil, dns); err != nil {
		return nil, err
	}
	asterisk, err := asteriskUpstream(ctx, cfg)
	if err != nil {
		return nil, err
	}
	trunks := map[string]gateway.Upstream{}
	l := &lines{of: make(map[string]phoneLine, len(dns))}
	for _, dn := range dns {
		entry := phoneLine{upstream: asterisk}
		if entry.password, err = secrets.Phone(dn); err != nil {
			return nil, err
		}
		if trunk, ok := cfg.UpstreamTrunk(dn); ok {
			if _, known := trunks[trunk.Name]; !known {
				if trunks[trunk.Name], err = trunkUpstream(ctx, trunk); err != nil {
					return nil, err
				}
			}
			entry.upstream = trunks[trunk.Name]
		} else {
			secret, err := secrets.Upstream(dn)
			if err != nil {
				return nil, err
			}
			entry.upstream.Auth = &sip.Auth{User: dn.Number, Password: secret.Reveal()}
		}
		entry.upstream.Codecs, entry.upstream.CallLimit = mediaCodecs(dn.Codecs), dn.MaxCalls
		l.of[dn.Number] = entry
	}
	return l, nil
}

// asteriskUpstream is the registrar of the first Asterisk. One that listens on all addresses is asked where its REST interface is, or
// on our own address when that is on this host.
func asteriskUpstream(ctx context.Context, cfg *config.Config) (gateway.Upstream, error) {
	listen, err := netip.ParseAddrPort(cfg.SIPListenOf(cfg.Asterisk[0]))
	if err != nil {
		return gateway.Upstream{}, fmt.Errorf("sip_listen: %w", err)
	}
	host := listen.Addr().String()
	if listen.Addr().IsUnspecified() {
		rest, errURL := url.Parse(cfg.Asterisk[0].URL)
		if errURL != nil {
			return gateway.Upstream{}, fmt.Errorf("asterisk[0].url: %w", errURL)
		}
		if host = rest.Hostname(); isLoopback(host) {
			host = cfg.Network.SidecarAddress
		}
	}
	up, err := upstreamAt(ctx, host, int(listen.Port()), nil)
	up.Name = gateway.Asterisk
	if !slices.Contains(cfg.Network.Transports, config.TransportUDP) {
		up.Transport = config.TransportTCP
	}
	return up, err
}

// trunkUpstream is a SIP Server that knows the DNs itself.
func trunkUpstream(ctx context.Context, t config.Trunk) (gateway.Upstream, error) {
	host, portText, err := net.SplitHostPort(t.Host)
	if err != nil {
		return gateway.Upstream{}, fmt.Errorf("trunk %s: %w", t.Name, err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return gateway.Upstream{}, fmt.Errorf("trunk %s: port of %s: %w", t.Name, t.Host, err)
	}
	up, err := upstreamAt(ctx, host, port, t.Match)
	if err != nil {
		return gateway.Upstream{}, fmt.Errorf("trunk %s: %w", t.Name, err)
	}
	up.Name, up.Transport = t.Name, t.Transport
	if t.Username != "" {
		up.Auth = &sip.Auth{User: t.Username, Password: t.Password.Reveal()}
	}
	return up, nil
}

// upstreamAt resolves names once, when the daemon starts: the addresses are also those that may call.
func upstreamAt(ctx context.Context, host string, port int, more []string) (gateway.Upstream, error) {
	up := gateway.Upstream{Registrar: net.JoinHostPort(host, strconv.Itoa(port))}
	for _, name := range append([]string{host}, more...) {
		if _, err := netip.ParsePrefix(name); err == nil {
			return up, fmt.Errorf("match %s: %w", name, errNetworkCalls)
		}
		addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
		if err != nil {
			return up, fmt.Errorf("address of %s: %w", name, err)
		}
		for _, addr := range addrs {
			up.Sources = append(up.Sources, addr.Unmap())
		}
	}
	return up, nil
}

var errNetworkCalls = errors.New("DNs are registered at this trunk, so write the addresses that its calls come from, not a network")

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}
