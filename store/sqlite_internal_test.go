package store

import (
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"
)

// Internal, since what these settings do shows from outside only after power loss or a bug of ours.
func TestSettings(t *testing.T) {
	t.Parallel()
	db, err := OpenDB(t.Context(), t.TempDir())
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	for pragma, want := range map[string]string{
		"foreign_keys": "1", "journal_mode": "wal", "synchronous": "2", "busy_timeout": "5000",
	} {
		var got string
		require.NoError(t, db.sql.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got))
		require.Equal(t, want, got, pragma)
	}
}

// A transaction that reads first and takes the write lock later can fail when another process wrote in between.
func TestTransactionHasTheWriteLockFromTheStart(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	first, err := OpenDB(t.Context(), data)
	require.NoError(t, err)
	defer func() { require.NoError(t, first.Close()) }()
	second, err := OpenDB(t.Context(), data)
	require.NoError(t, err)
	defer func() { require.NoError(t, second.Close()) }()
	impatient, err := second.sql.Conn(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, impatient.Close()) }()
	_, err = impatient.ExecContext(t.Context(), "PRAGMA busy_timeout = 0")
	require.NoError(t, err)
	write := func() error {
		_, err := impatient.ExecContext(t.Context(), "INSERT INTO teams (name) VALUES ('red')")
		return err
	}
	require.NoError(t, first.inTx(t.Context(), func(*sql.Tx) error {
		require.ErrorContains(t, write(), "locked")
		return nil
	}))
	require.NoError(t, write())
}
