package webhook_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/store"
	"sidecar/webhook"
)

// The environment of the process that is killed.
const (
	childDir = "WEBHOOK_TEST_DIR"
	childURL = "WEBHOOK_TEST_URL"
)

const killEvents = 2000

func childOf() (dir, url string) { return os.Getenv(childDir), os.Getenv(childURL) }

// child delivers a log that does not end with the process, until it is killed.
func child(dir, url string) {
	l := newTape()
	for range killEvents {
		l.add("Ringing")
	}
	db, err := store.OpenDB(context.Background(), dir)
	if err != nil {
		panic(err)
	}
	hooks, err := webhook.New(webhook.Options{
		Targets: []webhook.Target{{Name: "crm", URL: url, Secret: secret()}}, Node: "n1", Feed: l, Store: db, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		panic(err)
	}
	hooks.Run(context.Background())
}

// A sidecar that is killed, again and again, loses nothing, and what it sends twice has the same ids.
func TestKilledSidecarsLoseNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	x := &target{t: t}
	var mu sync.Mutex
	var process *os.Process
	kill := func() {
		mu.Lock()
		defer mu.Unlock()
		_ = process.Kill()
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := len(x.got()) + 1
		if n%5 == 2 { // before it has said that it has got it
			x.ServeHTTP(httptest.NewRecorder(), r)
			kill()
			return
		}
		x.ServeHTTP(w, r)
		if n%5 == 4 { // after
			kill()
		}
	}))
	defer server.Close()
	all := func() bool {
		ids := x.ids()
		return len(ids) > 0 && ids[len(ids)-1] == "n1-call-2000"
	}
	killed := 0
	for !all() {
		require.Less(t, killed, 100, "it gets nowhere")
		started := make(chan struct{})
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), childDir+"="+dir, childURL+"="+server.URL)
		mu.Lock() // it may send before we know it
		err := cmd.Start()
		process = cmd.Process
		mu.Unlock()
		require.NoError(t, err)
		ended := make(chan error, 1)
		go func() { close(started); ended <- cmd.Wait() }() // joined by ended
		<-started
		for waiting := true; waiting; {
			select {
			case err := <-ended:
				require.Error(t, err, "it ends when it is killed")
				waiting = false
			case <-time.After(time.Millisecond):
				if all() {
					_ = cmd.Process.Kill()
				}
			}
		}
		killed++
	}
	require.Greater(t, killed, 5)

	seen := map[string]uint64{}
	next, repeated := uint64(1), 0
	for _, r := range x.got() {
		verify(t, r)
		for i, id := range r.ids {
			if seq, known := seen[id]; known {
				require.Equal(t, seq, r.seqs[i])
				repeated++
				continue
			}
			require.Equal(t, next, r.seqs[i], "in order, without a hole")
			seen[id] = next
			next++
		}
	}
	require.Len(t, seen, killEvents)
	require.Positive(t, repeated)
	require.False(t, slices.Contains(x.ids(), ""))
}
