package connector

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// tokens gives what the sidecar knows us by.
type tokens interface {
	// token is one that is good as far as we know.
	token(ctx context.Context) (string, error)
	// renew reports whether there may be another one than that, which the sidecar has refused.
	renew(refused string) bool
	// leave gives the token up.
	leave(ctx context.Context)
}

// givenToken is one that somebody else renews, by replacing the file.
type givenToken struct{ file, value string }

func (g givenToken) token(context.Context) (string, error) {
	if g.file == "" {
		if g.value == "" {
			return "", ErrNoToken
		}
		return g.value, nil
	}
	text, err := readSecret(g.file)
	if err != nil {
		return "", fmt.Errorf("the token: %w", err)
	}
	token := strings.TrimSpace(text)
	if token == "" || strings.ContainsAny(token, " \r\n\t") {
		return "", fmt.Errorf("%s: %w", g.file, ErrNoToken)
	}
	return token, nil
}

func (givenToken) renew(string) bool     { return false }
func (givenToken) leave(context.Context) {}

// readSecret reads a file that is its owner's only.
func readSecret(name string) (string, error) {
	file, err := os.Open(name) //nolint:gosec // named by whoever starts the connector
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }() // it was only read
	info, err := file.Stat()
	if err != nil {
		return "", err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 { // Windows has lists in place of modes
		return "", fmt.Errorf("%s: %w", name, ErrOpenFile)
	}
	text, err := io.ReadAll(io.LimitReader(file, maxSecret))
	return string(text), err
}

// poster sends a request to the sidecar.
type poster func(ctx context.Context, path, token string, body []byte) (reply, error)

// login is a name and password, and the token that the sidecar has given for them. It renews the token by itself.
type login struct {
	// Constant.
	user, file, value string // the password, or the file whose first line it is
	post              poster

	mu      sync.Mutex // held while we log in: who asks meanwhile gets the same token
	current string
	until   time.Time // when it is renewed
	refused string    // the password that the last attempt failed with
	why     error     // it failed
	pause   time.Time // until when there is no other attempt, with the same password
}

// How long an attempt that failed is not repeated: desktops ask every two seconds, and the sidecar shuts out who guesses.
const (
	pauseRefused = 10 * time.Minute
	pauseFailed  = 5 * time.Second
)

// token logs in when the last token has come to its end.
func (l *login) token(ctx context.Context) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if l.current != "" && now.Before(l.until) {
		return l.current, nil
	}
	password, err := l.password()
	if err != nil {
		return "", err
	}
	if now.Before(l.pause) && password == l.refused {
		return "", l.why
	}
	body, err := json.Marshal(map[string]string{"user": l.user, "password": password})
	if err != nil {
		return "", fmt.Errorf("log in: %w", err)
	}
	res, err := l.post(ctx, "/api/v1/login", "", body)
	if err != nil {
		return "", fmt.Errorf("log in: %w", err)
	}
	pause := l.take(res, now)
	l.pause, l.refused = now.Add(pause), password
	return l.current, l.why
}

func (l *login) password() (string, error) {
	if l.file == "" {
		return l.value, nil
	}
	text, err := readSecret(l.file)
	if err != nil {
		return "", fmt.Errorf("the password: %w", err)
	}
	line, _, _ := strings.Cut(text, "\n")
	if line = strings.TrimRight(line, "\r"); line == "" {
		return "", fmt.Errorf("%s: %w", l.file, ErrNoPassword)
	}
	return line, nil
}

// take reads the sidecar's answer to a login, and says how long it is not to be asked again.
func (l *login) take(res reply, now time.Time) (pause time.Duration) {
	l.current, l.why = "", nil
	switch res.status {
	case http.StatusOK:
	case http.StatusUnauthorized:
		l.why = ErrCredentials
		return pauseRefused
	default:
		l.why = answerError(res.status, res.text)
		if seconds, err := strconv.Atoi(res.header.Get("Retry-After")); err == nil {
			return min(time.Duration(seconds)*time.Second, pauseRefused)
		}
		return pauseFailed
	}
	var got struct {
		Token     string
		ExpiresAt time.Time
	}
	if json.Unmarshal(res.text, &got) != nil || got.Token == "" {
		l.why = &AnswerError{Status: res.status, Detail: "which holds no token"}
		return pauseFailed
	}
	// Its life by the sidecar's own clock: that of a PC may be anything.
	begun, err := http.ParseTime(res.header.Get("Date"))
	if err != nil {
		begun = now
	}
	l.current, l.until = got.Token, now.Add(got.ExpiresAt.Sub(begun)*9/10)
	return 0
}

// renew makes the next request log in anew, unless another has done so already.
func (l *login) renew(refused string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current == refused {
		l.current = ""
	}
	return true
}

func (l *login) leave(ctx context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current != "" {
		_, _ = l.post(ctx, "/api/v1/logout", l.current, nil) // the token ends by itself
		l.current = ""
	}
}

// jsonBody is nil for nothing.
func jsonBody(body []byte) io.Reader {
	if body == nil {
		return http.NoBody
	}
	return bytes.NewReader(body)
}
