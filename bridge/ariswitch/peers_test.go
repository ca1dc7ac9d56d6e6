package ariswitch_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/internal/testkit/fakeari"
)

// peerServer is a server whose phones calls of another reach; the channel of Requests says what it was asked, without the snapshot.
func peerServer(t *testing.T) (s *fakeari.Server, asked chan string) {
	t.Helper()
	s, asked = fakeari.New(t), make(chan string, 100)
	tell := func(answer fakeari.Response) fakeari.Handler {
		return func(r fakeari.Request) fakeari.Response {
			line := r.Method + " " + r.Path
			if ch := r.Query.Get("channel"); ch != "" {
				line += " " + ch
			}
			asked <- line
			return answer
		}
	}
	bridge := `{"id":"from-peer-in.1","technology":"simple_bridge","bridge_type":"mixing","bridge_class":"stasis","creator":"","name":"","channels":[],"creationtime":"2026-11-21T07:16:09.514+0000"}`
	s.On(http.MethodPost, "/bridges/{bridgeId}", tell(fakeari.Response{Status: http.StatusOK, Body: bridge}))
	s.On(http.MethodPost, "/bridges/{bridgeId}/addChannel", tell(fakeari.Response{Status: http.StatusNoContent}))
	s.On(http.MethodDelete, "/bridges/{bridgeId}", tell(fakeari.Response{Status: http.StatusNoContent}))
	s.On(http.MethodDelete, "/channels/{channelId}", tell(fakeari.Response{Status: http.StatusNoContent}))
	return s, asked
}

func fromPeer(id string) string {
	return event("StasisStart", `"args":["from-peer","in.1"],"channel":`+channel(id, "PJSIP/x-1", "Up", ""))
}

func gone(id string) string {
	return event("ChannelDestroyed", `"cause":16,"cause_txt":"","channel":`+channel(id, "PJSIP/x-1", "Up", ""))
}

func wants(t *testing.T, asked <-chan string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		require.Equal(t, line, take(t, asked))
	}
}

const ending = "DELETE /bridges/from-peer-in.1"

func TestPeersAreJoined(t *testing.T) {
	t.Parallel()
	for _, order := range [][2]string{{"in.1", "phone.1"}, {"phone.1", "in.1"}} {
		s, asked := peerServer(t)
		f := feeding(t, s, time.Minute)
		conn := s.Accept()
		take(t, f.snaps)
		conn.Send(fromPeer(order[0]))
		conn.Send(fromPeer(order[1]))
		wants(t, asked, "POST /bridges/from-peer-in.1", "POST /bridges/from-peer-in.1/addChannel "+order[0]+","+order[1])
		conn.Send(gone(order[1]))
		wants(t, asked, "DELETE /channels/"+order[0], "DELETE /channels/"+order[1], ending)
		require.Empty(t, f.arrivals, "the engine is told nothing")
	}
}

// One that comes alone is hung up.
func TestPeerWithoutItsPhone(t *testing.T) {
	t.Parallel()
	s, asked := peerServer(t)
	f := feeding(t, s, time.Minute)
	conn := s.Accept()
	take(t, f.snaps)
	conn.Send(fromPeer("in.1"))
	wants(t, asked, "DELETE /channels/in.1")
}

// A new daemon finds what the last one joined.
func TestPeersAfterARestart(t *testing.T) {
	t.Parallel()
	s, asked := peerServer(t)
	var list []string
	for _, id := range []string{"in.1", "phone.1"} {
		list = append(list, strings.Replace(channel(id, "PJSIP/x-1", "Up", ""), `"app_data":"sidecar"`, `"app_data":"sidecar,from-peer,in.1"`, 1))
	}
	s.On(http.MethodGet, "/channels", func(fakeari.Request) fakeari.Response {
		return fakeari.Response{Status: http.StatusOK, Body: "[" + strings.Join(list, ",") + "]"}
	})
	f := feeding(t, s, time.Minute)
	conn := s.Accept()
	take(t, f.snaps)
	wants(t, asked, "POST /bridges/from-peer-in.1", "POST /bridges/from-peer-in.1/addChannel in.1,phone.1")
	conn.Send(gone("in.1"))
	wants(t, asked, "DELETE /channels/in.1", "DELETE /channels/phone.1", ending)
}
