package store_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/auth"
	"sidecar/store"
)

// openAudit makes an audit log; stop ends its writer.
func openAudit(t *testing.T, dir string, keep time.Duration) (a *store.AuditLog, stop func()) {
	t.Helper()
	db, err := store.OpenDB(t.Context(), dir)
	require.NoError(t, err)
	a = store.NewAuditLog(db, keep, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { a.Run(ctx) })
	stop = sync.OnceFunc(func() {
		cancel()
		wg.Wait()
		require.NoError(t, db.Close())
	})
	t.Cleanup(stop)
	return a, stop
}

func subjects(t *testing.T, a *store.AuditLog, q auth.AuditQuery) string {
	t.Helper()
	list, err := a.Entries(t.Context(), q)
	require.NoError(t, err)
	var out []string
	for _, e := range list {
		out = append(out, e.Subject)
	}
	return strings.Join(out, " ")
}

func TestAuditPages(t *testing.T) {
	t.Parallel()
	a, _ := openAudit(t, t.TempDir(), 0)
	for i, actor := range []string{"boss", "root", "boss", "other"} {
		require.NoError(t, a.Audit(t.Context(), actor, "hangup", fmt.Sprintf("C%d", i), map[string]string{"result": "done"}))
	}
	require.NoError(t, a.Audit(t.Context(), "x' OR 1=1 --", "hangup", "C4", nil))

	list, err := a.Entries(t.Context(), auth.AuditQuery{Limit: 2})
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), list[1].Time, time.Minute)
	list[1].Time = time.Time{}
	require.Equal(t, auth.AuditEntry{ID: 4, Actor: "other", Action: "hangup", Subject: "C3", Detail: map[string]string{"result": "done"}}, list[1])
	require.Empty(t, list[0].Detail)
	require.Equal(t, "C2 C1", subjects(t, a, auth.AuditQuery{Limit: 2, Before: 4}))
	require.Equal(t, "C0", subjects(t, a, auth.AuditQuery{Limit: 2, Before: 2}))
	require.Equal(t, "C3 C2 C0", subjects(t, a, auth.AuditQuery{Limit: 9, Actors: []string{"boss", "other"}}))
	require.Equal(t, "C4", subjects(t, a, auth.AuditQuery{Limit: 9, Actors: []string{"x' OR 1=1 --"}}))
	require.Empty(t, subjects(t, a, auth.AuditQuery{Limit: 9, Actors: []string{}}), "nobody's is not everybody's")
}

func TestAuditSurvivesAStop(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, stop := openAudit(t, dir, 0)
	for i := range 250 { // more than one transaction's
		require.NoError(t, a.Audit(t.Context(), "boss", "hangup", fmt.Sprintf("C%d", i), nil))
	}
	stop() // what waits is written first
	a, _ = openAudit(t, dir, 0)
	require.Equal(t, "C249 C248", subjects(t, a, auth.AuditQuery{Limit: 2}))
	require.Len(t, strings.Fields(subjects(t, a, auth.AuditQuery{Limit: 1000})), 250)
}

// Nothing writes here: the queue fills, the caller does not wait, and what is lost is in the log.
func TestAuditNeverWaits(t *testing.T) {
	t.Parallel()
	db, err := store.OpenDB(t.Context(), t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	var text strings.Builder
	a := store.NewAuditLog(db, 0, slog.New(slog.NewTextHandler(&text, nil)))
	for range 1000 {
		require.NoError(t, a.Audit(t.Context(), "boss", "hangup", "C", nil))
	}
	require.Empty(t, text.String())
	require.ErrorIs(t, a.Audit(t.Context(), "boss", "hangup", "LOST", map[string]string{"to": "030"}), store.ErrAuditFull)
	require.Contains(t, text.String(), "level=ERROR msg=audit_not_written")
	require.Contains(t, text.String(), "subject=LOST detail=map[to:030]")
}

// A database that takes nothing loses entries, but neither the log's text of them nor the writer.
func TestAuditOfABrokenDatabase(t *testing.T) {
	t.Parallel()
	db, err := store.OpenDB(t.Context(), t.TempDir())
	require.NoError(t, err)
	require.NoError(t, db.Close())
	var text strings.Builder
	a := store.NewAuditLog(db, 0, slog.New(slog.NewTextHandler(&text, nil)))
	require.NoError(t, a.Audit(t.Context(), "boss", "hangup", "LOST", nil))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a.Run(ctx)
	require.Contains(t, text.String(), "msg=audit_not_written")
	require.Contains(t, text.String(), "subject=LOST")
}

func TestOldAuditEntriesGo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		a, stop := openAudit(t, dir, 48*time.Hour)
		require.NoError(t, a.Audit(t.Context(), "boss", "hangup", "OLD", nil))
		time.Sleep(47 * time.Hour)
		require.NoError(t, a.Audit(t.Context(), "boss", "hangup", "NEW", nil))
		require.Equal(t, "NEW OLD", subjects(t, a, auth.AuditQuery{Limit: 9}))
		time.Sleep(3 * time.Hour)
		require.Equal(t, "NEW", subjects(t, a, auth.AuditQuery{Limit: 9}))
		stop()
	})
}

func TestAuditEntriesAreNotChanged(t *testing.T) {
	t.Parallel()
	a, _ := openAudit(t, t.TempDir(), 0)
	require.NoError(t, a.Audit(t.Context(), "boss", "hangup", "C", nil))
	require.Equal(t, "C", subjects(t, a, auth.AuditQuery{Limit: 1}))
	require.ErrorContains(t, store.ExecForTest(t.Context(), a, "UPDATE audit SET actor = 'nobody'"), "never changed")
	require.Equal(t, "C", subjects(t, a, auth.AuditQuery{Limit: 1, Actors: []string{"boss"}}))
}
