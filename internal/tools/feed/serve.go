package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"sidecar/cti/bayeux"
)

// channel is what is published to. The clients count its name.
const channel = "/bench/events"

// anybody lets all in as one principal.
type anybody struct{}

func (anybody) ID() string { return "anybody" }

func (anybody) Handshake(context.Context, *http.Request, json.RawMessage) (bayeux.Principal, error) {
	return anybody{}, nil
}
func (anybody) Authorize(context.Context, *http.Request, bayeux.Principal) error { return nil }
func (anybody) Subscribe(context.Context, bayeux.Principal, string) error        { return nil }
func (anybody) Publish(context.Context, bayeux.Principal, string) error          { return nil }

// serve is the server's process: Bayeux at /cometd, and /publish?n=10&size=300. It says where it listens and runs until the
// context ends.
func serve(ctx context.Context, addr string, out io.Writer) error {
	feed, err := bayeux.NewServer(bayeux.Options{
		Policy: anybody{}, WebSocket: true, MaxSessionsPerPrincipal: 1 << 20, MaxHoldsPerBrowser: -1,
	})
	if err != nil {
		return fmt.Errorf("starting the server: %w", err)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/cometd", feed)
	mux.Handle("/cometd/", feed)
	mux.HandleFunc("/publish", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.FormValue("n"))
		size, _ := strconv.Atoi(r.FormValue("size"))
		data := []byte(`{"event":"Ringing","text":"` + strings.Repeat("x", max(size-27, 0)) + `"}`)
		for range n {
			if err := feed.Publish(bayeux.Event{Channel: channel, Data: data}); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
		}
	})
	web := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	_, _ = fmt.Fprintln(out, l.Addr())
	var serving sync.WaitGroup
	serving.Go(func() { _ = web.Serve(l) })
	<-ctx.Done()
	_ = web.Close()
	serving.Wait()
	closing, stop := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer stop()
	if err := feed.Close(closing); err != nil {
		return fmt.Errorf("closing the server: %w", err)
	}
	return nil
}
