package gateway

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"time"

	"sidecar/media"
	"sidecar/sip"
)

// Options says how a gateway works. Engine, Ports, Upstream and SIP's credentials are required.
type Options struct {
	Log *slog.Logger
	// SIP are the endpoint's options. OnCall is the gateway's; Registrar.OnEvent is told after the gateway.
	SIP    sip.Options
	Engine *media.Engine
	Ports  *media.PortPool
	// Upstream says where a DN is registered; false for a DN that has no media here. It must be quick.
	Upstream func(dn string) (Upstream, bool)
	// Lease is asked before every REGISTER of a DN; an error means that another process owns its registration. Nil: always ours.
	Lease func(ctx context.Context, dn string) error
	// Codecs in order of preference; media.DefaultCodecs when empty.
	Codecs []media.Codec
	// Advertise and BehindNAT are those of media.RTPOptions.
	Advertise netip.Addr
	BehindNAT bool
	// Sound makes what the upstream hears while a browser holds or is away; silence when nil. It is asked per use.
	Sound func() media.Sound
	// CallLimit is how many calls a DN may have before a further one is busy; 2, the second one waiting.
	CallLimit int
	// MediaGrace is how long a call outlives its browser's media, or its browser; 20 s.
	MediaGrace time.Duration
	// Silence is how long neither RTP nor RTCP comes from an upstream before it is asked whether it still has the call; 30 s.
	Silence time.Duration
	// RingLimit is how long a phone rings whose caller doesn't give up; 5 minutes, longer than any PBX lets a DN ring.
	RingLimit time.Duration
	// OnEvent is told what happens to calls, in order per call, from the call's goroutine. It must not block.
	OnEvent func(Event)
	// OnLine is told when the registration of a DN at its upstream begins, fails or ends. It must not block.
	OnLine func(Line)
	// Pages reaches our own agent page; nil when there is none.
	Pages Pages
	// OnRefer is told of a transfer that a phone asked for and that was accepted; ReferResult says what came of it. It is
	// called like OnEvent. Nil refuses transfers.
	OnRefer func(Referral)
}

// Pages commands instances of our own agent page, each by the id that it registers with.
type Pages interface {
	// Present reports whether the page can be told anything. It must be quick.
	Present(page string) bool
	// Do makes the page answer, hold, retrieve or hang up the call that it has under the SIP Call-ID, or tells it, without a
	// Call-ID, that we drain or that its DN is taken, and returns when the page has said that it did.
	Do(ctx context.Context, page, verb, callID string) error
}

// Asterisk is the Upstream.Name of the PBX that is ours: the one with which legs have a common name.
const Asterisk = "asterisk"

// Upstream is the PBX of a DN.
type Upstream struct {
	// Name is Asterisk (or empty, which means the same) or the name of a trunk.
	Name string
	// Codecs of the DN in order of preference, on both sides; Options.Codecs when empty.
	Codecs []media.Codec
	// CallLimit of the DN; Options.CallLimit when 0.
	CallLimit int
	// Registrar is its host:port; Transport "udp" (default), "tcp" or "tls".
	Registrar, Transport string
	// Proxy is where calls are sent when that isn't the registrar.
	Proxy string
	// Domain is the host of the DN's address of record; the registrar's host when empty.
	Domain string
	Auth   *sip.Auth
	// Sources are the addresses that may call the DN; the registrar's when it is given as an IP address.
	Sources []netip.Addr
	Expires time.Duration
}

// calls reports whether the address is one of the PBX.
func (u *Upstream) calls(source string) bool {
	from, err := netip.ParseAddrPort(source)
	if err != nil {
		return false
	}
	if len(u.Sources) > 0 {
		return slices.Contains(u.Sources, from.Addr().Unmap())
	}
	registrar, err := netip.ParseAddr(u.host())
	return err == nil && registrar == from.Addr().Unmap()
}

func (u *Upstream) host() string {
	if host, _, err := net.SplitHostPort(u.Registrar); err == nil {
		return host
	}
	return u.Registrar
}

// paired reports whether the PBX knows our legs by name.
func (u *Upstream) paired() bool { return u.Name == "" || u.Name == Asterisk }

// uri is the Request-URI of a number at the PBX.
func (u *Upstream) uri(number string) string {
	uri := "sip:" + number + "@" + u.Registrar
	if u.Transport == "tcp" || u.Transport == "tls" {
		uri += ";transport=" + u.Transport
	}
	return uri
}

func (o *Options) setDefaults() error {
	switch {
	case o.Engine == nil:
		return fmt.Errorf("%w: Engine is missing, it makes the browsers' transports", ErrOptions)
	case o.Ports == nil:
		return fmt.Errorf("%w: Ports is missing, it holds the RTP ports", ErrOptions)
	case o.Upstream == nil:
		return fmt.Errorf("%w: Upstream is missing, it says where DNs are registered", ErrOptions)
	case o.CallLimit < 0 || o.MediaGrace < 0 || o.Silence < 0 || o.RingLimit < 0:
		return fmt.Errorf("%w: CallLimit, MediaGrace, Silence and RingLimit can't be negative", ErrOptions)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if len(o.Codecs) == 0 {
		o.Codecs = media.DefaultCodecs()
	}
	if o.Sound == nil {
		o.Sound = func() media.Sound { return media.Silence }
	}
	if o.CallLimit == 0 {
		o.CallLimit = 2
	}
	if o.MediaGrace == 0 {
		o.MediaGrace = 20 * time.Second
	}
	if o.Silence == 0 {
		o.Silence = 30 * time.Second
	}
	if o.RingLimit == 0 {
		o.RingLimit = 5 * time.Minute
	}
	if o.Pages == nil {
		o.Pages = noPages{}
	}
	if o.OnLine == nil {
		o.OnLine = func(Line) {}
	}
	if o.OnEvent == nil {
		o.OnEvent = func(Event) {}
	}
	return nil
}
