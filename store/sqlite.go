package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// DBFile is the name of the database in the data directory.
const DBFile = "sidecar.db"

// How long a statement waits for another process's transaction, and opening for another process's migration.
const (
	busyTimeout = 5 * time.Second
	lockTimeout = 10 * time.Second
	lockRetry   = 20 * time.Millisecond
)

//go:embed migrations/*.sql
var migrations embed.FS

// DB is the embedded database. Several processes may have it open at once: the daemon and the command line.
type DB struct {
	sql    *sql.DB
	bearer *sql.Stmt // asked with every request, so planned once: docs/performance.md, the check of a token
}

// OpenDB opens the database in dataDir, makes it (and the directory) when it is missing, and brings its tables up
// to date. Database and directory are for the owner only.
func OpenDB(ctx context.Context, dataDir string) (*DB, error) {
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	file := filepath.Join(dataDir, DBFile)
	unlock, err := lockFile(ctx, file+".lock")
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", file, err)
	}
	defer unlock()
	if err = ownFile(file); err != nil {
		return nil, fmt.Errorf("open %s: %w", file, err)
	}
	handle, err := sql.Open("sqlite", dsn(file))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", file, err)
	}
	handle.SetMaxOpenConns(4)
	handle.SetMaxIdleConns(4)
	if err = migrate(ctx, handle); err != nil {
		return nil, fmt.Errorf("open %s: %w", file, errors.Join(err, handle.Close()))
	}
	bearer, err := handle.PrepareContext(ctx, selectBearer)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", file, errors.Join(err, handle.Close()))
	}
	return &DB{sql: handle, bearer: bearer}, nil
}

// Close closes the database.
func (db *DB) Close() error {
	if err := errors.Join(db.bearer.Close(), db.sql.Close()); err != nil {
		return fmt.Errorf("close the database: %w", err)
	}
	return nil
}

// Check reports whether the database can be read.
func (db *DB) Check(ctx context.Context) error {
	var one int
	if err := db.sql.QueryRowContext(ctx, "SELECT 1 FROM goose_db_version LIMIT 1").Scan(&one); err != nil {
		return fmt.Errorf("read the database: %w", err)
	}
	return nil
}

// dsn: the write-ahead log lets readers go on beside a writer; synchronous FULL, since users change rarely and a
// change that was confirmed must survive power loss; transactions take the write lock at once, since one that
// takes it later can fail instead of waiting (https://www.sqlite.org/lang_transaction.html).
func dsn(file string) string {
	q := url.Values{"_txlock": {"immediate"}, "_pragma": {
		fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()),
		"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
	}}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: file, RawQuery: q.Encode()}).String()
}

func migrate(ctx context.Context, handle *sql.DB) error {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, handle, dir, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("bring the tables up to date: %w", err)
	}
	return nil
}

// ownFile makes the file before SQLite does, so that it is never readable by others; SQLite gives its log files
// the same mode.
func ownFile(file string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600) // #nosec G304 -- a file of our own data directory
	if err != nil {
		return err
	}
	return errors.Join(f.Chmod(0o600), f.Close())
}

// lockFile keeps other processes from opening the database at the same time: neither the switch to the write-ahead
// log nor the migrations wait for each other.
func lockFile(ctx context.Context, file string) (unlock func(), err error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600) // #nosec G304 -- a file of our own data directory
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) // #nosec G115 -- a descriptor is small
		if err == nil {
			return func() { _ = f.Close() }, nil // closing gives the lock back
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(fmt.Errorf("lock: %w", err), f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("wait for another process to open it: %w", ctx.Err()), f.Close())
		case <-time.After(lockRetry):
		}
	}
}
