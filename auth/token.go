package auth

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	issuer      = "sidecar"
	minKeySize  = 32
	maxTokenLen = 2048
)

// Token is what a logged-in user shows. It never prints.
type Token struct {
	Value     string
	ExpiresAt time.Time
}

// String hides the token.
func (Token) String() string { return "********" }

// LogValue hides the token from slog.
func (Token) LogValue() slog.Value { return slog.StringValue("********") }

// claims are the content of a token (RFC 7519). Role and DNs are not in it: they are read anew at every check.
type claims struct {
	jwt.RegisteredClaims
	Version int64 `json:"ver"`
}

// signer makes and reads tokens: JWT with HMAC-SHA256, since the only reader is the sidecar itself.
type signer struct {
	key  []byte
	life time.Duration
	now  func() time.Time
}

func (s signer) sign(u User) (Token, error) {
	now := s.now()
	c := claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    issuer,
			Subject:   strconv.FormatInt(int64(u.ID), 10),
			ID:        rand.Text(),
			IssuedAt:  jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(now.Add(s.life)),
		},
		Version: u.Version,
	}
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString(s.key)
	if err != nil {
		return Token{}, fmt.Errorf("sign a token: %w", err)
	}
	return Token{Value: text, ExpiresAt: c.ExpiresAt.Time}, nil
}

// read checks signature and times. Its errors say nothing of the token's content.
func (s signer) read(token string) (claims, UserID, error) {
	if len(token) > maxTokenLen {
		return claims{}, 0, ErrBadToken
	}
	var c claims
	_, err := jwt.ParseWithClaims(token, &c,
		func(*jwt.Token) (any, error) { return s.key, nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithIssuer(issuer), jwt.WithExpirationRequired(), jwt.WithTimeFunc(s.now))
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return claims{}, 0, ErrTokenExpired
	case err != nil:
		return claims{}, 0, ErrBadToken
	}
	id, err := strconv.ParseInt(c.Subject, 10, 64)
	if err != nil || c.ID == "" {
		return claims{}, 0, ErrBadToken
	}
	return c, UserID(id), nil
}
