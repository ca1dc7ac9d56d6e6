package api

import (
	"context"
	"net/http"

	"sidecar/auth"
)

type loginInput struct {
	Body LoginRequest
}

// LoginRequest names the user and proves it.
type LoginRequest struct {
	User     string `json:"user" minLength:"1" maxLength:"64"`
	Password string `json:"password" minLength:"1" maxLength:"256" format:"password"`
}

type loginOutput struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
	Body      LoginResponse
}

// LoginResponse is the token with what it gives.
type LoginResponse struct {
	Token     string `json:"token" doc:"Send it as Authorization: Bearer TOKEN"`
	ExpiresAt string `json:"expiresAt" format:"date-time"`
	Me
}

// Me is the user who asks.
type Me struct {
	User        string   `json:"user"`
	DisplayName string   `json:"displayName"`
	Role        string   `json:"role" enum:"agent,supervisor,admin"`
	Team        string   `json:"team,omitempty"`
	DNs         []string `json:"dns" nullable:"false" doc:"DNs of the user's own"`
	Scope       []string `json:"scope,omitempty" nullable:"false" doc:"DNs that the user sees; missing when seesAll"`
	SeesAll     bool     `json:"seesAll" doc:"Whether the user sees every DN"`
}

type meOutput struct{ Body Me }

type logoutOutput struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
}

func (s *server) registerSession() {
	register(s, endpoint{
		id: "login", method: http.MethodPost, path: "/api/v1/login", tag: "session", public: true,
		summary: "Log in for a token, which comes in the body and as a cookie",
		errors:  []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests},
		before:  func(r *http.Request) error { return s.Auth.CheckOrigin(r) },
	}, s.login)
	register(s, endpoint{
		id: "logout", method: http.MethodPost, path: "/api/v1/logout", tag: "session", status: http.StatusNoContent,
		summary: "Make the token stop to count",
	}, s.logout)
	register(s, endpoint{
		id: "me", method: http.MethodGet, path: "/api/v1/me", tag: "session",
		summary: "Tell who the token stands for",
	}, func(ctx context.Context, _ *struct{}) (*meOutput, error) {
		return &meOutput{Body: meOf(principalOf(ctx))}, nil
	})
}

func (s *server) login(ctx context.Context, in *loginInput) (*loginOutput, error) {
	info := infoOf(ctx)
	token, p, err := s.Auth.Login(ctx, in.Body.User, in.Body.Password, info.address)
	if err != nil {
		return nil, err
	}
	info.user = p.User
	return &loginOutput{
		SetCookie: *auth.SessionCookie(token, info.secure),
		Body:      LoginResponse{Token: token.Value, ExpiresAt: stamp(token.ExpiresAt), Me: meOf(p)},
	}, nil
}

func (s *server) logout(ctx context.Context, _ *struct{}) (*logoutOutput, error) {
	if err := s.Auth.Logout(ctx, principalOf(ctx)); err != nil {
		return nil, err
	}
	return &logoutOutput{SetCookie: *auth.SessionCookie(auth.Token{}, infoOf(ctx).secure)}, nil
}

func meOf(p auth.Principal) Me {
	me := Me{
		User: p.User, DisplayName: p.DisplayName, Role: string(p.Role), Team: p.Team,
		DNs: list(p.DNs), SeesAll: p.SeesAll(),
	}
	if !me.SeesAll {
		me.Scope = p.Scope
	}
	return me
}
