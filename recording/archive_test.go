package recording_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sidecar/internal/tone"
	"sidecar/recording"
	"sidecar/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errAway = errors.New("connection refused")

// pbx is a switch with stored recordings.
type pbx struct {
	mu    sync.Mutex
	files map[string][]byte
	away  bool
	cut   bool // transfers break off
	asked int
	kept  func() bool // whether the recording was safe when its original was removed
	early bool
}

func (p *pbx) Fetch(_ context.Context, server, name string) (io.ReadCloser, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	file, ok := p.files[server+"/"+name]
	switch {
	case p.away:
		return nil, errAway
	case !ok:
		return nil, recording.ErrGone
	case p.cut:
		return io.NopCloser(io.MultiReader(bytes.NewReader(file[:len(file)/2]), broken{})), nil
	}
	return io.NopCloser(bytes.NewReader(file)), nil
}

func (p *pbx) Remove(_ context.Context, server, name string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.away {
		return errAway
	}
	if p.kept != nil && !p.kept() {
		p.early = true
	}
	if _, ok := p.files[server+"/"+name]; !ok {
		return recording.ErrGone
	}
	delete(p.files, server+"/"+name)
	return nil
}

func (p *pbx) set(change func(*pbx)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p)
}

func (p *pbx) names() (names []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name := range p.files {
		names = append(names, name)
	}
	return names
}

// broken is a transfer that was cut short.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func sine(freq float64, samples int) []int16 {
	out := make([]int16, samples)
	(&tone.Generator{}).Fill(out, freq)
	return out
}

// mono is a WAV file as Asterisk writes it.
func mono(rate uint32, samples []int16) []byte {
	var b bytes.Buffer
	b.WriteString("RIFF")
	put := func(v any) { _ = binary.Write(&b, binary.LittleEndian, v) }
	put(uint32(36 + 2*len(samples)))
	b.WriteString("WAVEfmt ")
	put(uint32(16))
	put([]uint16{1, 1})
	put([]uint32{rate, 2 * rate})
	put([]uint16{2, 16})
	b.WriteString("data")
	put(uint32(2 * len(samples)))
	put(samples)
	return b.Bytes()
}

// split reads a stereo file.
func split(t *testing.T, file []byte) (rate int, left, right []int16) {
	t.Helper()
	require.Equal(t, "RIFF", string(file[:4]))
	require.Equal(t, "WAVEfmt ", string(file[8:16]))
	le := binary.LittleEndian
	require.EqualValues(t, len(file)-8, le.Uint32(file[4:]))
	require.EqualValues(t, 2, le.Uint16(file[22:]), "channels")
	require.EqualValues(t, 16, le.Uint16(file[34:]), "bits")
	require.EqualValues(t, len(file)-44, le.Uint32(file[40:]))
	rate = int(le.Uint32(file[24:]))
	require.EqualValues(t, 4*rate, le.Uint32(file[28:]))
	for i := 44; i < len(file); i += 4 {
		left = append(left, int16(le.Uint16(file[i:])))
		right = append(right, int16(le.Uint16(file[i+2:])))
	}
	return rate, left, right
}

type lab struct {
	t   *testing.T
	dir string
	pbx *pbx
	log *buffer
}

func newLab(t *testing.T) *lab {
	t.Helper()
	return &lab{t: t, dir: filepath.Join(t.TempDir(), "data"), pbx: &pbx{files: map[string][]byte{}}, log: &buffer{}}
}

// buffer is a log that is read while it is written.
type buffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// start opens an archive over what the lab's directory holds, and runs it until stop.
func (l *lab) start(edit ...func(*recording.Options)) (a *recording.Archive, stop func()) {
	l.t.Helper()
	log := slog.New(slog.NewTextHandler(l.log, nil))
	journal, err := store.OpenJournal[recording.Recorded](filepath.Join(l.dir, "recordings.journal"), log)
	require.NoError(l.t, err)
	o := recording.Options{Dir: filepath.Join(l.dir, "recordings"), Switch: l.pbx, Journal: journal, Log: log}
	for _, e := range edit {
		e(&o)
	}
	a, err = recording.Open(o)
	require.NoError(l.t, err)
	ctx, cancel := context.WithCancel(l.t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { a.Run(ctx) })
	return a, sync.OnceFunc(func() {
		cancel()
		wg.Wait()
		require.NoError(l.t, journal.Close())
	})
}

// pair is a recording of the call at the time.
func pair(name string, at time.Time) recording.Recorded {
	return recording.Recorded{
		Server: "pbx1", In: name + "-in", Out: name + "-out", Call: "CALL-" + name, ConnID: "0101", Type: "Inbound",
		ANI: "03012345", DNIS: "5001", DNs: []string{"5001"}, Segment: 1, StartedAt: at, EndedAt: at.Add(time.Second), Reason: "dn",
	}
}

// put makes the files of a pair.
func (l *lab) put(r recording.Recorded, rate uint32, in, out []int16) recording.Recorded {
	l.pbx.set(func(p *pbx) {
		p.files[r.Server+"/"+r.In] = mono(rate, in)
		p.files[r.Server+"/"+r.Out] = mono(rate, out)
	})
	return r
}

func audio(t *testing.T, a *recording.Archive, id string) []byte {
	t.Helper()
	f, _, err := a.Audio(id)
	require.NoError(t, err)
	text, err := io.ReadAll(f)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	return text
}

func all(t *testing.T, a *recording.Archive) []recording.Meta {
	t.Helper()
	page, err := a.List(t.Context(), recording.Query{Limit: 1000})
	require.NoError(t, err)
	require.Empty(t, page.Next)
	return page.Recordings
}

// start of the virtual time in synctest.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func TestBothSidesMerge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		a, stop := l.start()
		defer stop()
		at := time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC)
		id := "19991231-n1-abc.r1"
		l.pbx.kept = func() bool { _, err := a.Get(id); return err == nil }
		a.Finished(l.put(pair("n1-abc.r1", at), 8000, sine(450, 16000), sine(1010, 12000)))
		synctest.Wait()

		m, err := a.Get(id)
		require.NoError(t, err)
		require.Equal(t, recording.Complete, m.State)
		require.Equal(t, 2*time.Second, m.Duration)
		require.Equal(t, pair("n1-abc.r1", at), m.Recorded)
		file := audio(t, a, id)
		sum := sha256.Sum256(file)
		require.Equal(t, hex.EncodeToString(sum[:]), m.SHA256)
		require.EqualValues(t, len(file), m.Bytes)
		rate, left, right := split(t, file)
		require.Equal(t, 8000, rate)
		require.Equal(t, sine(450, 16000), left, "the customer is on the left, sample by sample")
		require.Equal(t, sine(1010, 12000), right[:12000])
		require.True(t, tone.Present(left[8000:], 450))
		require.False(t, tone.Present(left[8000:], 1010))
		require.True(t, tone.Present(right[:8000], 1010))
		require.Equal(t, make([]int16, 4000), right[12000:], "the shorter side is silent at its end")

		require.Empty(t, l.pbx.names(), "the originals are gone")
		require.False(t, l.pbx.early, "but not before the recording was safe")
		require.Zero(t, a.Pending())
		info, err := os.Stat(filepath.Join(l.dir, "recordings/1999/12/31", id+".wav"))
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o600), info.Mode())
	})
}

func TestWideBand(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		a, stop := l.start()
		defer stop()
		a.Finished(l.put(pair("w", epoch), 16000, sine(450, 100000), sine(620, 100001)))
		a.Finished(l.put(pair("mixed", epoch), 8000, sine(450, 80), nil))
		l.pbx.set(func(p *pbx) { p.files["pbx1/mixed-out"] = mono(16000, sine(620, 160)) })
		synctest.Wait()
		rate, left, right := split(t, audio(t, a, "20000101-w"))
		require.Equal(t, 16000, rate)
		require.Equal(t, sine(450, 100000), left[:100000])
		require.Equal(t, sine(620, 100001), right)

		time.Sleep(time.Minute)
		m, err := a.Get("20000101-mixed")
		require.NoError(t, err)
		require.Equal(t, recording.Failed, m.State)
		require.Contains(t, m.Error, "not 8000 and 16000 Hz")
		require.Len(t, l.pbx.names(), 2, "what can't be used stays for somebody to look at")
	})
}

func TestRestartWithAPendingPair(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.pbx.away = true
		a, stop := l.start()
		a.Finished(l.put(pair("p", epoch), 8000, sine(450, 8000), sine(1010, 8000)))
		time.Sleep(time.Minute)
		var asked int
		l.pbx.set(func(p *pbx) { asked = p.asked })
		require.Greater(t, asked, 8, "tried again and again")
		require.Less(t, asked, 30, "but less and less often")
		require.Empty(t, all(t, a))
		stop()

		l.pbx.set(func(p *pbx) { p.away = false })
		a, stop = l.start()
		defer stop()
		synctest.Wait()
		require.Len(t, all(t, a), 1)
		require.Zero(t, a.Pending())
		require.Empty(t, l.pbx.names())
		stop()

		a, stop = l.start()
		defer stop()
		require.Zero(t, a.Pending(), "what is home is not fetched again")
	})
}

// A crash, or the switch going away, between keeping and removing leads to one recording, and no original stays.
func TestToldTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		a, stop := l.start()
		defer stop()
		l.put(pair("p", epoch), 8000, sine(450, 8000), sine(1010, 8000))
		l.pbx.kept = func() bool { l.pbx.away = true; return true } // after the first one was removed
		a.Finished(pair("p", epoch))
		time.Sleep(100 * time.Millisecond)
		require.Equal(t, []string{"pbx1/p-out"}, l.pbx.names())
		first, err := a.Get("20000101-p")
		require.NoError(t, err)
		require.Equal(t, 1, a.Pending())
		l.pbx.set(func(p *pbx) { p.away, p.kept = false, nil })
		time.Sleep(time.Minute)
		require.Empty(t, l.pbx.names())

		a.Finished(pair("p", epoch))
		time.Sleep(time.Minute)
		require.Equal(t, []recording.Meta{first}, all(t, a))
	})
}

func TestFilesThatAreGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		a, stop := l.start()
		defer stop()
		a.Finished(pair("none", epoch))
		l.put(pair("half", epoch), 8000, nil, sine(1010, 8000))
		l.pbx.set(func(p *pbx) { delete(p.files, "pbx1/half-in") })
		a.Finished(pair("half", epoch))
		a.Finished(pair("../../etc", epoch))
		synctest.Wait()

		m, err := a.Get("20000101-none")
		require.NoError(t, err)
		require.Equal(t, recording.Failed, m.State)
		require.Contains(t, l.log.String(), "recording_failed")
		_, _, err = a.Audio("20000101-none")
		require.ErrorIs(t, err, recording.ErrNoAudio)

		m, err = a.Get("20000101-half")
		require.NoError(t, err)
		require.Equal(t, recording.Partial, m.State)
		_, left, right := split(t, audio(t, a, "20000101-half"))
		require.Equal(t, make([]int16, 8000), left)
		require.Equal(t, sine(1010, 8000), right)

		require.Contains(t, l.log.String(), "recording_refused")
		require.Len(t, all(t, a), 2)
	})
}

// A transfer that breaks off is no end of the sound: the recording would be short, and its original removed.
func TestTransferCutShort(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		a, stop := l.start()
		defer stop()
		l.pbx.cut = true
		a.Finished(l.put(pair("p", epoch), 8000, sine(450, 8000), sine(1010, 8000)))
		time.Sleep(time.Second)
		require.Empty(t, all(t, a))
		l.pbx.set(func(p *pbx) { p.cut = false })
		time.Sleep(time.Minute)
		require.Equal(t, time.Second, all(t, a)[0].Duration)
		left, err := filepath.Glob(filepath.Join(l.dir, "recordings/2000/01/01/.*"))
		require.NoError(t, err)
		require.Empty(t, left, "no half file is left behind")
	})
}

func TestNothingIsRecordedOnAFullDisk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		var mu sync.Mutex
		free := uint64(99)
		a, stop := l.start(func(o *recording.Options) {
			o.MinFree = 100
			o.Free = func(string) (uint64, error) { mu.Lock(); defer mu.Unlock(); return free, nil }
		})
		defer stop()
		require.ErrorIs(t, a.Room(), recording.ErrNoRoom)
		require.ErrorContains(t, a.Room(), "99 bytes are free, and recording.min_free_bytes asks for 100")
		time.Sleep(time.Hour)
		require.Equal(t, 1, strings.Count(l.log.String(), "recording_has_no_room"), "it is said once")
		mu.Lock()
		free = 100
		mu.Unlock()
		time.Sleep(time.Minute)
		require.NoError(t, a.Room())
		require.Contains(t, l.log.String(), "recording_has_room_again")
	})
}

func TestTheDiskIsAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, stop := newLab(t).start(func(o *recording.Options) { o.MinFree = 1 })
		defer stop()
		require.NoError(t, a.Room())
		b, stopB := newLab(t).start(func(o *recording.Options) { o.MinFree = 1 << 62 })
		defer stopB()
		require.ErrorIs(t, b.Room(), recording.ErrNoRoom)
	})
}
