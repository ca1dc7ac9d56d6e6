package sip_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/sip"
)

// datagrams is an upstream that speaks SIP by hand.
type datagrams struct {
	t testing.TB
	net.PacketConn
}

func newDatagrams(t testing.TB, address string) *datagrams {
	t.Helper()
	conn, err := net.ListenPacket("udp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
	return &datagrams{t, conn}
}

func (d *datagrams) receive() (*text, net.Addr) {
	d.t.Helper()
	buf := make([]byte, 65536)
	n, from, err := d.ReadFrom(buf)
	require.NoError(d.t, err)
	return parseText(string(buf[:n])), from
}

func (d *datagrams) respond(req *text, to net.Addr, status, via string, headers ...string) {
	d.t.Helper()
	_, err := d.WriteTo([]byte(crlf(response(req, status, via, headers...))), to)
	require.NoError(d.t, err)
}

// response is what a peer says; via is what it adds to the Via.
func response(req *text, status, via string, headers ...string) string {
	lines := append([]string{
		"SIP/2.0 " + status, "Via: " + strings.Replace(req.get("Via"), ";rport", via, 1), "From: " + req.get("From"),
		"To: " + req.get("To") + ";tag=r", "Call-ID: " + req.get("Call-ID"), "CSeq: " + req.get("CSeq"),
	}, headers...)
	return strings.Join(append(lines, "Content-Length: 0", "", ""), "\n")
}

// The registrar says which address it saw (received, rport): that one is registered, and named in dialogs with it.
func TestTheContactIsWhatTheRegistrarSaw(t *testing.T) {
	t.Parallel()
	w, c := upstreamWorld(t)
	registrar := newDatagrams(t, "127.0.0.1:0")
	up := make(chan sip.UpstreamState, 4)
	r, err := w.RegisterUpstream(sip.Upstream{DN: "5001", Registrar: registrar.LocalAddr().String(), OnState: func(s sip.UpstreamState) { up <- s }})
	require.NoError(t, err)
	req, from := registrar.receive()
	require.Contains(t, req.get("Contact"), "sip:5001@"+w.AddrUDP().String())
	registrar.respond(req, from, "200 OK", ";received=203.0.113.9;rport=6070", "Contact: "+req.get("Contact")+";expires=1800")
	again, from := registrar.receive()
	require.Contains(t, again.get("Contact"), "sip:5001@203.0.113.9:6070")
	require.Equal(t, req.get("Call-ID"), again.get("Call-ID"))
	require.Empty(t, up, "the binding that nobody can call is no success")
	registrar.respond(again, from, "200 OK", ";received=203.0.113.9;rport=6070", "Contact: "+again.get("Contact")+";expires=1700")
	require.Equal(t, 1700*time.Second, (<-up).Expires)

	d, err := w.Invite(t.Context(), sip.Invite{URI: "sip:4711@" + registrar.LocalAddr().String(), FromUser: "5001", Body: sip.SDP([]byte(offer))})
	require.NoError(t, err)
	invite, from := registrar.receive()
	require.Contains(t, invite.get("Contact"), "sip:5001@203.0.113.9:6070", "the same in dialogs")
	registrar.respond(invite, from, "486 Busy Here", "")
	next[sip.Ended](t, d)
	ack, _ := registrar.receive()
	require.Equal(t, "ACK", strings.Fields(ack.start)[0])

	_, err = registrar.WriteTo([]byte(crlf(fmt.Sprintf("INVITE sip:5001@203.0.113.9:6070 SIP/2.0\nVia: SIP/2.0/UDP %s;branch=z9hG4bKin\nFrom: <sip:4711@pbx>;tag=1\nTo: <sip:5001@pbx>\n"+
		"Call-ID: in\nCSeq: 1 INVITE\nContact: <sip:4711@%[1]s>\nContent-Length: 0\n\n", registrar.LocalAddr()))), from)
	require.NoError(t, err)
	require.NoError(t, (<-c).Reject(486, "Busy Here", nil))
	for {
		if res, _ := registrar.receive(); res.status == 486 {
			break
		}
	}

	other := newDatagrams(t, "127.0.0.2:0")
	_, err = w.Invite(t.Context(), sip.Invite{URI: "sip:4711@" + other.LocalAddr().String(), FromUser: "5001"})
	require.NoError(t, err)
	invite, _ = other.receive()
	require.Contains(t, invite.get("Contact"), w.AddrUDP().String(), "another upstream may see us elsewhere")
	require.NoError(t, r.Close(t.Context(), false))
}

func TestWhatIsAdvertisedIsNotArguedWith(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *sip.Options) { o.ListenUDP, o.Advertise = "0.0.0.0:0", "198.51.100.7" })
	registrar := newDatagrams(t, "127.0.0.1:0")
	up := make(chan sip.UpstreamState, 4)
	r, err := w.RegisterUpstream(sip.Upstream{DN: "5001", Registrar: registrar.LocalAddr().String(), OnState: func(s sip.UpstreamState) { up <- s }})
	require.NoError(t, err)
	req, from := registrar.receive()
	require.Contains(t, req.get("Contact"), "sip:5001@198.51.100.7:")
	registrar.respond(req, from, "200 OK", ";received=203.0.113.9;rport=6070")
	require.True(t, (<-up).Registered)
	require.NoError(t, r.Close(t.Context(), false))
}

func TestTheContactIsRoutableWhenAllAddressesListen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *sip.Options) { o.ListenUDP = "0.0.0.0:0" })
	registrar := newDatagrams(t, "127.0.0.1:0")
	r, err := w.RegisterUpstream(sip.Upstream{DN: "5001", Registrar: registrar.LocalAddr().String()})
	require.NoError(t, err)
	req, _ := registrar.receive()
	require.Contains(t, req.get("Contact"), "sip:5001@127.0.0.1:", "the address that leads to this registrar")
	require.Contains(t, req.get("Via"), "SIP/2.0/UDP 127.0.0.1:")
	require.NoError(t, r.Close(t.Context(), false))
}

// secrets makes an authority's pool and a server's certificate for a name.
func secrets(t testing.TB, name string) (*x509.CertPool, tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return pool, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// stream is one connection of an upstream that speaks SIP by hand.
type stream struct {
	t testing.TB
	net.Conn
	r *bufio.Reader
}

func (s *stream) receive() *text {
	s.t.Helper()
	var raw strings.Builder
	for !strings.HasSuffix(raw.String(), "\r\n\r\n") {
		line, err := s.r.ReadString('\n')
		require.NoError(s.t, err)
		raw.WriteString(line)
	}
	length, err := strconv.Atoi(parseText(raw.String()).get("Content-Length"))
	require.NoError(s.t, err)
	_, err = io.CopyN(&raw, s.r, int64(length))
	require.NoError(s.t, err)
	return parseText(raw.String())
}

func (s *stream) send(msg string) {
	s.t.Helper()
	_, err := s.Write([]byte(crlf(msg)))
	require.NoError(s.t, err)
}

func TestUpstreamOverTLS(t *testing.T) {
	t.Parallel()
	pool, cert := secrets(t, "pbx.example.com")
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	conns := make(chan net.Conn, 4)
	go func() {
		for {
			conn, errAccept := listener.Accept()
			if errAccept != nil {
				return
			}
			if conn.(*tls.Conn).HandshakeContext(t.Context()) == nil {
				conns <- conn
			} else {
				_ = conn.Close()
			}
		}
	}()
	register := func(trust *tls.Config) (*world, calls, *sip.Registration, chan sip.UpstreamState) {
		c := make(calls, 4)
		w := newWorld(t, func(o *sip.Options) {
			c.option(o)
			o.TLS = trust
		})
		up := make(chan sip.UpstreamState, 4)
		r, errRegister := w.RegisterUpstream(sip.Upstream{DN: "5001", Registrar: listener.Addr().String(), Transport: "tls", OnState: func(s sip.UpstreamState) { up <- s }})
		require.NoError(t, errRegister)
		return w, c, r, up
	}
	for name, trust := range map[string]*tls.Config{
		"unknown authority": {ServerName: "pbx.example.com"},
		"another name":      {ServerName: "other.example.com", RootCAs: pool},
		"no name":           {RootCAs: pool},
	} {
		_, _, r, up := register(trust)
		require.ErrorContains(t, (<-up).Err, "certificate", name)
		require.NoError(t, r.Close(t.Context(), false))
	}

	w, c, r, up := register(&tls.Config{ServerName: "pbx.example.com", RootCAs: pool})
	conn := <-conns
	t.Cleanup(func() { _ = conn.Close() })
	s := &stream{t, conn, bufio.NewReader(conn)}
	req := s.receive()
	require.Contains(t, req.get("Via"), "SIP/2.0/TLS ")
	require.Contains(t, req.get("Contact"), ";transport=tls")
	host, port, err := net.SplitHostPort(conn.RemoteAddr().String())
	require.NoError(t, err)
	seen := ";received=" + host + ";rport=" + port
	s.send(response(req, "200 OK", seen))
	again := s.receive()
	require.Contains(t, again.get("Contact"), "sip:5001@"+conn.RemoteAddr().String()+";transport=tls", "nothing listens for TLS: calls come by the connection")
	s.send(response(again, "200 OK", seen))
	require.True(t, (<-up).Registered)

	s.send(fmt.Sprintf("INVITE sip:5001@%s;transport=tls SIP/2.0\nVia: SIP/2.0/TLS %s;branch=z9hG4bKin\nFrom: <sip:4711@pbx>;tag=1\nTo: <sip:5001@pbx>\n"+
		"Call-ID: in\nCSeq: 1 INVITE\nContact: <sip:4711@%[2]s;transport=tls>\nContent-Length: 0\n\n", conn.RemoteAddr(), listener.Addr()))
	d := <-c
	answered := async(func() (sip.Message, error) { return d.Answer(t.Context(), sip.SDP([]byte(offer)), nil) })
	res := s.receive()
	for res.status < 200 {
		res = s.receive()
	}
	require.Equal(t, 200, res.status)
	require.Contains(t, res.get("Contact"), conn.RemoteAddr().String())
	s.send(fmt.Sprintf("ACK sip:5001@%s;transport=tls SIP/2.0\nVia: SIP/2.0/TLS %s;branch=z9hG4bKack\nFrom: <sip:4711@pbx>;tag=1\nTo: %s\n"+
		"Call-ID: in\nCSeq: 1 ACK\nContent-Length: 0\n\n", conn.RemoteAddr(), listener.Addr(), res.get("To")))
	require.NoError(t, (<-answered).err)
	done := hangup(t, d.Dialog)
	bye := s.receive()
	require.Equal(t, "BYE sip:4711@"+listener.Addr().String()+";transport=tls SIP/2.0", bye.start, "and what follows goes by it")
	s.send(strings.Replace(response(bye, "200 OK", ""), bye.get("To")+";tag=r", bye.get("To"), 1))
	require.NoError(t, <-done)
	require.NoError(t, r.Close(t.Context(), false))
	require.Empty(t, conns, "one connection for all")
	_ = w
}

func TestChallengesAreAnsweredAsMeant(t *testing.T) {
	t.Parallel()
	digests := func(headers ...string) sip.Headers {
		var list sip.Headers
		for _, h := range headers {
			list = append(list, sip.Header{Name: "WWW-Authenticate", Value: h})
		}
		return list
	}
	const old = `Digest realm="pbx", nonce="n1", algorithm=MD5, qop="auth"`
	for name, c := range map[string]struct {
		answer func(n int, req *text) (int, sip.Headers)
		asked  int
		check  func(t *testing.T, u *upstreams)
	}{
		"a proxy's, then the registrar's": {func(n int, _ *text) (int, sip.Headers) {
			switch n {
			case 1:
				return 407, sip.Headers{{Name: "Proxy-Authenticate", Value: `Digest realm="proxy", nonce="p1", qop="auth"`}}
			case 2:
				return 401, digests(old)
			}
			return 200, nil
		}, 3, func(t *testing.T, u *upstreams) {
			require.Contains(t, u.asked[2].get("Proxy-Authorization"), `nonce="p1"`)
			require.Contains(t, u.asked[2].get("Authorization"), `nonce="n1"`)
		}},
		"a nonce that grew old": {func(n int, _ *text) (int, sip.Headers) {
			switch n {
			case 1:
				return 401, digests(old)
			case 2:
				return 401, digests(strings.Replace(old, "n1", "n2", 1) + `, stale=TRUE`)
			}
			return 200, nil
		}, 3, func(t *testing.T, u *upstreams) { require.Contains(t, u.asked[2].get("Authorization"), `nonce="n2"`) }},
		"the one of several that we know": {func(n int, _ *text) (int, sip.Headers) {
			if n == 1 {
				return 401, digests(`Bearer realm="pbx"`, `Digest realm="pbx", nonce="x", algorithm=NEW-512, qop="auth"`, `Digest realm="pbx", nonce="s", algorithm=SHA-256, qop="auth"`, old)
			}
			return 200, nil
		}, 2, func(t *testing.T, u *upstreams) {
			require.Contains(t, u.asked[1].get("Authorization"), "algorithm=SHA-256")
			require.Len(t, u.asked[1].all("Authorization"), 1)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			inUpstream(t, c.answer, func(t *testing.T, w *world, u *upstreams) {
				up := make(chan sip.UpstreamState, 4)
				r, err := w.RegisterUpstream(sip.Upstream{
					DN: "5001", Registrar: "192.0.2.5:5060", Auth: &sip.Auth{User: "5001", Password: "p"},
					OnState: func(s sip.UpstreamState) { up <- s },
				})
				require.NoError(t, err)
				require.NoError(t, (<-up).Err)
				require.Equal(t, c.asked, u.count())
				c.check(t, u)
				require.NoError(t, r.Close(t.Context(), false))
			})
		})
	}
}

// A registrar that calls every nonce stale must not be asked without end, nor one that takes no password be asked twice.
func TestAWrongUpstreamPasswordIsNoLoop(t *testing.T) {
	t.Parallel()
	for stale, asked := range map[string]int{", stale=true": 5, "": 2} {
		t.Run("challenge"+stale, func(t *testing.T) {
			answer := func(n int, _ *text) (int, sip.Headers) {
				return 401, sip.Headers{{Name: "WWW-Authenticate", Value: fmt.Sprintf(`Digest realm="pbx", nonce="n%d", qop="auth"%s`, n, stale)}}
			}
			inUpstream(t, answer, func(t *testing.T, w *world, u *upstreams) {
				up := make(chan sip.UpstreamState, 4)
				r, err := w.RegisterUpstream(sip.Upstream{
					DN: "5001", Registrar: "192.0.2.5:5060", Auth: &sip.Auth{User: "5001", Password: "wrong"},
					OnState: func(s sip.UpstreamState) { up <- s },
				})
				require.NoError(t, err)
				var status *sip.StatusError
				require.ErrorAs(t, (<-up).Err, &status)
				require.Equal(t, 401, status.Status)
				require.Equal(t, asked, u.count())
				require.NoError(t, r.Close(t.Context(), false))
			})
		})
	}
}
