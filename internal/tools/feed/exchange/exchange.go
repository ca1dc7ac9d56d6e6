package exchange

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// Options set up an Exchange. All are needed.
type Options struct {
	DNs        []string // whose phones are registered
	Ring, Talk time.Duration
	// Sending is called right before the frame is sent. It must not block.
	Sending func(dn string, m Moment)
}

// Exchange is an Asterisk with one application.
type Exchange struct {
	// Constant.
	o      Options
	script script
	began  time.Time
	listen net.Listener
	web    *http.Server
	work   sync.WaitGroup
	calls  atomic.Int64

	writing sync.Mutex
	socket  *websocket.Conn // the event socket, nil until the sidecar opens it
	ignored []string        // types of events that the sidecar does not want

	mu        sync.Mutex
	byDN      map[string]*call
	byChannel map[string]*call
}

// New starts an exchange on a free port of the loopback interface.
func New(ctx context.Context, o Options) (*Exchange, error) {
	s, err := readScript()
	if err != nil {
		return nil, err
	}
	x := &Exchange{o: o, script: s, began: time.Now(), byDN: map[string]*call{}, byChannel: map[string]*call{}}
	if x.listen, err = (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("exchange: %w", err)
	}
	x.web = &http.Server{Handler: x.routes(), ReadHeaderTimeout: time.Minute}
	x.work.Go(func() { _ = x.web.Serve(x.listen) })
	return x, nil
}

// URL is Asterisk's, without /ari.
func (x *Exchange) URL() string { return "http://" + x.listen.Addr().String() }

// Close ends it.
func (x *Exchange) Close() {
	_ = x.web.Close()
	x.writing.Lock()
	if x.socket != nil {
		_ = x.socket.Close()
	}
	x.writing.Unlock()
	x.work.Wait()
}

func (x *Exchange) routes() http.Handler {
	mux := http.NewServeMux()
	for pattern, text := range map[string]string{
		"POST /ari/applications/{app}/subscription": `{"name":"sidecar"}`,
		"GET /ari/applications/{app}":               `{"name":"sidecar"}`,
		"GET /ari/channels":                         `[]`,
		"GET /ari/bridges":                          `[]`,
		"GET /ari/deviceStates":                     `[]`,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) { answer(w, text) })
	}
	mux.HandleFunc("GET /ari/asterisk/info", func(w http.ResponseWriter, _ *http.Request) {
		at := x.began.UTC().Format("2006-01-02T15:04:05.000-0700")
		answer(w, fmt.Sprintf(`{"system":{"version":"22.10.1","entity_id":"02:00:00:00:00:01"},"status":{"startup_time":%q,"last_reload_time":%q}}`, at, at))
	})
	mux.HandleFunc("GET /ari/endpoints", func(w http.ResponseWriter, _ *http.Request) {
		list := make([]map[string]any, 0, len(x.o.DNs))
		for _, dn := range x.o.DNs {
			list = append(list, map[string]any{"technology": "PJSIP", "resource": dn, "state": "online", "channel_ids": []string{}})
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(list)
	})
	mux.HandleFunc("GET /ari/events", x.events)
	mux.HandleFunc("PUT /ari/applications/{app}/eventFilter", x.filter)
	mux.HandleFunc("POST /ari/channels/create", x.create)
	mux.HandleFunc("POST /ari/channels/{id}/dial", x.after(dialled, func(c *call) chan struct{} { return c.rings }))
	mux.HandleFunc("POST /ari/channels/{id}/answer", x.after(callerUp, nil))
	mux.HandleFunc("DELETE /ari/channels/{id}", x.after(legGone, func(c *call) chan struct{} { return c.over }))
	mux.HandleFunc("POST /ari/bridges/{id}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, fmt.Sprintf(`{"id":%q,"technology":"softmix","bridge_type":"mixing","bridge_class":"stasis","creator":"Stasis","name":"","channels":[],"creationtime":%q}`, r.PathValue("id"), stamp()))
	})
	mux.HandleFunc("POST /ari/bridges/{id}/addChannel", x.join)
	mux.HandleFunc("DELETE /ari/bridges/{id}", func(w http.ResponseWriter, r *http.Request) {
		_ = x.send(&call{bridge: r.PathValue("id")}, bridgeGone) // without a socket the calls fail
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	return mux
}

func answer(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(text)) //nolint:gosec // JSON for the sidecar, which is no browser
}

// events is the event socket. What comes on it are pings and the end.
func (x *Exchange) events(w http.ResponseWriter, r *http.Request) {
	socket, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
	if err != nil {
		return // it has been answered
	}
	x.writing.Lock()
	x.socket = socket
	x.writing.Unlock()
	for err == nil {
		_, _, err = socket.ReadMessage()
	}
	x.writing.Lock()
	defer x.writing.Unlock()
	_ = socket.Close()
	if x.socket == socket {
		x.socket = nil
	}
}

func (x *Exchange) filter(w http.ResponseWriter, r *http.Request) {
	var body struct{ Disallowed []struct{ Type string } }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, `{"message":"Invalid filter"}`, http.StatusBadRequest)
		return
	}
	x.writing.Lock()
	defer x.writing.Unlock()
	x.ignored = nil
	for _, of := range body.Disallowed {
		x.ignored = append(x.ignored, of.Type)
	}
	answer(w, `{"name":"sidecar"}`)
}

func (x *Exchange) create(w http.ResponseWriter, r *http.Request) {
	dn, leg := strings.TrimPrefix(r.FormValue("endpoint"), "PJSIP/"), r.FormValue("channelId")
	x.mu.Lock()
	c := x.byDN[dn]
	if c != nil {
		c.leg = leg
		x.byChannel[leg] = c
	}
	x.mu.Unlock()
	if c == nil || x.send(c, created) != nil {
		http.Error(w, `{"message":"Allocation failed"}`, http.StatusInternalServerError)
		return
	}
	answer(w, fmt.Sprintf(`{"id":%q,"name":"PJSIP/%s-00000001","state":"Down","caller":{"name":"","number":%q},"connected":{"name":"","number":""},"accountcode":"","dialplan":{"context":"from-agents","exten":"s","priority":1,"app_name":"","app_data":""},"creationtime":%q,"language":"en"}`,
		leg, dn, dn, stamp()))
}

// after answers a request about a channel, and says what Asterisk would then.
func (x *Exchange) after(s step, reaches func(*call) chan struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		x.mu.Lock()
		c := x.byChannel[r.PathValue("id")]
		x.mu.Unlock()
		if c == nil || s == legGone && r.PathValue("id") == c.caller || x.send(c, s) != nil {
			http.Error(w, `{"message":"Channel not found"}`, http.StatusNotFound)
			return
		}
		w.WriteHeader(http.StatusNoContent)
		if reaches != nil {
			x.reached(reaches(c))
		}
	}
}

func (x *Exchange) join(w http.ResponseWriter, r *http.Request) {
	first, _, _ := strings.Cut(r.FormValue("channel"), ",")
	x.mu.Lock()
	c := x.byChannel[first]
	if c != nil {
		c.bridge = r.PathValue("id")
	}
	x.mu.Unlock()
	if c == nil || x.send(c, joined) != nil {
		http.Error(w, `{"message":"Channel not found"}`, http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
	x.reached(c.talks)
}

// reached closes what only one request of a call leads to; a second one changes nothing.
func (x *Exchange) reached(point chan struct{}) {
	x.mu.Lock()
	defer x.mu.Unlock()
	select {
	case <-point:
	default:
		close(point)
	}
}
