// Front serves the agent page and passes everything else on: to a running sidecar, and SIP over WebSocket to an Asterisk.
// The page's tests look at the page through it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"sidecar/web"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "`HOST:PORT` to listen on")
	sidecar := flag.String("sidecar", "http://127.0.0.1:8090", "`URL` of the sidecar")
	sip := flag.String("sip", "http://127.0.0.1:8089", "`URL` of the server whose /ws takes SIP")
	page := flag.String("page", "", "serve the built page in `DIR` instead of the embedded one")
	flag.Parse()
	if err := run(*listen, *sidecar, *sip, *page); err != nil {
		fmt.Fprintf(os.Stderr, "front: %v\n", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

func run(listen, sidecar, sip, page string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	mux := http.NewServeMux()
	for pattern, target := range map[string]string{"/": sidecar, "/ws": sip} {
		u, err := url.Parse(target)
		if err != nil {
			return fmt.Errorf("address of %s: %w", pattern, err)
		}
		mux.Handle(pattern, pass(u))
	}
	handler := web.Handler()
	if page != "" {
		handler = web.HandlerFrom(os.DirFS(page))
	}
	for _, pattern := range web.Patterns() {
		mux.Handle(pattern, handler)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if _, err := fmt.Fprintf(os.Stdout, "http://%s\n", l.Addr()); err != nil {
		return fmt.Errorf("tell the address: %w", err)
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	ended := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer ended()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// pass keeps the Host of the request: the sidecar compares the page's origin with it.
func pass(target *url.URL) http.Handler {
	return &httputil.ReverseProxy{
		FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
		},
	}
}
