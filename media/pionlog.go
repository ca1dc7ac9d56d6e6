package media

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// pionLogs hands Pion's messages to slog. A warning of Pion is about one browser's packets, which a stranger can cause
// at will, so everything below an error is debug output here.
type pionLogs struct {
	log *slog.Logger
}

// NewLogger implements [logging.LoggerFactory].
func (p pionLogs) NewLogger(scope string) logging.LeveledLogger {
	return pionLogger{log: p.log.With("scope", scope)}
}

type pionLogger struct {
	log *slog.Logger
}

func (l pionLogger) debug(text string) { l.log.Debug("pion", "text", text) }

func (l pionLogger) debugf(format string, args []any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) { // Pion has no context to give
		l.debug(fmt.Sprintf(format, args...))
	}
}

// Trace and the others implement [logging.LeveledLogger]. Trace is one line per packet and goes nowhere.
func (l pionLogger) Trace(string)                      {}
func (l pionLogger) Tracef(string, ...any)             {}
func (l pionLogger) Debug(msg string)                  { l.debug(msg) }
func (l pionLogger) Debugf(format string, args ...any) { l.debugf(format, args) }
func (l pionLogger) Info(msg string)                   { l.debug(msg) }
func (l pionLogger) Infof(format string, args ...any)  { l.debugf(format, args) }
func (l pionLogger) Warn(msg string)                   { l.debug(msg) }
func (l pionLogger) Warnf(format string, args ...any)  { l.debugf(format, args) }
func (l pionLogger) Error(msg string)                  { l.debug(msg) }
func (l pionLogger) Errorf(format string, args ...any) { l.debugf(format, args) }
