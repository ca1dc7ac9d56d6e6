package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"

	"sidecar/api"
	"sidecar/bridge"
	"sidecar/bridge/ariswitch"
	"sidecar/recording"
	"sidecar/store"
)

// recordings are what is kept of calls. They are given also when nothing is recorded any more.
type recordings struct {
	journal *store.Journal[recording.Recorded] // what is still to be fetched
	archive *recording.Archive
}

func (d *daemon) buildRecordings(context.Context) (err error) {
	r := &d.recordings
	if r.journal, err = store.OpenJournal[recording.Recorded](filepath.Join(d.cfg.DataDir, "recordings.journal"), d.log); err != nil {
		return err
	}
	c := d.cfg.Recording
	if !c.Enabled {
		c.MinFreeBytes = 0 // no recording begins anyway: a small disk is no fault
	}
	r.archive, err = recording.Open(recording.Options{
		Dir: filepath.Join(d.cfg.DataDir, "recordings"), Switch: storedFiles{d}, Journal: r.journal,
		KeepDays: c.KeepDays, MaxBytes: int64(c.MaxBytes), MinFree: uint64(c.MinFreeBytes), Log: d.log, //nolint:gosec // validated: at least 0
	})
	return err
}

func (r *recordings) close() error {
	if r.journal == nil {
		return nil
	}
	return r.journal.Close()
}

// sound is what the API gives of it.
func (d *daemon) sound() api.Sound {
	return api.Sound{Archive: d.recordings.archive, AgentsMayListen: d.cfg.Recording.AgentsMayListen, Taps: d.taps}
}

func (d *daemon) recordingMetrics(gauge func(name, help string, labels prometheus.Labels, value func() float64)) {
	gauge("sidecar_recordings_pending", "Recordings that are still to be fetched from Asterisk.", nil, func() float64 {
		return float64(d.recordings.archive.Pending())
	})
	gauge("sidecar_recording_room", "1 while the disk has room for recordings.", nil, func() float64 {
		return one(d.recordings.archive.Room() == nil)
	})
}

// storedFiles lets the archive fetch what an Asterisk has recorded. The archive is there before the engine, which has
// recordings for it, and so before the clients.
type storedFiles struct{ d *daemon }

func (f storedFiles) at() *ariswitch.Stored { return ariswitch.NewStored(f.d.clients) }

func (f storedFiles) Fetch(ctx context.Context, server, name string) (io.ReadCloser, error) {
	file, err := f.at().Fetch(ctx, bridge.ServerID(server), name)
	return file, unlessThere(err)
}

func (f storedFiles) Remove(ctx context.Context, server, name string) error {
	return unlessThere(f.at().Remove(ctx, bridge.ServerID(server), name))
}

// unlessThere says in the archive's words that a file is gone.
func unlessThere(err error) error {
	if errors.Is(err, ariswitch.ErrNoRecording) {
		return fmt.Errorf("%w: %w", recording.ErrGone, err)
	}
	return err
}
