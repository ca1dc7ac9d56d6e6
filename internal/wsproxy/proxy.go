package wsproxy

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// answerTimeout is how long the server may take to take a WebSocket.
const answerTimeout = 5 * time.Second

// Proxy is the door to one WebSocket of another server.
type Proxy struct {
	origins []string
	passOn  *httputil.ReverseProxy

	ctx    context.Context // of all that was passed on
	cancel context.CancelFunc
	mu     sync.Mutex // wg is entered under it while ctx lives
	wg     sync.WaitGroup
}

// New makes a proxy to the target. Pages of the same host may use it, and those of the origins.
func New(target *url.URL, origins []string, log *slog.Logger) *Proxy {
	transport := &http.Transport{ResponseHeaderTimeout: answerTimeout, DisableKeepAlives: true, DisableCompression: true}
	p := &Proxy{origins: origins, passOn: &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			to := *target
			r.Out.URL, r.Out.Host = &to, target.Host
			// What the browser shows us is no business of that server.
			for _, name := range []string{"Authorization", "Cookie", "Origin"} {
				r.Out.Header.Del(name)
			}
		},
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if r.Context().Err() == nil {
				log.Warn("websocket_not_passed_on", "to", target.Host, "error", err)
			}
			http.Error(w, "the server behind this WebSocket does not answer", http.StatusBadGateway)
		},
	}}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

// ServeHTTP passes one WebSocket on and returns when it has ended.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case !has(r.Header, "Connection", "upgrade") || !has(r.Header, "Upgrade", "websocket"):
		w.Header().Set("Upgrade", "websocket")
		http.Error(w, "this is the place of a WebSocket", http.StatusUpgradeRequired)
		return
	case !has(r.Header, "Sec-WebSocket-Protocol", "sip"):
		http.Error(w, `the WebSocket subprotocol must be "sip" (RFC 7118)`, http.StatusBadRequest)
		return
	case !p.allowed(r):
		http.Error(w, "the page's origin is not allowed: see http.allowed_origins", http.StatusForbidden)
		return
	case !p.enter():
		http.Error(w, "shutting down", http.StatusServiceUnavailable)
		return
	}
	defer p.wg.Done()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(p.ctx, cancel)() //nolint:contextcheck // ends with either
	p.passOn.ServeHTTP(w, r.WithContext(ctx))
}

// allowed keeps foreign pages out. A client without Origin is no browser.
func (p *Proxy) allowed(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && (strings.EqualFold(u.Host, r.Host) || slices.Contains(p.origins, origin))
}

func (p *Proxy) enter() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx.Err() != nil {
		return false
	}
	p.wg.Add(1)
	return true
}

// Close ends all WebSockets and returns when they are gone.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.cancel()
	p.mu.Unlock()
	p.wg.Wait()
}

// has reports whether a header lists the token.
func has(h http.Header, name, token string) bool {
	for _, value := range h.Values(name) {
		for part := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.TrimSpace(part), token) {
				return true
			}
		}
	}
	return false
}
