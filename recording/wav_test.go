package recording_test

import (
	"bytes"
	"errors"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"sidecar/recording"
)

// wavCase is a file and what is in it; a nil error means that it can be read.
type wavCase struct {
	name    string
	file    []byte
	rate    int
	samples []int16
	err     error
}

func patch(file []byte, at int, bytes ...byte) []byte {
	file = append([]byte(nil), file...)
	copy(file[at:], bytes)
	return file
}

func wavCases() []wavCase {
	some := []int16{1, -2, 300, -32768}
	plain := mono(8000, some)
	list := append(append(append([]byte(nil), plain[:12]...), "LIST\x03\x00\x00\x00abc\x00"...), plain[12:]...)
	long := append(append(append([]byte(nil), plain[:16]...), 18, 0, 0, 0), append(append([]byte(nil), plain[20:36]...), append([]byte{0, 0}, plain[36:]...)...)...)
	bad := recording.ErrFormat
	return []wavCase{
		{"plain", plain, 8000, some, nil},
		{"wide", mono(16000, some), 16000, some, nil},
		{"no sound", mono(8000, nil), 8000, nil, nil},
		{"another chunk first", list, 8000, some, nil},
		{"longer format", long, 8000, some, nil},
		{"length unknown", patch(plain, 40, 0, 0, 0, 0), 8000, some, nil},
		{"length of a stream", patch(plain, 40, 255, 255, 255, 255), 8000, some, nil},
		{"length too large", patch(plain, 40, 255, 0, 0, 0), 8000, some, nil},
		{"length too small", patch(plain, 40, 4, 0, 0, 0), 8000, some[:2], nil},
		{"something after the sound", append(append([]byte(nil), plain...), "LIST\x02\x00\x00\x00ab"...), 8000, some, nil},
		{"half a sample", plain[:len(plain)-1], 8000, some[:3], nil},
		{"empty", nil, 0, nil, bad},
		{"no RIFF", patch(plain, 0, 'X'), 0, nil, bad},
		{"no WAVE", patch(plain, 8, 'X'), 0, nil, bad},
		{"header cut", plain[:30], 0, nil, bad},
		{"no format", append(append([]byte(nil), plain[:12]...), plain[36:]...), 0, nil, bad},
		{"format too short", patch(plain, 16, 15), 0, nil, bad},
		{"A-law", patch(plain, 20, 6), 0, nil, bad},
		{"stereo", patch(plain, 22, 2), 0, nil, bad},
		{"11 kHz", mono(11025, some), 0, nil, bad},
		{"8 bits", patch(plain, 34, 8), 0, nil, bad},
		{"endless chunk", patch(plain, 36, 'X', 'X', 'X', 'X', 255, 255, 255, 255), 0, nil, bad},
		{"chunks without end", append(append([]byte(nil), plain[:12]...), bytes.Repeat([]byte("junk\x00\x00\x00\x00"), 100)...), 0, nil, bad},
	}
}

func TestReadWAV(t *testing.T) {
	t.Parallel()
	for _, c := range wavCases() {
		rate, samples, err := recording.ReadWAV(iotest.OneByteReader(bytes.NewReader(c.file)))
		require.ErrorIs(t, err, c.err, c.name)
		if c.err == nil {
			require.Equal(t, c.rate, rate, c.name)
			require.Equal(t, c.samples, samples, c.name)
		}
	}
}

// What goes wrong with the reader is not the fault of the file.
func TestReadWAVPassesErrorsOn(t *testing.T) {
	t.Parallel()
	file := mono(8000, []int16{1, 2, 3, 4})
	for at := range file {
		boom := errors.New("boom")
		_, _, err := recording.ReadWAV(&failing{r: bytes.NewReader(file[:at]), err: boom})
		require.ErrorIs(t, err, boom)
		require.NotErrorIs(t, err, recording.ErrFormat)
	}
}

type failing struct {
	r   *bytes.Reader
	err error
}

func (f *failing) Read(p []byte) (int, error) {
	if n, err := f.r.Read(p); err == nil {
		return n, nil
	}
	return 0, f.err
}

func FuzzReadWAV(f *testing.F) {
	for _, c := range wavCases() {
		f.Add(c.file)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		rate, samples, err := recording.ReadWAV(bytes.NewReader(file))
		if err != nil {
			require.ErrorIs(t, err, recording.ErrFormat)
			return
		}
		require.Contains(t, []int{8000, 16000}, rate)
		require.LessOrEqual(t, 2*len(samples), len(file))
	})
}
