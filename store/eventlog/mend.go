package eventlog

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	mendEvery = 5 * time.Second
	probeFile = "room"
	probeSize = 1 << 20 // of what must fit on the disk before the streams are opened again
)

// ill says what is wrong with the files of the embedded server. A stream that could not be written once refuses everything from
// then on, and the server does not even answer.
func (l *Log) ill() error {
	if l.server == nil {
		return nil
	}
	if health := l.server.Healthz(&server.HealthzOptions{}); health.Error != "" {
		return fmt.Errorf("%w: %s", errFiles, health.Error)
	}
	return nil
}

// mend opens the streams of the embedded server again when they are ill and there is room on the disk: it would not do so before
// its next start.
func (l *Log) mend(ctx context.Context) {
	if l.ill() == nil || !l.mending.TryLock() {
		return
	}
	defer l.mending.Unlock()
	if time.Since(l.mended) < mendEvery || l.ill() == nil {
		return
	}
	l.mended = time.Now()
	if err := l.room(); err != nil {
		l.o.Logger.ErrorContext(ctx, "event_log_has_no_room", "error", err)
		return
	}
	settings := l.settings
	settings.StoreDir = l.o.Dir // the server appends its own directory
	if err := l.server.ShutdownJetStream(); err != nil {
		l.o.Logger.ErrorContext(ctx, "event_log_not_reopened", "error", err)
		return
	}
	if err := l.server.EnableJetStream(&settings); err != nil {
		l.o.Logger.ErrorContext(ctx, "event_log_not_reopened", "error", err)
		return
	}
	l.o.Logger.InfoContext(ctx, "event_log_reopened")
}

// room tries whether something can be written.
func (l *Log) room() error {
	path := filepath.Join(l.o.Dir, probeFile)
	err := os.WriteFile(path, make([]byte, probeSize), 0o600)
	if gone := os.Remove(path); err == nil {
		err = gone
	}
	return err
}
