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
	// A stream that is being made is there on the disk a moment before the server knows it, and looks like one that is ill.
	mendAfter = time.Second
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

// mend opens the streams of the embedded server again when they have been ill for a while and there is room on the disk: it would
// not do so before its next start. Whoever could not use a stream calls it, again and again.
func (l *Log) mend(ctx context.Context) {
	if !l.mending.TryLock() {
		return
	}
	defer l.mending.Unlock()
	now := time.Now()
	if l.ill() == nil {
		l.illSince = time.Time{}
		return
	}
	if l.illSince.IsZero() || now.Sub(l.illSeen) > mendEvery { // it may have been well in between
		l.illSince = now
	}
	l.illSeen = now
	if now.Sub(l.illSince) < mendAfter || now.Sub(l.mended) < mendEvery {
		return
	}
	l.mended = now
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
	l.consumers.lost()
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
