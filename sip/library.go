package sip

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/emiago/sipgo/sip"
)

// longestDatagram is what pjsip, and so Asterisk, reads at least (PJSIP_MAX_PKT_LEN). RFC 3261 section 18.1.1 wants TCP for
// more than 1300 octets, which an INVITE with credentials and four codecs has; but few PBXs listen there, all others send
// fragments too, and a response can't change its transport anyway.
const longestDatagram = 4000

// library is where sipgo's default logger writes: to the log of the endpoint that was made last, or nowhere.
//
// sipgo has one such logger for the process and reads it without a lock, so the one safe moment to set it is before
// anything runs; the same is true of its limit for datagrams. It counts references to connections there, with warnings that mean nothing to who operates the daemon.
var library = redirectLibrary() //nolint:gochecknoglobals // as global as what it redirects

func redirectLibrary() *demoted {
	sip.UDPMTUSize = longestDatagram + 200 // it refuses what is within 200 octets of it
	d := new(demoted)
	sip.SetDefaultLogger(slog.New(d))
	return d
}

// demoted is a log handler for which everything is detail.
type demoted struct {
	to atomic.Pointer[slog.Logger]
}

func (d *demoted) handler() slog.Handler {
	if log := d.to.Load(); log != nil {
		return log.Handler()
	}
	return slog.DiscardHandler
}

func (d *demoted) Enabled(ctx context.Context, _ slog.Level) bool {
	return d.handler().Enabled(ctx, slog.LevelDebug)
}

func (d *demoted) Handle(ctx context.Context, r slog.Record) error {
	detail := slog.NewRecord(r.Time, slog.LevelDebug, "sipgo", r.PC)
	detail.AddAttrs(slog.String("text", r.Message))
	r.Attrs(func(a slog.Attr) bool {
		detail.AddAttrs(a)
		return true
	})
	return d.handler().Handle(ctx, detail) //nolint:wrapcheck // it is the handler's
}

// WithAttrs and WithGroup forget what they are told: where sipgo keeps a derived logger we give it another one.
func (d *demoted) WithAttrs([]slog.Attr) slog.Handler { return d }

// WithGroup returns the same handler.
func (d *demoted) WithGroup(string) slog.Handler { return d }
