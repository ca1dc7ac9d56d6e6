package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/store"
	"sidecar/webhook"
)

func TestWebhookCursors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db, err := store.OpenDB(t.Context(), dir)
	require.NoError(t, err)
	cursor := func(want string) {
		t.Helper()
		got, failed := db.WebhookCursor(t.Context(), "crm")
		require.NoError(t, failed)
		require.Equal(t, want, got)
	}
	cursor("")
	require.NoError(t, db.SetWebhookCursor(t.Context(), "crm", "e:1"))
	require.NoError(t, db.SetWebhookCursor(t.Context(), "erp", "e:9"))
	require.NoError(t, db.SetWebhookCursor(t.Context(), "crm", "e:2"))
	cursor("e:2")
	require.NoError(t, db.AddDeadLetter(t.Context(), webhook.DeadLetter{Target: "crm", Body: []byte("{}")}, "e:3"))
	cursor("e:3")
	require.NoError(t, db.AddDeadLetter(t.Context(), webhook.DeadLetter{Target: "crm", Body: []byte("{}")}, ""))
	cursor("e:3")
	require.NoError(t, db.Close())
	db, err = store.OpenDB(t.Context(), dir)
	require.NoError(t, err)
	cursor("e:3")
	require.NoError(t, db.Close())
}

func TestDeadLetters(t *testing.T) {
	t.Parallel()
	db, err := store.OpenDB(t.Context(), t.TempDir())
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	at := time.UnixMilli(1700000000123)
	for i, target := range []string{"crm", "erp", "crm", "crm"} {
		require.NoError(t, db.AddDeadLetter(t.Context(), webhook.DeadLetter{
			Target: target, MessageID: "m", At: at.Add(time.Duration(i) * time.Hour), Events: 2, Attempts: 3, Reason: "late", Body: []byte("{}"),
		}, ""))
	}
	ids := func(q webhook.DeadLetterQuery) (out []int64) {
		t.Helper()
		q.Target = "crm"
		list, failed := db.DeadLetters(t.Context(), q)
		require.NoError(t, failed)
		for _, d := range list {
			require.Empty(t, d.Body)
			out = append(out, d.ID)
		}
		return out
	}
	require.Equal(t, []int64{4, 3, 1}, ids(webhook.DeadLetterQuery{Limit: 5}))
	require.Equal(t, []int64{4, 3}, ids(webhook.DeadLetterQuery{Limit: 2}))
	require.Equal(t, []int64{1}, ids(webhook.DeadLetterQuery{Limit: 2, Before: 3}))
	d, err := db.DeadLetter(t.Context(), "crm", 3)
	require.NoError(t, err)
	require.Equal(t, webhook.DeadLetter{
		ID: 3, Target: "crm", MessageID: "m", At: at.Add(2 * time.Hour), Events: 2, Attempts: 3, Reason: "late", Body: []byte("{}"),
	}, d)
	_, err = db.DeadLetter(t.Context(), "crm", 2)
	require.ErrorIs(t, err, webhook.ErrNoDeadLetter, "of another webhook")
	require.ErrorIs(t, db.RemoveDeadLetter(t.Context(), "crm", 2), webhook.ErrNoDeadLetter)
	require.NoError(t, db.RemoveDeadLetter(t.Context(), "crm", 3))
	require.NoError(t, db.TrimDeadLetters(t.Context(), at.Add(time.Hour)))
	require.Equal(t, []int64{4}, ids(webhook.DeadLetterQuery{Limit: 5}))
	n, err := db.CountDeadLetters(t.Context(), "erp")
	require.NoError(t, err)
	require.Equal(t, 1, n)
}
