package main

import (
	"bytes"
	"context"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

const (
	credentials = "# head\nadmin\tsecret-a\tadmin\t\nsupervisor\tsecret-s\tsupervisor\t5001\n"
	secrets     = `[{"dn":"5001","password":"one"},{"number":"5002","password":"two"},{"dn":"5003","password":"three"}]`
)

func TestParse(t *testing.T) {
	t.Parallel()
	args := []string{
		"--api", "http://127.0.0.1:1", "--sip", "127.0.0.1:2", "--customer", "127.0.0.2:0",
		"--credentials", write(t, credentials), "--dn-secrets", write(t, secrets),
	}
	s, err := parse(args, io.Discard)
	require.NoError(t, err)
	require.Equal(t, agent{"5001", "one"}, s.first)
	require.Equal(t, agent{"5002", "two"}, s.second)
	require.Equal(t, "supervisor", s.user)
	require.Equal(t, "secret-s", s.password)

	_, err = parse(args[2:], io.Discard)
	require.ErrorIs(t, err, errMissing)
	require.ErrorContains(t, err, "--api")
	_, err = parse(append(args, "--second", "5009"), io.Discard)
	require.ErrorContains(t, err, "5009")
	_, err = parse(append(args, "more"), io.Discard)
	require.ErrorIs(t, err, errArgument)
	_, err = parse(append(args, "--credentials", write(t, "agent\tx\tagent\t5001\n")), io.Discard)
	require.ErrorIs(t, err, errNoUser)
	_, err = parse([]string{"--help"}, io.Discard)
	require.ErrorIs(t, err, flag.ErrHelp)
}

func TestParseWithConfiguration(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(data, "credentials.txt"), []byte(credentials), 0o600))
	file := write(t, "data_dir: "+data+"\nhttp: {listen: \"127.0.0.1:1234\"}\nnetwork: {sip_listen: \"127.0.0.1:5678\"}\n"+
		"dns: [{numbers: [5001-5002], owner: phone}]\ntrunks: [{name: demo, kind: peer, host: \"127.0.0.1:9012\"}]\n")
	s, err := parse([]string{"--config", file}, io.Discard)
	require.NoError(t, err)
	require.Equal(t, "http://127.0.0.1:1234", s.api)
	require.Equal(t, "127.0.0.1:5678", s.sip)
	require.Equal(t, "127.0.0.1:9012", s.customer)
	require.NotEmpty(t, s.first.password)
	require.NotEqual(t, s.first.password, s.second.password)
	s, err = parse([]string{"--config", file, "--api", "http://127.0.0.1:1"}, io.Discard)
	require.NoError(t, err)
	require.Equal(t, "http://127.0.0.1:1", s.api, "a flag overrides the file")
}

func TestReachable(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string]string{
		"0.0.0.0:80": "127.0.0.1:80", ":80": "127.0.0.1:80", "[::]:80": "127.0.0.1:80", "127.0.0.2:80": "127.0.0.2:80", "pbx:80": "pbx:80",
	} {
		require.Equal(t, want, reachable(listen))
	}
}

func TestFeedWaitsForOrder(t *testing.T) {
	t.Parallel()
	f := newFeed(newScreen(io.Discard))
	f.take(&event{ID: "1", DN: "5001", Name: "Ringing"})
	f.take(&event{ID: "1", DN: "5001", Name: "Ringing"})
	f.take(&event{ID: "2", DN: "5002", Name: "Established"})
	f.take(&event{ID: "3", DN: "5001", Name: "Held"})
	f.take(&event{ID: "4", DN: "5001", Name: "Released"})
	require.NoError(t, f.wait(t.Context(), "5001", "Ringing", "Released"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, f.wait(ctx, "5001", "Released", "Ringing"))
	require.Error(t, f.wait(ctx, "5001", "Ringing", "Ringing"), "a repeated delivery counts once")
	require.Error(t, f.wait(ctx, "5001", "Established"))
}

// A system that refuses the login fails the demo, and its words are shown.
func TestRunFails(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"title":"Unauthorized","detail":"wrong user or password"}`)
	}))
	t.Cleanup(server.Close)
	var out bytes.Buffer
	err := run(t.Context(), []string{
		"--api", server.URL, "--sip", "127.0.0.1:2", "--customer", "127.0.0.2:0",
		"--credentials", write(t, credentials), "--dn-secrets", write(t, secrets),
	}, &out, io.Discard)
	require.ErrorIs(t, err, errFailed)
	require.Contains(t, out.String(), "FAILED REST: the login gives a token: POST /api/v1/login was answered 401 Unauthorized: wrong user or password")
	require.NotContains(t, out.String(), "secret-s")
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := newScreen(&out)
	require.NoError(t, s.prove("this", nil))
	require.NoError(t, s.verdict())
	require.ErrorIs(t, s.prove("that", errStep), errFailed)
	require.ErrorIs(t, s.verdict(), errFailed)
	require.Contains(t, out.String(), "1 of 2 things")
}
