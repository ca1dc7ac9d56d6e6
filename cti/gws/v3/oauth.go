package v3

import (
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"time"

	"sidecar/auth"
	"sidecar/cti/gws"
)

// maxForm is what a form may have at most.
const maxForm = 16 << 10

func (s *Server) authRoutes() {
	plain := func(h func(w http.ResponseWriter, r *http.Request) error) http.Handler {
		return s.cors().Allow(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, maxForm)
			if err := h(w, r); err != nil {
				s.refuse(w, r, err)
			}
		}))
	}
	s.mux.Handle("GET /auth/v3/oauth/authorize", plain(s.authorize))
	s.mux.Handle("POST /auth/v3/sign-in", plain(s.signIn))
	s.mux.Handle("POST /auth/v3/oauth/token", s.open(s.token))
	s.mux.Handle("GET /auth/v3/userinfo", s.open(s.userinfo))
	s.mux.Handle("/auth/v3/", plain(func(_ http.ResponseWriter, r *http.Request) error {
		return &refusal{http.StatusNotImplemented, http.StatusNotImplemented, "there is no " + r.Method + " " + r.URL.Path}
	}))
}

// checkRedirect allows pages of this host and of the allowed origins: whoever gets a code can act as the user.
func (s *Server) checkRedirect(r *http.Request, to string) error {
	if to == "" {
		return missing()
	}
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" {
		return badParameter("redirect_uri must be an absolute http or https URL without a fragment")
	}
	if u.Host == r.Host || slices.Contains(s.o.Origins, u.Scheme+"://"+u.Host) {
		return nil
	}
	return badParameter("redirect_uri must be of this host or of an allowed origin (http.allowed_origins)")
}

// signInPage is what the sign-in page shows.
type signInPage struct {
	RedirectURI string
	State       string
	Failed      string
}

func signInTemplate() *template.Template {
	return template.Must(template.New("sign-in").Parse(signInHTML))
}

// authorize shows the sign-in page. There is no silent sign-in: a page that may be sent to could have it done unseen.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	if kind := q.Get("response_type"); kind != "" && kind != "code" {
		return badParameter("response_type must be code")
	}
	to := q.Get("redirect_uri")
	if err := s.checkRedirect(r, to); err != nil {
		return err
	}
	return s.showSignIn(w, http.StatusOK, signInPage{RedirectURI: to, State: q.Get("state")})
}

func (s *Server) showSignIn(w http.ResponseWriter, status int, p signInPage) error {
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Frame-Options", "DENY")
	// No form-action: browsers apply it to the redirect that follows the form, which may lead to another origin.
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'")
	w.WriteHeader(status)
	if err := s.page.Execute(w, p); err != nil {
		s.o.Logger.Debug("sign_in_page", "error", err) // the browser has gone
	}
	return nil
}

// signIn takes the form of the sign-in page and sends the browser on with a code.
func (s *Server) signIn(w http.ResponseWriter, r *http.Request) error {
	if err := s.o.Tokens.CheckOrigin(r); err != nil {
		return err
	}
	if err := r.ParseForm(); err != nil {
		return badParameter("the body must be a form of at most 16 KiB")
	}
	to := r.PostForm.Get("redirect_uri")
	if err := s.checkRedirect(r, to); err != nil {
		return err
	}
	address, _ := s.o.Client(r)
	token, _, err := s.o.Tokens.Login(r.Context(), r.PostForm.Get("username"), r.PostForm.Get("password"), address)
	if status, why := deniedLogin(err); status != 0 {
		return s.showSignIn(w, status, signInPage{RedirectURI: to, State: r.PostForm.Get("state"), Failed: why})
	}
	if err != nil {
		return err
	}
	code, ok := s.codes.issue(grant{token: token.Value, expires: token.ExpiresAt, redirect: to}, time.Now())
	if !ok {
		return &refusal{http.StatusServiceUnavailable, http.StatusServiceUnavailable, "too many logins at once: try again"}
	}
	u, err := url.Parse(to)
	if err != nil {
		return fmt.Errorf("redirect_uri: %w", err)
	}
	q := u.Query()
	q.Set("code", code)
	if state := r.PostForm.Get("state"); state != "" {
		q.Set("state", state)
	}
	u.RawQuery = q.Encode()
	w.Header().Set("Referrer-Policy", "no-referrer")
	http.Redirect(w, r, u.String(), http.StatusFound) // #nosec G710 -- checkRedirect knows the host
	return nil
}

// deniedLogin is how the page tells that a name and password were not taken; 0 for other errors.
func deniedLogin(err error) (status int, why string) {
	if e, ok := errors.AsType[*auth.BackoffError](err); ok {
		return http.StatusTooManyRequests, fmt.Sprintf("Too many failed attempts. Try again in %d s.", e.Seconds())
	}
	if errors.Is(err, auth.ErrBadCredentials) {
		return http.StatusForbidden, "User or password is wrong."
	}
	return 0, ""
}

// tokenReply is an access token of RFC 6749, section 5.1.
type tokenReply struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int    `json:"expires_in"`
	Scope       string `json:"scope"`
}

// token gives a token for a code, or for a name and password.
func (s *Server) token(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := s.o.Tokens.CheckOrigin(r); err != nil {
		return err
	}
	if err := r.ParseForm(); err != nil {
		return oauthRefuse(w, http.StatusBadRequest, "invalid_request", "the body must be a form of at most 16 KiB")
	}
	form := r.PostForm
	var got grant
	switch form.Get("grant_type") {
	case "authorization_code":
		var ok bool
		if got, ok = s.codes.redeem(form.Get("code"), form.Get("redirect_uri"), time.Now()); !ok {
			return oauthRefuse(w, http.StatusBadRequest, "invalid_grant", "the code is unknown, used, too old, or was sent to another redirect_uri")
		}
	case "password":
		address, _ := s.o.Client(r)
		token, _, err := s.o.Tokens.Login(r.Context(), form.Get("username"), form.Get("password"), address)
		if status, why := deniedLogin(err); status != 0 {
			return oauthRefuse(w, status, "invalid_grant", why)
		}
		if err != nil {
			return err
		}
		got = grant{token: token.Value, expires: token.ExpiresAt}
	default:
		return oauthRefuse(w, http.StatusBadRequest, "unsupported_grant_type", "grant_type must be authorization_code or password")
	}
	return writeJSON(w, http.StatusOK, tokenReply{
		AccessToken: got.token, TokenType: "bearer", ExpiresIn: int(time.Until(got.expires).Seconds()), Scope: "*",
	})
}

// oauthRefuse answers as RFC 6749, section 5.2, wants it.
func oauthRefuse(w http.ResponseWriter, status int, code, why string) error {
	return writeJSON(w, status, map[string]string{"error": code, "error_description": why})
}

func writeJSON(w http.ResponseWriter, status int, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(text) // who has gone misses nothing
	return nil
}

// userinfo tells whose a token is.
func (s *Server) userinfo(w http.ResponseWriter, r *http.Request) error {
	token := gws.Bearer(r)
	if token == "" {
		return unauthorized()
	}
	who, err := s.o.Tokens.Verify(r.Context(), token)
	if err != nil {
		return err
	}
	first, last := names(who.DisplayName, who.User)
	return writeJSON(w, http.StatusOK, map[string]any{
		"sub": who.ID(), "dbid": int64(who.UserID), "userName": who.User, "loginName": who.User, "employeeId": who.User,
		"firstName": first, "lastName": last, "properties": map[string]string{"firstName": first, "lastName": last},
	})
}
