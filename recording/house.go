package recording

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	sweepEvery   = time.Hour
	measureEvery = 15 * time.Second
)

// keepHouse removes what is too old or too much, at once and every hour, and watches the disk.
func (a *Archive) keepHouse(ctx context.Context) {
	sweep, measure := time.NewTicker(sweepEvery), time.NewTicker(measureEvery)
	defer sweep.Stop()
	defer measure.Stop()
	a.sweep(ctx)
	for {
		select {
		case <-sweep.C:
			a.sweep(ctx)
		case <-measure.C:
		case <-ctx.Done():
			return
		}
		a.measure()
	}
}

func (a *Archive) sweep(ctx context.Context) {
	if a.o.KeepDays > 0 {
		a.sweepOld(ctx)
	}
	if a.o.MaxBytes > 0 {
		a.sweepLarge(ctx)
	}
}

// sweepOld removes whole days, with whatever a crash has left in them.
func (a *Archive) sweepOld(ctx context.Context) {
	y, m, d := time.Now().UTC().Date()
	first := time.Date(y, m, d, 0, 0, 0, 0, time.UTC).AddDate(0, 0, -a.o.KeepDays)
	for _, day := range a.days() {
		if ctx.Err() != nil || !day.Before(first) {
			return
		}
		n := len(a.day(day))
		if err := os.RemoveAll(a.dayPath(day)); err != nil {
			a.log.Error("recordings_not_removed", "day", day.Format(time.DateOnly), "error", err)
			continue
		}
		a.prune(day)
		a.log.Info("recordings_removed", "day", day.Format(time.DateOnly), "count", n, "cause", "keep_days")
	}
}

// sweepLarge removes the oldest recordings until the others fit.
func (a *Archive) sweepLarge(ctx context.Context) {
	days := a.days()
	sizes := make([]int64, len(days))
	total := int64(0)
	for i, day := range days {
		sizes[i] = dirBytes(a.dayPath(day))
		total += sizes[i]
	}
	removed := 0
	for _, day := range days {
		if total <= a.o.MaxBytes {
			break
		}
		for _, m := range a.day(day) {
			if total <= a.o.MaxBytes || ctx.Err() != nil {
				break
			}
			if err := a.remove(m.ID); err != nil {
				a.log.Error("recordings_not_removed", "recording", m.ID, "error", err)
				continue
			}
			total -= m.Bytes
			removed++
		}
		a.prune(day)
	}
	if removed > 0 {
		a.log.Info("recordings_removed", "count", removed, "bytes_left", total, "cause", "max_bytes")
	}
}

// prune removes the directories of a day, its month and its year that are empty now.
func (a *Archive) prune(day time.Time) {
	path := a.dayPath(day)
	for range 3 {
		_ = os.Remove(path) // refused while something is in it
		path = filepath.Dir(path)
	}
}

// dirBytes counts the sound of a day.
func dirBytes(dir string) (total int64) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	for _, entry := range entries {
		if filepath.Ext(entry.Name()) != soundExt {
			continue
		}
		if info, err := entry.Info(); err == nil {
			total += info.Size()
		}
	}
	return total
}

// Room says whether a recording may begin: nil, or ErrNoRoom. It asks no disk, and so never waits: the disk is looked at
// every 15 seconds.
func (a *Archive) Room() error {
	if why := a.full.Load(); why != nil {
		return fmt.Errorf("%w: %s", ErrNoRoom, *why)
	}
	return nil
}

// measure looks at the disk, and says so when things have changed.
func (a *Archive) measure() {
	var why string
	switch free, err := a.o.Free(a.root); {
	case err != nil:
		why = err.Error()
	case free < a.o.MinFree:
		why = fmt.Sprintf("%d bytes are free, and recording.min_free_bytes asks for %d", free, a.o.MinFree)
	}
	if why == "" {
		if a.full.Swap(nil) != nil {
			a.log.Info("recording_has_room_again")
		}
		return
	}
	if a.full.Swap(&why) == nil {
		a.log.Error("recording_has_no_room", "cause", why, "consequence", "no recording begins")
	}
}

func freeBytes(dir string) (uint64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("free space of %s: %w", dir, err)
	}
	return s.Bavail * uint64(s.Bsize), nil //nolint:gosec // a block has a size above 0
}
