package sip

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"time"
)

// Options says how an endpoint works. Zero values get the defaults named here.
type Options struct {
	Log *slog.Logger
	// UserAgent is the product token of our requests and responses; "sidecar".
	UserAgent string
	// ListenUDP and ListenTCP are the sockets towards upstreams, "127.0.0.1:5070"; empty opens none.
	ListenUDP, ListenTCP string
	// Advertise is the host that Via and Contact name. When empty it is the listening
	// address, or the one that a registrar says it saw (received, rport).
	Advertise string
	// TLS is for connections of ours to upstreams: the authorities, and the name in
	// their certificate (their address when empty). Nil trusts the system's authorities. Nothing listens for TLS.
	TLS *tls.Config

	// OnCall takes new calls of browsers and upstreams, on the call's own goroutine. The dialog is the callee's to answer or reject.
	OnCall func(*Dialog, Call)

	WebSocket WebSocketOptions
	Registrar RegistrarOptions
}

// WebSocketOptions limits what browsers may do.
type WebSocketOptions struct {
	// Origins are the pages that may open a flow ("https://desk.example.com"), besides those of the same host. "*" allows all.
	Origins []string
	// CookieName is the cookie of the upgrade request whose value is a token for REGISTER; empty takes none.
	CookieName string
	// ClientAddr finds the client behind a trusted proxy; nil takes the connection's address.
	ClientAddr func(*http.Request) netip.Addr

	MessageLimit    int           // bytes of one message, at most 32000 (sipgo's buffer, less what we add); 24576
	Rate            float64       // messages per second; 50
	Burst           int           // messages at once; 200
	Queue           int           // messages waiting for the client before it is closed; 256
	PingInterval    time.Duration // 25 s
	PongTimeout     time.Duration // silence after a ping until the flow is dead; 10 s
	WriteTimeout    time.Duration // 10 s
	RegisterTimeout time.Duration // until a REGISTER must have succeeded; 30 s
	MaxFlows        int           // 4096
	MaxFlowsPerPeer int           // flows of one address that have not registered; 64
}

const maxMessage = 32000

func (o *Options) setDefaults() error {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	setDefault(&o.UserAgent, "sidecar")
	w := &o.WebSocket
	setDefault(&w.MessageLimit, 24576)
	setDefault(&w.Rate, 50)
	setDefault(&w.Burst, 200)
	setDefault(&w.Queue, 256)
	setDefault(&w.PingInterval, 25*time.Second)
	setDefault(&w.PongTimeout, 10*time.Second)
	setDefault(&w.WriteTimeout, 10*time.Second)
	setDefault(&w.RegisterTimeout, 30*time.Second)
	setDefault(&w.MaxFlows, 4096)
	setDefault(&w.MaxFlowsPerPeer, 64)
	if w.MessageLimit < 0 || w.MessageLimit > maxMessage {
		return fmt.Errorf("%w: message limit %d, must be 1 to %d bytes", ErrOptions, w.MessageLimit, maxMessage)
	}
	if w.ClientAddr == nil {
		w.ClientAddr = remoteAddr
	}
	return o.Registrar.setDefaults()
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func remoteAddr(r *http.Request) netip.Addr {
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Addr().Unmap()
}
