package api

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/gorilla/websocket"

	"sidecar/auth"
	"sidecar/bridge"
	"sidecar/tap"
)

// Limits of a WebSocket of sound. A client that takes nothing for audioWrite, or is silent for audioIdle, has gone.
const (
	audioWrite = 10 * time.Second
	audioPing  = 20 * time.Second
	audioIdle  = 3 * audioPing
)

// Taps let programs listen to calls.
type Taps interface {
	Open(w tap.Want) (*tap.Listener, error)
}

type audioInput struct {
	CallPath
	Parties string `query:"parties" maxLength:"500" default:"all" pattern:"^(all|[0-9A-Za-z+*#]{1,64}(,[0-9A-Za-z+*#]{1,64})*)$" patternDescription:"all, or numbers with commas between" doc:"Whom to hear: all, or their numbers or DNs with commas between"`
	Format  string `query:"format" enum:"slin16,pcmu" default:"slin16" doc:"slin16: signed 16-bit little-endian, 16 kHz; pcmu: G.711, 8 kHz"`
}

func (s *server) registerAudio() {
	register(s, endpoint{
		id: "listen-to-call", method: http.MethodGet, path: "/api/v1/calls/{id}/audio", tag: "calls", verb: auth.VerbTap,
		summary: "Listen to a call as it goes on, by WebSocket: what each party says is a stream of its own",
		errors:  []int{http.StatusNotFound, http.StatusConflict, http.StatusUpgradeRequired, http.StatusServiceUnavailable}, before: s.checkPage,
		responses: map[string]*huma.Response{"101": {Description: "Text messages tell which streams start and stop; a binary message is a frame: the stream's id (1 byte), the time of its first sample (4 bytes, big-endian, in samples since the beginning), and 20 ms of sound"}},
	}, s.listen)
}

func (s *server) listen(ctx context.Context, in *audioInput) (*huma.StreamResponse, error) {
	v, err := s.access.Call(principalOf(ctx), bridge.CallID(in.ID))
	if err != nil {
		return nil, err
	}
	if !v.EndedAt.IsZero() {
		return nil, bridge.ErrCallNotFound
	}
	if s.Sound.Taps == nil {
		return nil, absent()
	}
	want := tap.Want{Call: in.ID, Format: tap.Format(in.Format)}
	if in.Parties != "all" {
		want.Numbers = strings.Split(in.Parties, ",")
	}
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		r, w := humago.Unwrap(hctx)
		if !websocket.IsWebSocketUpgrade(r) {
			s.answer(w, r, newProblem(http.StatusUpgradeRequired, "websocket_expected", "this is the place of a WebSocket").header("Upgrade", "websocket"))
			return
		}
		listener, err := s.Sound.Taps.Open(want)
		if err != nil {
			s.answer(w, r, err)
			return
		}
		defer listener.Close()
		upgrader := websocket.Upgrader{
			CheckOrigin: func(*http.Request) bool { return true }, // checkPage has
			Error: func(w http.ResponseWriter, r *http.Request, status int, reason error) {
				s.answer(w, r, newProblem(status, codeOfStatus(status), reason.Error()))
			},
		}
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return // it has been answered
		}
		s.noteSound(ctx, "listen-to-call", in.ID, map[string]string{"parties": in.Parties, "format": in.Format})
		serveAudio(ctx, conn, listener, s.Log.With("call", in.ID, "user", principalOf(ctx).User, "request_id", infoOf(ctx).id))
	}}, nil
}

// checkPage refuses pages of other origins: a browser opens a WebSocket with our cookie from any page. A client without
// Origin is no browser.
func (s *server) checkPage(r *http.Request) error {
	origin := r.Header.Get("Origin")
	if origin == "" || slices.Contains(s.AllowedOrigins, origin) {
		return nil
	}
	if u, err := url.Parse(origin); err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host) {
		return nil
	}
	return auth.ErrOrigin
}

// serveAudio sends what the listener hears, until the call ends or the client has gone.
func serveAudio(ctx context.Context, conn *websocket.Conn, listener *tap.Listener, log *slog.Logger) {
	began := time.Now()
	ctx, cancel := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { cancel(readSilent(conn, audioIdle)) })
	wg.Go(func() { pingAudio(ctx, conn) })
	err := writeAudio(ctx, conn, listener)
	cancel(err)
	_ = conn.Close() // which ends the reader; the closing handshake was begun if it could be
	wg.Wait()
	log.Info("listening_ended", "took", time.Since(began), "cause", err)
}

func writeAudio(ctx context.Context, conn *websocket.Conn, listener *tap.Listener) error {
	for {
		m, err := listener.Next(ctx)
		if errors.Is(err, io.EOF) {
			end := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
			return conn.WriteControl(websocket.CloseMessage, end, time.Now().Add(audioWrite))
		}
		if err != nil {
			return context.Cause(ctx)
		}
		if err = conn.SetWriteDeadline(time.Now().Add(audioWrite)); err != nil {
			return err
		}
		if m.Event != nil {
			err = conn.WriteJSON(m.Event)
		} else {
			err = conn.WriteMessage(websocket.BinaryMessage, m.Frame)
		}
		if err != nil {
			return err
		}
	}
}

func pingAudio(ctx context.Context, conn *websocket.Conn) {
	ticker := time.NewTicker(audioPing)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(audioWrite)) != nil {
				return // the reader or the writer sees why
			}
		case <-ctx.Done():
			return
		}
	}
}
