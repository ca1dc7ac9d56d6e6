package sip

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
)

// authenticator checks who sends a REGISTER: digest (RFC 3261 section 22, MD5
// because JsSIP knows no other, qop auth because it would prefer auth-int), a
// bearer token (RFC 8898), or the token of the page's cookie.
type authenticator struct {
	opts    *RegistrarOptions
	key     [32]byte
	guard   *guard
	counter sync.Mutex
	used    map[string]usedNonce // nonces that were answered rightly
}

type usedNonce struct {
	count   int
	expires time.Time
}

// maxUsedNonces bounds the memory of answered nonces; each took a right password.
const maxUsedNonces = 65536

func newAuthenticator(opts *RegistrarOptions) *authenticator {
	a := &authenticator{opts: opts, guard: newGuard(opts.MaxFailures), used: make(map[string]usedNonce)}
	_, _ = rand.Read(a.key[:]) // never fails (crypto/rand)
	return a
}

// check lets the request in or says what to answer. owner: the flow has the DN already, so that
// nobody's guesses, at the DN or from the same address, can keep its phone from refreshing.
func (a *authenticator) check(ctx context.Context, req *sip.Request, dn string, flow *Flow, owner bool) (answer, bool) {
	who := culprit{peer: flow.peer, dn: dn}
	if wait := a.guard.wait(who, time.Now()); wait > 0 && !owner {
		denied := refuse(403, "Too Many Failures, Wait")
		denied.headers = []sip.Header{sip.NewHeader("Retry-After", seconds10(wait))}
		return denied, false
	}
	verdict := a.verdict(ctx, req, dn, flow)
	switch verdict {
	case authenticated:
		a.guard.forgive(who)
		return answer{}, true
	case unanswered:
		return a.challenge(false), false
	case outdated:
		return a.challenge(true), false
	case malformed:
		return refuse(400, "Authorization Is Malformed"), false
	case refused:
	}
	a.guard.fail(who, time.Now())
	return refuse(403, "Wrong Credentials for the DN"), false
}

type verdict int

const (
	refused       verdict = iota
	authenticated         // let in
	unanswered            // no credentials yet
	outdated              // right credentials for a nonce that is too old or was used
	malformed
)

func (a *authenticator) verdict(ctx context.Context, req *sip.Request, dn string, flow *Flow) verdict {
	header := headerValue(req, "Authorization")
	scheme, rest, _ := strings.Cut(header, " ")
	switch {
	case header == "" && flow.cookie != "" && a.tokenAllows(ctx, flow.cookie, dn):
		return authenticated
	case header == "":
		return unanswered
	case len(req.GetHeaders("Authorization")) > 1:
		return malformed
	case strings.EqualFold(scheme, "Bearer"):
		if a.tokenAllows(ctx, strings.TrimSpace(rest), dn) {
			return authenticated
		}
		return refused
	case strings.EqualFold(scheme, "Digest"):
		return a.digest(req, dn, "Digest "+rest)
	}
	return malformed
}

func (a *authenticator) tokenAllows(ctx context.Context, token, dn string) bool {
	if token == "" {
		return false
	}
	dns, err := a.opts.Credentials.Token(ctx, token)
	return err == nil && slices.Contains(dns, dn)
}

func (a *authenticator) digest(req *sip.Request, dn, header string) verdict {
	cred, err := digest.ParseCredentials(header)
	if err != nil {
		return malformed
	}
	issued, genuine := a.issued(cred.Nonce)
	password, exists := a.opts.Credentials.Password(dn)
	// What is compared does not depend on whether the DN exists, so that answers don't tell which do.
	want, err := digest.Digest(&digest.Challenge{Realm: a.opts.Realm, Nonce: cred.Nonce, Algorithm: "MD5", QOP: []string{"auth"}}, digest.Options{
		Method: string(req.Method), URI: cred.URI, Username: cred.Username, Password: password, Cnonce: cred.Cnonce, Count: cred.Nc,
	})
	if err != nil {
		return malformed
	}
	equal := subtle.ConstantTimeCompare([]byte(want.Response), []byte(strings.ToLower(cred.Response))) == 1
	right := equal && exists && password != "" &&
		cred.Username == dn && cred.Realm == a.opts.Realm &&
		cred.QOP == "auth" && cred.Cnonce != "" && cred.Nc > 0 &&
		(cred.Algorithm == "" || strings.EqualFold(cred.Algorithm, "MD5")) &&
		sameURI(cred.URI, &req.Recipient)
	switch {
	case !right:
		return refused
	case !genuine || time.Since(issued) > a.opts.NonceAge:
		return outdated // RFC 7616 section 3.3: a new nonce, no new question to the user
	case !a.useOnce(cred.Nonce, cred.Nc, issued.Add(a.opts.NonceAge)):
		return outdated
	}
	return authenticated
}

// sameURI compares the digest's uri with the Request-URI: an answer for one request must not serve for another.
func sameURI(text string, uri *sip.Uri) bool {
	var got sip.Uri
	if err := sip.ParseUri(text, &got); err != nil {
		return false
	}
	return strings.EqualFold(got.Scheme, uri.Scheme) && got.User == uri.User &&
		strings.EqualFold(got.Host, uri.Host) && got.Port == uri.Port
}

// useOnce takes a nonce count that is higher than all before it (RFC 7616 section 3.4.5).
func (a *authenticator) useOnce(nonce string, count int, expires time.Time) bool {
	a.counter.Lock()
	defer a.counter.Unlock()
	if count <= a.used[nonce].count {
		return false
	}
	if len(a.used) >= maxUsedNonces {
		now := time.Now()
		for old, use := range a.used {
			if use.expires.Before(now) {
				delete(a.used, old)
			}
		}
		if len(a.used) >= maxUsedNonces {
			return false // a new nonce is asked for, and this one is never taken again
		}
	}
	a.used[nonce] = usedNonce{count: count, expires: expires}
	return true
}

// A nonce is time, randomness and their MAC: challenges cost no memory, however many are asked for.
const (
	nonceBody = 16
	nonceSize = nonceBody + 16
)

func (a *authenticator) nonce() string {
	buf := make([]byte, nonceBody, nonceSize)
	binary.BigEndian.PutUint64(buf, uint64(time.Now().UnixNano()))
	_, _ = rand.Read(buf[8:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(append(buf, a.mac(buf)...))
}

func (a *authenticator) mac(body []byte) []byte {
	h := hmac.New(sha256.New, a.key[:])
	h.Write(body)
	return h.Sum(nil)[:nonceSize-nonceBody]
}

// issued says when a nonce was made, and whether we made it.
func (a *authenticator) issued(nonce string) (time.Time, bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(nonce)
	if err != nil || len(raw) != nonceSize || !hmac.Equal(raw[nonceBody:], a.mac(raw[:nonceBody])) {
		return time.Time{}, false
	}
	return time.Unix(0, int64(binary.BigEndian.Uint64(raw))), true //nolint:gosec // nonce wrote it
}

// challenge is the 401. Digest comes first and last: of several headers of this name JsSIP keeps the last (its parser
// sets it anew for each), SIP.js reads the first, and neither knows another scheme or a digest other than MD5.
func (a *authenticator) challenge(stale bool) answer {
	digestChallenge := `Digest realm="` + a.opts.Realm + `", nonce="` + a.nonce() + `", algorithm=MD5, qop="auth"`
	if stale {
		digestChallenge += ", stale=true"
	}
	ask := answer{status: 401, reason: "Unauthorized", headers: []sip.Header{sip.NewHeader("WWW-Authenticate", digestChallenge)}}
	if a.opts.Bearer {
		ask.headers = append(ask.headers,
			sip.NewHeader("WWW-Authenticate", `Bearer realm="`+a.opts.Realm+`"`),
			sip.NewHeader("WWW-Authenticate", digestChallenge))
	}
	return ask
}
