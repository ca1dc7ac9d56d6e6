package phone

import (
	"fmt"
	"strings"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
)

func challenged(res *sip.Response) bool {
	return res.StatusCode == sip.StatusUnauthorized || res.StatusCode == sip.StatusProxyAuthRequired
}

// authorise returns the request to send after a 401 or 407: same dialog, next
// sequence number, a new branch and the answer to the challenge.
func (p *Phone) authorise(req *sip.Request, res *sip.Response, seq uint32) (*sip.Request, error) {
	challengeName, answerName := "WWW-Authenticate", "Authorization"
	if res.StatusCode == sip.StatusProxyAuthRequired {
		challengeName, answerName = "Proxy-Authenticate", "Proxy-Authorization"
	}
	if p.opts.Password == "" {
		return nil, fmt.Errorf("%w: %s to %s and the phone has no password", ErrUnchallenged, res.StartLine(), req.Method)
	}
	if previous := req.GetHeader(answerName); previous != nil && !stale(res, challengeName) {
		return nil, fmt.Errorf("%w: %s to %s: user %q or its password is wrong", ErrUnchallenged, res.StartLine(), req.Method, p.opts.AuthUser)
	}
	header := res.GetHeader(challengeName)
	if header == nil {
		return nil, fmt.Errorf("%w: %s without %s", ErrUnchallenged, res.StartLine(), challengeName)
	}
	challenge, err := digest.ParseChallenge(header.Value())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnchallenged, err)
	}
	challenge.Algorithm = strings.ToUpper(challenge.Algorithm)
	credentials, err := digest.Digest(challenge, digest.Options{
		Method: req.Method.String(), URI: req.Recipient.String(), Username: p.opts.AuthUser, Password: p.opts.Password, Count: 1,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnchallenged, err)
	}
	next := req.Clone()
	next.RemoveHeader("Via")
	next.RemoveHeader(answerName)
	next.CSeq().SeqNo = seq
	next.AppendHeader(sip.NewHeader(answerName, credentials.String()))
	return next, nil
}

// stale: the credentials were right, the nonce was too old (RFC 7616 section 3.3).
func stale(res *sip.Response, challengeName string) bool {
	header := res.GetHeader(challengeName)
	return header != nil && strings.Contains(strings.ToLower(header.Value()), "stale=true")
}
