package ari

import (
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"sidecar/internal/backoff"
)

// Carrier says how REST requests travel.
type Carrier int

const (
	// OverHTTP sends each request as an HTTP request. It works while the event
	// socket is away.
	OverHTTP Carrier = iota
	// OverSocket sends requests through the event socket: one connection, and
	// answers in order with events.
	OverSocket
)

// Defaults of Config.
const (
	DefaultTimeout      = 10 * time.Second
	DefaultPingInterval = 10 * time.Second
	DefaultPongTimeout  = 5 * time.Second
	DefaultQueueSize    = 8192
	DefaultSlowRetry    = 15 * time.Second
)

// Config describes the connection to one Asterisk.
type Config struct {
	// Server is how we call this Asterisk; it is on every event and key.
	Server ServerID
	// URL is the address of ARI, as http://127.0.0.1:8089/ari. It may be empty
	// when Acceptor is set and REST goes over the socket.
	URL string
	// User and Password are sent in the Authorization header only.
	User     string
	Password Secret
	// App is the name of the Stasis application.
	App string
	// SubscribeAll receives events of everything in Asterisk, not only of what
	// is in the application.
	SubscribeAll bool
	// EventSources are subscribed at every connect before Connected is
	// delivered, as endpoint:PJSIP or deviceState:Stasis:queue.
	EventSources []string
	// Ignore are types of events that Asterisk is told to keep to itself, at every
	// connect. Most of what it tells of a call is ChannelVarset.
	Ignore []EventType
	// RESTOver says how requests travel.
	RESTOver Carrier
	// Timeout is the deadline of requests whose context has none, and of the
	// steps of connecting.
	Timeout time.Duration
	// PingInterval and PongTimeout bound how long a dead peer stays unnoticed:
	// their sum without any frame means half-open.
	PingInterval, PongTimeout time.Duration
	// QueueSize bounds the events that wait for their consumer. When it is full
	// the connection is given up, see Client.Events.
	QueueSize int
	// Backoff spaces out attempts to reconnect; SlowRetry those after a wrong
	// password or version, which only a human can mend.
	Backoff   backoff.Policy
	SlowRetry time.Duration
	// Acceptor makes the client wait for Asterisk's outbound websocket instead
	// of dialling.
	Acceptor *Acceptor
	// Logger may be nil.
	Logger *slog.Logger
}

func (cfg Config) withDefaults() Config {
	if cfg.Timeout <= 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.PingInterval <= 0 {
		cfg.PingInterval = DefaultPingInterval
	}
	if cfg.PongTimeout <= 0 {
		cfg.PongTimeout = DefaultPongTimeout
	}
	if cfg.QueueSize <= 0 {
		cfg.QueueSize = DefaultQueueSize
	}
	if cfg.SlowRetry <= 0 {
		cfg.SlowRetry = DefaultSlowRetry
	}
	if cfg.Backoff.Max <= 0 {
		cfg.Backoff.Max = backoff.DefaultMax
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return cfg
}

func (cfg Config) validate() error {
	if cfg.App == "" || strings.ContainsAny(cfg.App, ", \t\r\n") {
		return fmt.Errorf("%w: App %q must be one non-empty name without commas or blanks", ErrConfig, cfg.App)
	}
	if cfg.URL == "" {
		if cfg.Acceptor == nil || cfg.RESTOver == OverHTTP {
			return fmt.Errorf("%w: URL is needed to dial and for REST over HTTP", ErrConfig)
		}
		return nil
	}
	u, err := url.Parse(cfg.URL)
	if err != nil {
		// The parser's own error repeats the URL, which may hold a password.
		return fmt.Errorf("%w: URL can't be parsed, want http://HOST:PORT/ari", ErrConfig)
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("%w: URL scheme %q, want http or https", ErrConfig, u.Scheme)
	case u.Host == "":
		return fmt.Errorf("%w: URL has no host, want http://HOST:PORT/ari", ErrConfig)
	case u.User != nil || u.RawQuery != "":
		return fmt.Errorf("%w: URL must hold neither credentials nor a query, use User and Password", ErrConfig)
	case cfg.User == "":
		return fmt.Errorf("%w: User is empty", ErrConfig)
	}
	return nil
}

func (cfg Config) base() string { return strings.TrimRight(cfg.URL, "/") }

// socketURL is where the event socket is; the application's name is no secret.
func (cfg Config) socketURL() string {
	q := url.Values{"app": {cfg.App}}
	if cfg.SubscribeAll {
		q.Set("subscribeAll", "true")
	}
	return "ws" + strings.TrimPrefix(cfg.base(), "http") + "/events?" + q.Encode()
}
