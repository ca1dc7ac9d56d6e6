package eventlog_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/store/eventlog"
)

// killed is what a kill -9 leaves behind: the files as they are while the server still runs.
func killed(t *testing.T, dir string) string {
	t.Helper()
	left := filepath.Join(t.TempDir(), "left")
	require.NoError(t, os.CopyFS(left, os.DirFS(dir)))
	return left
}

// ruin writes nonsense into the middle of the only file with events.
func ruin(t *testing.T, dir string) {
	t.Helper()
	blocks, err := filepath.Glob(filepath.Join(dir, "jetstream", "*", "streams", "sidecar-events", "msgs", "*.blk"))
	require.NoError(t, err)
	require.Len(t, blocks, 1)
	text, err := os.ReadFile(blocks[0])
	require.NoError(t, err)
	at := len(text) / 8
	copy(text[at:], bytes.Repeat([]byte{0xA5, 0x17, 0xEE}, 40))
	require.NoError(t, os.WriteFile(blocks[0], text, 0o600))
}

// The server leaves out what is behind a broken event, and its numbers are used again.
func TestAShorterLogIsAnother(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l, before := open(t, options(dir))
	_, err := l.Append(t.Context(), records("n1", 1, 40))
	require.NoError(t, err)
	followed(t, l, 0, 40) // they were handed out

	whole, broken := killed(t, dir), killed(t, dir)
	_, same := open(t, options(whole))
	require.Equal(t, before.Epoch, same.Epoch, "a kill alone loses nothing")
	require.EqualValues(t, 40, same.Last)

	ruin(t, broken)
	var said bytes.Buffer
	o := options(broken)
	o.Logger = slog.New(slog.NewTextHandler(&said, nil))
	l, after := open(t, o)
	require.Less(t, after.Last, uint64(40))
	require.NotEqual(t, before.Epoch, after.Epoch)
	require.Contains(t, said.String(), "begins a new epoch")
	require.Contains(t, said.String(), "handed_out=40")
	_, err = l.Append(t.Context(), records("n1", 41, 42))
	require.NoError(t, err)
	require.NoError(t, l.Close())
	_, again := open(t, options(broken))
	require.Equal(t, after.Epoch, again.Epoch, "once is enough")
}

// What can't be read tells nothing of the numbers that were handed out.
func TestTheNoteOfTheLastNumberIsBroken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l, before := open(t, options(dir))
	require.NoError(t, l.Close())
	require.NoError(t, os.WriteFile(filepath.Join(dir, eventlog.HandedFile), []byte("nonsense"), 0o600))
	l, after := open(t, options(dir))
	require.NotEqual(t, before.Epoch, after.Epoch)
	require.NoError(t, l.Close())
	_, again := open(t, options(dir))
	require.Equal(t, after.Epoch, again.Epoch, "once is enough")
}
