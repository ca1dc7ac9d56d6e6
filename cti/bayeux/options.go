package bayeux

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Defaults of Options.
const (
	// DefaultTimeout stays below the 60 s after which nginx gives up on a silent upstream.
	DefaultTimeout = 30 * time.Second
	// DefaultMaxInterval lets a session survive a network cut of one minute.
	DefaultMaxInterval          = 60 * time.Second
	DefaultMaxQueue             = 1000
	DefaultMaxQueueBytes        = 4 << 20
	DefaultMaxMessageSize       = 64 << 10
	DefaultMaxBatch             = 512
	DefaultMaxMessageRate       = 500
	DefaultMaxHandshakeRate     = 2
	DefaultMaxStrangers         = 512
	DefaultMaxSubscriptions     = 256
	DefaultMaxPerPrincipal      = 32
	DefaultMaxHoldsPerBrowser   = 4
	DefaultMultiSessionInterval = 2 * time.Second
	DefaultWriteTimeout         = 10 * time.Second
)

// Options configure a Server. Zero values mean the defaults above; only Policy has none.
type Options struct {
	Policy Policy
	Hooks  Hooks
	// Logger gets one line per session's start and end. Nil discards.
	Logger *slog.Logger

	// WebSocket offers the WebSocket transport beside long-polling. Without it an upgrade is refused at once, which
	// makes clients fall back.
	WebSocket bool
	// AcceptSocket, if set, is asked before an upgrade; false refuses it with 401, and the client goes on by long-polling.
	// A page can add no header to an upgrade: one that authenticates by a header, with a client that prefers WebSocket,
	// would be refused at its handshake otherwise, and stop.
	AcceptSocket func(r *http.Request) bool
	// ConnectOnly lets events over WebSocket travel on connect replies alone, as they always do over long-polling, instead
	// of pushing them: each waits for the client's next connect then.
	ConnectOnly bool
	// HandshakePerSocket refuses, as an unknown session, a client that comes back on a new WebSocket without
	// a handshake. A page that was reloaded, or whose network was cut, loses its session then.
	HandshakePerSocket bool

	// Timeout is how long a connect is held when nothing happens.
	Timeout time.Duration
	// Interval is how long clients wait between a connect's reply and their next connect.
	Interval time.Duration
	// MaxInterval is how much longer than Interval a session lives without a connect.
	MaxInterval time.Duration
	// WriteTimeout bounds the reading of a request's body and the writing of its reply or frame. A session whose WebSocket
	// takes nothing for so long is ended; so is a WebSocket that has not spoken for a session in that time.
	WriteTimeout time.Duration
	// RehandshakeSpread, when positive, spreads the handshakes after a restart: each client whose session is unknown
	// is advised an interval drawn between zero and this.
	RehandshakeSpread time.Duration

	// MaxQueue and MaxQueueBytes bound what is kept for a session: events that wait, are being written or are not
	// acknowledged, each with the bytes that it has on the wire, whoever shares them. What was written to a WebSocket and not
	// confirmed gives way; beyond that, one event more ends the session.
	MaxQueue      int
	MaxQueueBytes int
	// MaxMessageSize bounds a request's body or a WebSocket's frame, in bytes.
	MaxMessageSize int
	// MaxBatch bounds the messages of one request or frame. They are small on the wire and not in memory.
	MaxBatch int
	// MaxMessageRate bounds what a session sends, in messages per second; twice as many may come at once. More are refused,
	// each with an error of its own, and a connect with the advice to wait. -1 lifts the bound.
	MaxMessageRate int
	// MaxSubscriptions bounds the channels of one session.
	MaxSubscriptions int
	// MaxSessionsPerPrincipal bounds the sessions of one principal. One more replaces the longest idle of them that has no
	// connect under way; if all have one, the handshake is refused for the time being.
	MaxSessionsPerPrincipal int
	// MaxHandshakeRate bounds the handshakes of one principal, per second; twice as many as it may have sessions may come at
	// once. More are refused for the time being. -1 lifts the bound.
	MaxHandshakeRate int
	// MaxStrangersPerAddress bounds the WebSockets of one address that have not spoken for a session yet. One more is
	// refused with 429. Afterwards they count for their principal, who may have twice as many as sessions.
	MaxStrangersPerAddress int
	// ClientAddress tells where a request comes from; nil means the connection's other end, which may be a proxy.
	ClientAddress func(r *http.Request) string
	// MaxHoldsPerBrowser bounds the connects held for one browser over HTTP/1.1, where each occupies one of
	// the few connections that the browser opens per host; -1 lifts the bound. Tabs beyond it poll every
	// MultiSessionInterval. HTTP/2 and clients without cookies are not counted.
	MaxHoldsPerBrowser   int
	MultiSessionInterval time.Duration

	// AllowedOrigins are the exact origins ("https://desk.example.com") of pages on other hosts that may use the
	// server. A page of the host that the request names is always allowed.
	AllowedOrigins []string
	// SecureCookies marks the cookie Secure although TLS ends before this server.
	SecureCookies bool
	// BindCookie refuses, as an unknown session, a request whose BAYEUX_BROWSER cookie is missing or not the one of
	// the session's handshake. Off by default: the principal protects sessions, and clients without a cookie jar
	// would never connect.
	BindCookie bool
	// ExcludePublisher keeps a client's own messages from coming back to it.
	ExcludePublisher bool
}

func (o Options) withDefaults() (Options, error) {
	if o.Policy == nil {
		return o, fmt.Errorf("%w: Policy is missing", ErrOptions)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.ClientAddress == nil {
		o.ClientAddress = peerAddress
	}
	if err := o.setDurations(); err != nil {
		return o, err
	}
	if err := o.setBounds(); err != nil {
		return o, err
	}
	return o, checkOrigins(o.AllowedOrigins)
}

func (o *Options) setDurations() error {
	durations := []struct {
		name     string
		value    *time.Duration
		fallback time.Duration
	}{
		{"Timeout", &o.Timeout, DefaultTimeout},
		{"Interval", &o.Interval, 0},
		{"MaxInterval", &o.MaxInterval, DefaultMaxInterval},
		{"WriteTimeout", &o.WriteTimeout, DefaultWriteTimeout},
		{"RehandshakeSpread", &o.RehandshakeSpread, 0},
		{"MultiSessionInterval", &o.MultiSessionInterval, DefaultMultiSessionInterval},
	}
	for _, d := range durations {
		if *d.value < 0 {
			return fmt.Errorf("%w: %s is %v, must not be negative", ErrOptions, d.name, *d.value)
		}
		if *d.value == 0 {
			*d.value = d.fallback
		}
	}
	return nil
}

func (o *Options) setBounds() error {
	bounds := []struct {
		name     string
		value    *int
		fallback int
		lowest   int
	}{
		{"MaxQueue", &o.MaxQueue, DefaultMaxQueue, 1},
		{"MaxQueueBytes", &o.MaxQueueBytes, DefaultMaxQueueBytes, 1},
		{"MaxMessageSize", &o.MaxMessageSize, DefaultMaxMessageSize, 1},
		{"MaxBatch", &o.MaxBatch, DefaultMaxBatch, 1},
		{"MaxMessageRate", &o.MaxMessageRate, DefaultMaxMessageRate, -1},
		{"MaxHandshakeRate", &o.MaxHandshakeRate, DefaultMaxHandshakeRate, -1},
		{"MaxStrangersPerAddress", &o.MaxStrangersPerAddress, DefaultMaxStrangers, 1},
		{"MaxSubscriptions", &o.MaxSubscriptions, DefaultMaxSubscriptions, 1},
		{"MaxSessionsPerPrincipal", &o.MaxSessionsPerPrincipal, DefaultMaxPerPrincipal, 1},
		{"MaxHoldsPerBrowser", &o.MaxHoldsPerBrowser, DefaultMaxHoldsPerBrowser, -1},
	}
	for _, b := range bounds {
		if *b.value == 0 {
			*b.value = b.fallback
		}
		if *b.value < b.lowest {
			return fmt.Errorf("%w: %s is %d, must be at least %d", ErrOptions, b.name, *b.value, b.lowest)
		}
	}
	return nil
}

// checkOrigins refuses what could never equal a browser's Origin header; "*" is not possible together with
// credentials.
func checkOrigins(origins []string) error {
	for _, origin := range origins {
		u, err := url.Parse(origin)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" ||
			origin != strings.ToLower(u.Scheme+"://"+u.Host) {
			return fmt.Errorf("%w: AllowedOrigins: %q is not an origin, want scheme://host[:port] in lower case", ErrOptions, origin)
		}
	}
	return nil
}
