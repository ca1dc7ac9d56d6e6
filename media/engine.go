package media

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/transport/v4/stdnet"
	"github.com/pion/webrtc/v4"
)

const (
	// iceDisconnected and iceFailed are how long consent may be missing. A page that reloads or a network that changes is
	// back within seconds; whoever owns the call decides what to do in between.
	iceDisconnected = 5 * time.Second
	iceFailed       = 25 * time.Second
	iceKeepalive    = 2 * time.Second
	// socketBuffer of the one UDP socket: 400 legs with 50 packets of 200 octets a second fill 1 MiB in a quarter of a second.
	socketBuffer = 4 << 20
	receiveMTU   = 1500
)

// EngineOptions are the settings that all browser legs share.
type EngineOptions struct {
	// Listen are the addresses of the one UDP (and TCP) port: each with the same port. An unspecified address stands
	// for each address of the interfaces that Interfaces keeps.
	Listen []netip.AddrPort
	// TCP adds TCP candidates at the same addresses.
	TCP bool
	// Lite answers ICE checks and sends none (RFC 8445 section 2.5): cheaper, for servers with public addresses.
	Lite bool
	// NAT1To1 are the addresses under which the Listen addresses are seen from outside; they replace them in candidates.
	NAT1To1 []netip.Addr
	// Interfaces says which network interfaces to listen on when Listen is unspecified; nil keeps all.
	Interfaces func(name string) bool
	Logger     *slog.Logger
}

// Engine makes the browser legs' transports. It owns their sockets and their certificate.
type Engine struct {
	log      *slog.Logger
	settings webrtc.SettingEngine
	codecs   *webrtc.MediaEngine
	config   webrtc.Configuration
	lite     bool
	tcp      bool
	muxes    []*udpMux
	closers  []func() error

	mu     sync.Mutex
	closed bool
	peers  map[*pionPeer]struct{}
}

// NewEngine opens the sockets and makes the certificate. Close gives both back.
func NewEngine(opts EngineOptions) (*Engine, error) {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	e := &Engine{log: opts.Logger, lite: opts.Lite, tcp: opts.TCP, peers: map[*pionPeer]struct{}{}}
	if err := e.setUp(opts); err != nil {
		return nil, errors.Join(err, e.closeSockets())
	}
	return e, nil
}

func (e *Engine) setUp(opts EngineOptions) error {
	addrs, err := listenAddrs(&opts)
	if err != nil {
		return err
	}
	settings, err := newSettings(opts, addrs)
	if err != nil {
		return err
	}
	mux, err := e.listen(addrs)
	if err != nil {
		return err
	}
	settings.SetICEUDPMux(mux)
	codecs := &webrtc.MediaEngine{}
	for _, f := range offeredFormats(DefaultCodecs()) {
		if err = codecs.RegisterCodec(pionCodec(f), webrtc.RTPCodecTypeAudio); err != nil {
			return fmt.Errorf("register codec %s: %w", f.Codec, err)
		}
	}
	e.settings, e.codecs = *settings, codecs
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make the DTLS key: %w", err)
	}
	certificate, err := webrtc.GenerateCertificate(key)
	if err != nil {
		return fmt.Errorf("make the DTLS certificate: %w", err)
	}
	e.config = webrtc.Configuration{
		Certificates: []webrtc.Certificate{*certificate}, BundlePolicy: webrtc.BundlePolicyMaxBundle, RTCPMuxPolicy: webrtc.RTCPMuxPolicyRequire,
	}
	return nil
}

func newSettings(opts EngineOptions, addrs []netip.AddrPort) (*webrtc.SettingEngine, error) {
	s := &webrtc.SettingEngine{LoggerFactory: pionLogs{log: opts.Logger}}
	s.SetLite(opts.Lite)
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetICETimeouts(iceDisconnected, iceFailed, iceKeepalive)
	s.SetReceiveMTU(receiveMTU)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6})
	// One look at the interfaces for all legs: which addresses count was settled when the sockets were opened.
	network, err := stdnet.NewNet()
	if err != nil {
		return nil, fmt.Errorf("list the network interfaces: %w", err)
	}
	s.SetNet(network)
	s.SetIPFilter(func(ip net.IP) bool {
		addr, ok := netip.AddrFromSlice(ip)
		return ok && slices.ContainsFunc(addrs, func(a netip.AddrPort) bool { return a.Addr() == addr.Unmap() })
	})
	s.SetIncludeLoopbackCandidate(slices.ContainsFunc(addrs, func(a netip.AddrPort) bool { return a.Addr().IsLoopback() }))
	// Pion must not wait for a first packet of each stream to read: packets come by the inlets and never to a reader.
	s.SetFireOnTrackBeforeFirstRTP(true)
	// Always passive: if we were active after an offer of the browser, its next offer could not be answered alike.
	if err := s.SetAnsweringDTLSRole(webrtc.DTLSRoleServer); err != nil {
		return nil, fmt.Errorf("set the DTLS role: %w", err)
	}
	if len(opts.NAT1To1) == 0 {
		return s, nil
	}
	rule := webrtc.ICEAddressRewriteRule{AsCandidateType: webrtc.ICECandidateTypeHost, Mode: webrtc.ICEAddressRewriteReplace}
	for _, addr := range opts.NAT1To1 {
		rule.External = append(rule.External, addr.String())
	}
	if err := s.SetICEAddressRewriteRules(rule); err != nil {
		return nil, fmt.Errorf("%w: 1:1 NAT addresses %v: %w", ErrConfig, opts.NAT1To1, err)
	}
	return s, nil
}

// Addrs returns the addresses of the UDP sockets.
func (e *Engine) Addrs() []netip.AddrPort {
	addrs := make([]netip.AddrPort, 0, len(e.muxes))
	for _, mux := range e.muxes {
		addr := mux.local.AddrPort()
		addrs = append(addrs, netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port()))
	}
	return addrs
}

// Dropped is the number of datagrams that legs did not read in time; Strangers is the number of those that belonged to none.
func (e *Engine) Dropped() uint64 {
	var n uint64
	for _, m := range e.muxes {
		n += m.dropped.Load()
	}
	return n
}

// Strangers is described with Dropped.
func (e *Engine) Strangers() uint64 {
	var n uint64
	for _, m := range e.muxes {
		n += m.strangers.Load()
	}
	return n
}

// Close ends all Peers and closes the sockets.
func (e *Engine) Close() error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	var peers []*pionPeer
	for p := range e.peers {
		peers = append(peers, p)
	}
	e.mu.Unlock()
	var errs []error
	for _, p := range peers {
		errs = append(errs, p.Close())
	}
	return errors.Join(append(errs, e.closeSockets())...)
}

func (e *Engine) closeSockets() error {
	var errs []error
	for _, closeMux := range e.closers {
		errs = append(errs, closeMux())
	}
	return errors.Join(errs...)
}

func pionCodec(f Format) webrtc.RTPCodecParameters {
	facts := f.Codec.facts()
	channels := uint16(facts.channels)
	if channels == 1 {
		channels = 0 // Pion's word for "not written"
	}
	return webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: "audio/" + facts.name, ClockRate: facts.clock, Channels: channels, SDPFmtpLine: f.Params},
		PayloadType:        webrtc.PayloadType(f.PayloadType),
	}
}
