package bayeux_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"sidecar/cti/bayeux"
)

// visitor is whoever a request says it is.
type visitor string

func (v visitor) ID() string { return string(v) }

// doorman lets in everybody who gives a name, to read what is under /news.
type doorman struct{}

var errDoorman = errors.New("not here")

func (doorman) Handshake(_ context.Context, r *http.Request, _ json.RawMessage) (bayeux.Principal, error) {
	name := r.Header.Get("X-Name")
	if name == "" {
		return nil, &bayeux.DeniedError{Reason: "a name is needed", Err: errDoorman}
	}
	return visitor(name), nil
}

func (doorman) Authorize(_ context.Context, r *http.Request, p bayeux.Principal) error {
	if r.Header.Get("X-Name") != p.ID() {
		return bayeux.ErrForeignSession
	}
	return nil
}

func (doorman) Subscribe(_ context.Context, _ bayeux.Principal, channel string) error {
	if !bayeux.Covers("/news/**", channel) {
		return errDoorman
	}
	return nil
}

func (doorman) Publish(context.Context, bayeux.Principal, string) error { return errDoorman }

// A server is mounted on its address with and without a slash, and closed before the http.Server around it.
func Example() {
	var server *bayeux.Server
	server, err := bayeux.NewServer(bayeux.Options{
		Policy:    doorman{},
		WebSocket: true,
		Hooks: bayeux.Hooks{OnSubscribe: func(s *bayeux.Session, channel string) {
			_ = s.Deliver(bayeux.Event{Channel: channel, Data: []byte(`"what was said before"`)}) // the session may have ended
		}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("/cometd", server)
	mux.Handle("/cometd/", server)

	post := func(message string) string {
		r := httptest.NewRequest(http.MethodPost, "/cometd/", strings.NewReader(message))
		r.Header.Set("X-Name", "anna")
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		return w.Body.String()
	}
	var replies []struct{ ClientID string }
	handshake := post(`[{"channel":"/meta/handshake","version":"1.0","supportedConnectionTypes":["long-polling"]}]`)
	if err := json.Unmarshal([]byte(handshake), &replies); err != nil {
		fmt.Println(err)
		return
	}
	id := replies[0].ClientID
	fmt.Println(post(`[{"channel":"/meta/subscribe","id":"2","clientId":"` + id + `","subscription":"/news/local"}]`))
	if err := server.Publish(bayeux.Event{Channel: "/news/local", Data: []byte(`"rain"`)}); err != nil {
		fmt.Println(err)
	}
	fmt.Println(strings.Count(post(`[{"channel":"/meta/connect","clientId":"`+id+`","connectionType":"long-polling"}]`), `"channel":"/news/local"`), "events")
	_ = server.Close(context.Background())
	// Output:
	// [{"channel":"/meta/subscribe","id":"2","successful":true,"subscription":"/news/local"}]
	// 2 events
}
