package connector

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// Limits of what a page may keep us waiting with.
const (
	maxBody       = 64 << 10
	headerTimeout = 5 * time.Second
	requestTime   = 10 * time.Second
	stopTime      = 2 * time.Second
)

// Connector answers desktops.
type Connector struct {
	origins []string
	phones  Phones
	log     *slog.Logger
	mux     *http.ServeMux

	mu      sync.Mutex
	users   []string          // the DNs that the desktop has registered
	devices map[string]any    // volumes and mutes, which are the page's own matter: kept to be given back
	reports map[string]string // what was last logged of a DN
}

// New makes a connector. It fails with ErrNoOrigin or ErrOrigin.
func New(o Options) (*Connector, error) {
	if err := checkOrigins(o.Origins); err != nil {
		return nil, err
	}
	c := &Connector{
		origins: o.Origins, phones: o.Phones, log: o.Log, mux: http.NewServeMux(), devices: map[string]any{}, reports: map[string]string{},
	}
	c.routes()
	return c, nil
}

// ServeHTTP answers a request, if its page may ask.
func (c *Connector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("Vary", "Origin")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if !ofThisMachine(r.Host) {
		refuse(w, http.StatusMisdirectedRequest, errHost)
		return
	}
	if !c.mayAsk(r) {
		c.log.Warn("origin_refused", "origin", r.Header.Get("Origin"), "path", r.URL.Path)
		refuse(w, http.StatusForbidden, errForeign)
		return
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		w.Header().Set("Access-Control-Allow-Origin", origin)
		w.Header().Set("Access-Control-Allow-Credentials", "true")
	}
	if r.Method == http.MethodOptions {
		preflight(w, r)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), requestTime)
	defer cancel()
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	c.mux.ServeHTTP(w, r.WithContext(ctx))
}

// mayAsk looks at the origin, which a page can't forge. Requests that change something must have one; others come without
// it only from pages of our own and from programs on this machine.
func (c *Connector) mayAsk(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin != "" {
		return slices.Contains(c.origins, origin)
	}
	site := r.Header.Get("Sec-Fetch-Site")
	return r.Method == http.MethodGet && (site == "" || site == "same-origin" || site == "none")
}

// ofThisMachine refuses names that somebody else's name server makes ours: a page under such a name would be of our origin.
func ofThisMachine(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.IsLoopback()
}

// preflight answers a browser's question. Chrome asks for the way into this machine besides.
func preflight(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Methods", "GET, POST, DELETE")
	w.Header().Set("Access-Control-Allow-Headers", "Content-Type, Accept, X-Requested-With")
	w.Header().Set("Access-Control-Max-Age", "600")
	if r.Header.Get("Access-Control-Request-Private-Network") == "true" {
		w.Header().Set("Access-Control-Allow-Private-Network", "true")
	}
	w.WriteHeader(http.StatusNoContent)
}

// Serve answers by HTTPS on the listener until ctx ends. It fails with ErrNotLoopback unless that is of this machine.
func (c *Connector) Serve(ctx context.Context, listener net.Listener, certificate *tls.Config) error {
	if err := CheckListen(listener.Addr().String()); err != nil {
		return errors.Join(err, listener.Close())
	}
	s := &http.Server{
		Handler: c, TLSConfig: certificate, ReadHeaderTimeout: headerTimeout, ReadTimeout: requestTime, IdleTimeout: time.Minute, MaxHeaderBytes: maxBody,
		ErrorLog: slog.NewLogLogger(c.log.Handler(), slog.LevelDebug), // browsers that don't trust the certificate yet
	}
	ended := make(chan error, 1)
	go func() { ended <- s.ServeTLS(listener, "", "") }() // joined by ended
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	err := s.Shutdown(stop)
	if err != nil {
		err = errors.Join(err, s.Close())
	}
	return errors.Join(err, serverEnd(<-ended))
}

// serverEnd is what ended the server, if it was not Shutdown.
func serverEnd(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body) // a page that went away
}

func refuse(w http.ResponseWriter, status int, why error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": why.Error()})
}
