package phone_test

import (
	"crypto/rand"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
	"github.com/stretchr/testify/require"
)

// registrar is just enough of one to see a phone register: digest, one binding
// per number, and a redirect-free proxy is not needed because phones dial each
// other's addresses directly.
type registrar struct {
	addr     string
	password string
	nonce    string

	mu       sync.Mutex
	contacts map[string]string
	expires  []string
}

func startRegistrar(t *testing.T, password string) *registrar {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	ua, err := sipgo.NewUA()
	require.NoError(t, err)
	server, err := sipgo.NewServer(ua)
	require.NoError(t, err)
	r := &registrar{addr: conn.LocalAddr().String(), password: password, nonce: rand.Text(), contacts: map[string]string{}}
	server.OnRegister(func(req *sip.Request, tx sip.ServerTransaction) {
		_ = tx.Respond(r.answer(req))
	})
	var wg sync.WaitGroup
	wg.Go(func() { _ = server.ServeUDP(conn) })
	t.Cleanup(func() {
		_ = ua.Close()
		_ = conn.Close()
		wg.Wait()
	})
	return r
}

func (r *registrar) answer(req *sip.Request) *sip.Response {
	header := req.GetHeader("Authorization")
	if header == nil {
		res := sip.NewResponseFromRequest(req, 401, "Unauthorized", nil)
		challenge := digest.Challenge{Realm: "test", Nonce: r.nonce, Algorithm: "MD5", QOP: []string{"auth"}}
		res.AppendHeader(sip.NewHeader("WWW-Authenticate", challenge.String()))
		return res
	}
	given, err := digest.ParseCredentials(header.Value())
	if err != nil {
		return sip.NewResponseFromRequest(req, 400, "Bad Request", nil)
	}
	want, err := digest.Digest(&digest.Challenge{Realm: "test", Nonce: r.nonce, Algorithm: "MD5", QOP: []string{"auth"}}, digest.Options{
		Method: "REGISTER", URI: req.Recipient.String(), Username: req.To().Address.User, Password: r.password, Cnonce: given.Cnonce, Count: given.Nc,
	})
	if err != nil || want.Response != given.Response {
		return sip.NewResponseFromRequest(req, 401, "Unauthorized", nil)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	expires := req.GetHeader("Expires").Value()
	r.expires = append(r.expires, expires)
	if expires == "0" {
		delete(r.contacts, req.To().Address.User)
	} else {
		r.contacts[req.To().Address.User] = strings.Trim(req.Contact().Address.String(), "<>")
	}
	return sip.NewResponseFromRequest(req, 200, "OK", nil)
}

func (r *registrar) contact(user string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.contacts[user]
}
