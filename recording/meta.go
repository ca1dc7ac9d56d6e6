package recording

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// State says what became of a recording.
type State string

// The states.
const (
	Complete State = "complete"
	Partial  State = "partial" // one side was gone; it is silent
	Failed   State = "failed"  // no sound
)

// Meta is what is known of a recording.
type Meta struct {
	ID    string `json:"id"`
	State State  `json:"state"`
	Error string `json:"error,omitempty"` // of one that is not complete
	Recorded

	Duration time.Duration `json:"durationNs"` // of the sound: pauses are not in it
	Rate     int           `json:"rate"`
	Bytes    int64         `json:"bytes"`
	SHA256   string        `json:"sha256,omitempty"`
}

const (
	dayFormat = "20060102"
	maxName   = 120
	soundExt  = ".wav"
	metaExt   = ".json"
)

// idOf makes the id of a recording, the same whenever it is asked: a restart may tell of a recording once more.
func idOf(r Recorded) (string, error) {
	name := strings.TrimSuffix(r.In, "-in")
	if !isName(name) {
		return "", fmt.Errorf("%q: %w", r.In, errName)
	}
	return r.StartedAt.UTC().Format(dayFormat) + "-" + name, nil
}

func isName(name string) bool {
	return name != "" && len(name) <= maxName && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-", r)
	})
}

// dayOf reads the day out of an id; false: it is no id.
func dayOf(id string) (time.Time, bool) {
	day, name, _ := strings.Cut(id, "-")
	t, err := time.Parse(dayFormat, day)
	return t, err == nil && isName(name)
}

func (a *Archive) dayPath(day time.Time) string {
	return filepath.Join(a.root, day.Format("2006"), day.Format("01"), day.Format("02"))
}

// path is where a file of a recording is. The id has been checked.
func (a *Archive) path(id, ext string) string {
	day, _ := dayOf(id)
	return filepath.Join(a.dayPath(day), id+ext)
}

// Get finds a recording; it fails with ErrNotFound.
func (a *Archive) Get(id string) (Meta, error) {
	if _, ok := dayOf(id); !ok {
		return Meta{}, ErrNotFound
	}
	return readMeta(a.path(id, metaExt))
}

func readMeta(path string) (Meta, error) {
	text, err := os.ReadFile(path) //nolint:gosec // below our own directory, of a checked id
	if errors.Is(err, fs.ErrNotExist) {
		return Meta{}, ErrNotFound
	}
	if err != nil {
		return Meta{}, fmt.Errorf("read a recording's metadata: %w", err)
	}
	var m Meta
	if err := json.Unmarshal(text, &m); err != nil {
		return Meta{}, fmt.Errorf("metadata %s: %w", path, err)
	}
	return m, nil
}

// Audio opens the sound of a recording, which the caller closes. It fails with ErrNotFound or ErrNoAudio.
func (a *Archive) Audio(id string) (*os.File, Meta, error) {
	m, err := a.Get(id)
	if err != nil {
		return nil, Meta{}, err
	}
	if m.State == Failed {
		return nil, m, ErrNoAudio
	}
	file, err := os.Open(a.path(id, soundExt))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, m, ErrNotFound
	}
	if err != nil {
		return nil, m, fmt.Errorf("open a recording: %w", err)
	}
	return file, m, nil
}

// Delete removes a recording for good. It fails with ErrNotFound.
func (a *Archive) Delete(id string) error {
	if _, err := a.Get(id); err != nil {
		return err
	}
	return a.remove(id)
}

// remove leaves the metadata to the last: what was not removed wholly is found, and removed, again.
func (a *Archive) remove(id string) error {
	for _, ext := range []string{soundExt, metaExt} {
		if err := os.Remove(a.path(id, ext)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove a recording: %w", err)
		}
	}
	return nil
}
