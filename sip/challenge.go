package sip

import (
	"errors"
	"fmt"
	"strings"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
)

// Auth answers the challenges of an upstream.
type Auth struct {
	User     string
	Password string
}

// maxChallenges is how often one request is answered with a challenge before we
// believe that it is meant: a proxy's, the registrar's, and one more for a nonce that has grown old.
const maxChallenges = 4

var errNoDigest = errors.New("no digest challenge that we can answer")

// challenged reports whether the response asks for credentials that we have and have not shown yet. before is how many
// challenges have been answered.
func challenged(req *sip.Request, res *sip.Response, auth *Auth, before int) bool {
	_, answerName, ok := challengeNames(res)
	if !ok || auth == nil || before >= maxChallenges {
		return false
	}
	if req.GetHeader(answerName) == nil {
		return true
	}
	challenge, err := challengeOf(res)
	return err == nil && challenge.Stale
}

func challengeNames(res *sip.Response) (challenge, answer string, ok bool) {
	switch res.StatusCode {
	case sip.StatusUnauthorized:
		return "WWW-Authenticate", "Authorization", true
	case sip.StatusProxyAuthRequired:
		return "Proxy-Authenticate", "Proxy-Authorization", true
	}
	return "", "", false
}

// challengeOf takes the first challenge that we can answer (RFC 8760 section 2.4).
func challengeOf(res *sip.Response) (*digest.Challenge, error) {
	name, _, _ := challengeNames(res)
	for _, header := range res.GetHeaders(name) {
		challenge, err := digest.ParseChallenge(strings.TrimSpace(header.Value()))
		if err == nil && digest.CanDigest(challenge) {
			challenge.Algorithm = strings.ToUpper(challenge.Algorithm)
			return challenge, nil
		}
	}
	return nil, errNoDigest
}

// authorise returns the request again with the answer to the challenge, the next sequence number and a new branch.
func (e *Endpoint) authorise(req *sip.Request, res *sip.Response, auth *Auth, seq uint32) (*sip.Request, error) {
	_, answerName, _ := challengeNames(res)
	challenge, err := challengeOf(res)
	if err != nil {
		return nil, fmt.Errorf("challenge of %s: %w", req.Method, err)
	}
	cred, err := digest.Digest(challenge, digest.Options{
		Method: string(req.Method), URI: req.Recipient.String(), Username: auth.User, Password: auth.Password, Count: 1,
	})
	if err != nil {
		return nil, fmt.Errorf("challenge of %s: %w", req.Method, err)
	}
	next := e.again(req, seq)
	next.RemoveHeader(answerName)
	next.AppendHeader(sip.NewHeader(answerName, cred.String()))
	return next, nil
}

// again is the request with another sequence number, for another transaction.
func (e *Endpoint) again(req *sip.Request, seq uint32) *sip.Request {
	next := req.Clone()
	next.RemoveHeader("Via")
	way := route{transport: req.Transport(), destination: req.Destination()}
	e.addVia(next, way)
	next.CSeq().SeqNo = seq
	e.aim(next, way)
	return next
}
