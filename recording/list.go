package recording

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Query says which recordings are wanted; a zero field means any.
type Query struct {
	DN    string
	Call  string
	From  time.Time // begun at that time or later
	To    time.Time // begun before that time
	After string    // Next of an earlier page
	Limit int       // at least 1
	May   func(Meta) bool
}

// Page is a part of a list of recordings.
type Page struct {
	Recordings []Meta // the latest first
	Next       string // cursor of the next page; empty: this is the last one
}

// List finds recordings, the latest first. It reads the metadata day by day until the page is full, so that a narrow
// From and To is quick, and a call's recordings without them take a look at every day. It fails with ErrCursor.
func (a *Archive) List(ctx context.Context, q Query) (Page, error) {
	after, err := parseCursor(q.After)
	if err != nil {
		return Page{}, err
	}
	if !after.at.IsZero() && (q.To.IsZero() || after.at.Before(q.To)) {
		q.To = after.at.Add(1) // the cursor's own moment included
	}
	page := Page{Recordings: make([]Meta, 0, q.Limit)}
	days := a.days()
	slices.Reverse(days)
	for _, day := range days {
		if !q.To.IsZero() && !day.Before(q.To) || !q.From.IsZero() && day.AddDate(0, 0, 1).Before(q.From) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return Page{}, err
		}
		recordings := a.day(day)
		slices.Reverse(recordings)
		for _, m := range recordings {
			if !q.matches(m) || !after.before(m) {
				continue
			}
			if len(page.Recordings) == q.Limit {
				page.Next = cursorOf(page.Recordings[q.Limit-1])
				return page, nil
			}
			page.Recordings = append(page.Recordings, m)
		}
	}
	return page, nil
}

func (q Query) matches(m Meta) bool {
	return (q.DN == "" || slices.Contains(m.DNs, q.DN)) && (q.Call == "" || m.Call == q.Call) &&
		(q.From.IsZero() || !m.StartedAt.Before(q.From)) && (q.To.IsZero() || m.StartedAt.Before(q.To)) &&
		(q.May == nil || q.May(m))
}

// cursor is a place in the list of all recordings.
type cursor struct {
	at time.Time
	id string
}

func cursorOf(m Meta) string { return strconv.FormatInt(m.StartedAt.UnixNano(), 10) + "_" + m.ID }

func parseCursor(text string) (cursor, error) {
	if text == "" {
		return cursor{}, nil
	}
	at, id, _ := strings.Cut(text, "_")
	nanos, err := strconv.ParseInt(at, 10, 64)
	if _, ok := dayOf(id); err != nil || !ok {
		return cursor{}, ErrCursor
	}
	return cursor{at: time.Unix(0, nanos), id: id}, nil
}

// before reports whether m comes after the cursor in the list.
func (c cursor) before(m Meta) bool {
	return c.at.IsZero() || cmp.Or(m.StartedAt.Compare(c.at), cmp.Compare(m.ID, c.id)) < 0
}

// days are those with a directory, the oldest first.
func (a *Archive) days() []time.Time {
	var days []time.Time
	paths, _ := filepath.Glob(filepath.Join(escape(a.root), "[0-9][0-9][0-9][0-9]", "[0-9][0-9]", "[0-9][0-9]")) // the pattern is right
	for _, path := range paths {
		rel, err := filepath.Rel(a.root, path)
		if err != nil {
			continue
		}
		if day, err := time.Parse("2006/01/02", filepath.ToSlash(rel)); err == nil {
			days = append(days, day)
		}
	}
	return days
}

// escape keeps what means something in a pattern from doing so.
func escape(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// day gives the recordings that began on a day, the oldest first. What can't be read is left out, and logged.
func (a *Archive) day(day time.Time) []Meta {
	dir := a.dayPath(day)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // removed meanwhile
	}
	list := make([]Meta, 0, len(entries)/2)
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") || !strings.HasSuffix(entry.Name(), metaExt) {
			continue
		}
		m, err := readMeta(filepath.Join(dir, entry.Name()))
		if err == nil && m.ID+metaExt != entry.Name() {
			err = ErrNotFound
		}
		if err != nil {
			a.log.Warn("recording_metadata_broken", "file", entry.Name(), "error", err)
			continue
		}
		list = append(list, m)
	}
	slices.SortFunc(list, func(x, y Meta) int { return cmp.Or(x.StartedAt.Compare(y.StartedAt), cmp.Compare(x.ID, y.ID)) })
	return list
}
