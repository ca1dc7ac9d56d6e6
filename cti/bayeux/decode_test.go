package bayeux_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/cti/bayeux"
)

func seeds() []string {
	return []string{
		`[{"channel":"/meta/handshake","version":"1.0","supportedConnectionTypes":["long-polling"],"id":"1"}]`,
		`{"channel":"/meta/connect","clientId":"CLIENT","connectionType":"long-polling","advice":{"timeout":0}}`,
		`[{"channel":"/meta/subscribe","clientId":"CLIENT","subscription":["/a","/b/**"]},{"channel":"/open/a","clientId":"CLIENT","data":{"x":[1]}}]`,
		`[{"channel":"/meta/unsubscribe","clientId":"CLIENT","subscription":"/a"},null]`,
		`[{"channel":"/meta/disconnect","clientId":"CLIENT","ext":{"ack":1}}]`,
		`[{"channel":"/service/x","clientId":"CLIENT","data":"\ud83d\ude00","id":-1.5e3}]`,
		`[[]]`, `[`, `{}`, `[{}]`, "\xff", ``, `null`, `[{"advice":{"timeout":1e400}}]`,
	}
}

// FuzzDecode: a body is a list of messages or ErrMalformed, never anything else.
func FuzzDecode(f *testing.F) {
	for _, s := range seeds() {
		f.Add([]byte(s))
		f.Add([]byte("message=" + s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, decode := range []func([]byte) (int, error){bayeux.Decode, bayeux.DecodeForm} {
			n, err := decode(body)
			if err != nil && !errors.Is(err, bayeux.ErrMalformed) && !errors.Is(err, bayeux.ErrTooLarge) {
				t.Fatalf("%q: %v", body, err)
			}
			if (n == 0) != (err != nil) {
				t.Fatalf("%q: %d messages, error %v", body, n, err)
			}
		}
	})
}

// FuzzServe: whatever an authenticated client sends, the answer is a list of messages, one at least, or a refusal, and the
// session of somebody else doesn't notice.
func FuzzServe(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s)
	}
	s := newServer(f, bayeux.Options{MaxSessionsPerPrincipal: 2, MaxHandshakeRate: -1})
	other := connected(f, s, "other")
	f.Fuzz(func(t *testing.T, body string) {
		c := newClient(t, s, "anna")
		c.handshake() // its first connect is never held
		a := httptest.NewRecorder()
		s.ServeHTTP(a, c.request(t.Context(), strings.ReplaceAll(body, "CLIENT", c.id)))
		switch a.Code {
		case http.StatusOK:
			(&answer{ResponseRecorder: a, t: t, done: closed()}).messages()
		case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
		default:
			t.Fatalf("%q: status %d", body, a.Code)
		}
		require.Equal(t, bayeux.CloseReason(""), sessionOf(s, other).Reason())
	})
}

func closed() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}
