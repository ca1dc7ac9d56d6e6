package pjsipgen

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"sidecar/config"
)

// Contexts by which calls enter the dialplan.
const (
	ContextAgents  = "from-agents"
	ContextTrunk   = "from-trunk"
	ContextGenesys = "from-genesys"
	// ContextFallback is where the engine continues a call that it can't deliver; the extension is the DN, or the
	// number that the trunk called.
	ContextFallback = "sidecar-fallback"
	contextPeers    = "sidecar-peers"
)

// PeerName is the endpoint by which the other Asterisks of a sidecar know a server: PJSIP/5001@peer-pbx1 rings the phone
// that is registered there.
func PeerName(server string) string { return "peer-" + server }

// ChannelVars are the channel variables that come with every event: the leg that a phone of ours named, and the call
// and party that the engine wrote on the channel. Behind them come those that user data is made of.
const ChannelVars = "SIDECAR_LEG,SIDECAR_PARTY,SIDECAR_CALLUUID"

// Secrets gives the passwords that the files hold.
type Secrets interface {
	Phone(dn config.DN) (config.Secret, error)
	Upstream(dn config.DN) (config.Secret, error)
	ARIPassword(server config.Asterisk) (config.Secret, error)
}

// Input is what a model is made from.
type Input struct {
	Config  *config.Config
	DNs     []config.DN // what Config.ExpandDNs gives
	Secrets Secrets
	Server  string // id of the Asterisk; empty: the first
	Source  string // where the configuration came from, for the head of each file
}

// Build makes the model. The error is an *InvalidError that lists every setting that can't be written, or what a secret
// could not be read for.
func Build(in Input) (*Model, error) {
	server, err := findServer(in.Config, in.Server)
	if err != nil {
		return nil, err
	}
	b := &builder{in: in, cfg: in.Config, server: server, check: &checker{}}
	m := b.model()
	if err := b.check.err(); err != nil {
		return nil, err
	}
	if b.secretErr != nil {
		return nil, b.secretErr
	}
	return m, nil
}

func findServer(cfg *config.Config, id string) (config.Asterisk, error) {
	ids := make([]string, len(cfg.Asterisk))
	for i, server := range cfg.Asterisk {
		if id == "" || server.ID == id {
			return server, nil
		}
		ids[i] = server.ID
	}
	return config.Asterisk{}, fmt.Errorf("%q: %w; there is %s", id, ErrServer, cmp.Or(strings.Join(ids, ", "), "none"))
}

type builder struct {
	in        Input
	cfg       *config.Config
	server    config.Asterisk
	check     *checker
	secretErr error
	head      Head

	byNumber  map[string]config.DN
	mailboxes []string
}

func (b *builder) model() *Model {
	b.byNumber = make(map[string]config.DN, len(b.in.DNs))
	for _, dn := range b.in.DNs {
		b.byNumber[dn.Number] = dn
	}
	b.check.line("source", b.in.Source)
	b.head = Head{Source: cmp.Or(b.in.Source, "defaults")}
	m := &Model{Head: b.head}
	m.HTTP = b.http()
	m.PJSIP = b.pjsip(m)
	m.Dialplan = b.dialplan(m.PJSIP)
	password := b.secret("ARI password", func() (config.Secret, error) { return b.in.Secrets.ARIPassword(b.server) })
	b.check.name(b.field("user"), b.server.User)
	b.check.secret(b.field("password"), password)
	m.ARI = ARI{Head: b.head, User: b.server.User, App: m.Dialplan.App, Password: password, ChannelVars: b.channelVars()}
	m.Outbound.Head = b.head
	if b.server.Connect == config.ConnectAccept {
		m.ARI.Outbound = "sidecar-socket"
		m.Outbound = Outbound{
			Head: b.head,
			URI:  "ws://" + reachable(b.cfg.HTTP.Listen, b.cfg.Network.SidecarAddress) + OutboundPath + b.server.ID,
			User: b.server.User, Password: password,
		}
	}
	m.RTP = b.rtp(m.PJSIP)
	m.Music = Music{Head: b.head, Classes: musicClasses(b.cfg.Calls.MusicClass)}
	b.check.name("calls.music_class", m.Music.Classes[len(m.Music.Classes)-1])
	m.Modules = Modules{Head: b.head, Modules: modules(len(b.mailboxes) > 0, len(m.PJSIP.Peers) > 0)}
	m.Nginx = b.nginx()
	m.Widget = b.widget()
	return m
}

// OutboundPath is where an Asterisk that opens the event socket itself (connect: accept) finds the sidecar; the id of
// the server follows.
const OutboundPath = "/asterisk/events/"

func (b *builder) field(name string) string { return "asterisk[" + b.server.ID + "]." + name }

func (b *builder) secret(what string, get func() (config.Secret, error)) config.Secret {
	s, err := get()
	if err != nil && b.secretErr == nil {
		b.secretErr = fmt.Errorf("%s: %w", what, err)
	}
	return s
}

func (b *builder) http() HTTP {
	u, err := url.Parse(b.server.URL)
	if err != nil || u.Scheme != "http" || u.Port() == "" || strings.Trim(u.Path, "/") != "" {
		b.check.refuse(b.field("url"), b.server.URL, "write http://ADDRESS:PORT, such as http://127.0.0.1:8089: Asterisk's web server is bound to it")
		return HTTP{}
	}
	b.check.host(b.field("url"), u.Hostname())
	return HTTP{Head: b.head, Address: u.Hostname(), Port: u.Port()}
}

func (b *builder) rtp(p PJSIP) RTP {
	r := RTP{Head: b.head, Start: b.cfg.Network.RTP.Start, End: b.cfg.Network.RTP.End, ICE: p.HasWebRTC}
	if r.Start < 1024 || r.End > 65535 || r.Start >= r.End {
		b.check.refuse("network.rtp", fmt.Sprintf("%d-%d", r.Start, r.End), "start and end are ports from 1024 to 65535, start below end")
	}
	if p.HasWebRTC && p.MediaAddress != "" {
		r.LocalAddress, r.ExternalAddress = p.MediaAddress, b.cfg.Network.ExternalAddress
	}
	return r
}

func musicClasses(configured string) []string {
	if configured == "" || configured == "default" {
		return []string{"default"}
	}
	return []string{"default", configured}
}

func (b *builder) nginx() Nginx {
	b.check.hostPort("http.listen", b.cfg.HTTP.Listen)
	return Nginx{
		Head:       b.head,
		Sidecar:    reachable(b.cfg.HTTP.Listen, "127.0.0.1"),
		ServerName: "_",
		// nginx must not cut a long poll that the feed still holds.
		ReadTimeout: int(b.cfg.CTI.HoldTime.Seconds()) + 60,
	}
}

func (b *builder) widget() Widget {
	at := reachable(b.cfg.HTTP.Listen, cmp.Or(b.cfg.Network.ExternalAddress, b.cfg.Network.SidecarAddress))
	generated := "Generated by sidecar from " + b.head.Source + "; do not edit: sidecar generate replaces this file"
	return Widget{Generated: quoteJSON(generated), SIPServer: quoteJSON("ws://" + at + "/ws"), GWSURL: quoteJSON("http://" + at)}
}

func quoteJSON(text string) string {
	quoted, _ := json.Marshal(text) // a string always marshals
	return string(quoted)
}

// reachable gives the address under which a listener is reached: one that listens everywhere is reached at host.
func reachable(listen, host string) string {
	bound, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if !isWildcard(bound) {
		host = bound
	}
	return net.JoinHostPort(host, port)
}

func isWildcard(host string) bool {
	return slices.Contains([]string{"", "*", "0.0.0.0", "::"}, host)
}
