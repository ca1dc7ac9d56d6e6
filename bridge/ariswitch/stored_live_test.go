//go:build e2e

package ariswitch_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/ari"
	"sidecar/bridge"
	"sidecar/bridge/ariswitch"
	"sidecar/internal/tone"
	"sidecar/recording"
	"sidecar/store"
)

// files is the archive's switch over the adapter, as the daemon wires it.
type files struct{ *ariswitch.Stored }

func (f files) Fetch(ctx context.Context, server, name string) (io.ReadCloser, error) {
	file, err := f.Stored.Fetch(ctx, bridge.ServerID(server), name)
	return file, notThere(err)
}

func (f files) Remove(ctx context.Context, server, name string) error {
	return notThere(f.Stored.Remove(ctx, bridge.ServerID(server), name))
}

func notThere(err error) error {
	if errors.Is(err, ariswitch.ErrNoRecording) {
		return errors.Join(recording.ErrGone, err)
	}
	return err
}

// Both directions of the customer's channel become one file: the customer on the left, the agent on the right.
func TestLiveStereoRecording(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	c, a := l.call(customer), l.call(agent)
	l.join(primary, customer, agent)
	for name, hear := range map[string]bridge.SnoopHear{"r1-in": bridge.HearIn, "r1-out": bridge.HearOut} {
		l.snoop(name, customer, hear, false)
		require.NoError(t, l.Record(l.ctx(), id(name), id(name).ID))
	}
	for range 5 {
		l.hears(c, agentTone)
		l.hears(a, customerTone)
	}
	for _, name := range []string{"n1-x.r1-in", "n1-x.r1-out"} {
		require.NoError(t, l.StopRecording(l.ctx(), "pbx1", name))
		l.sees("pbx1 recorded " + name + " false ")
	}

	dir := t.TempDir()
	journal, err := store.OpenJournal[recording.Recorded](filepath.Join(dir, "journal"), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, journal.Close()) })
	stored := files{ariswitch.NewStored([]*ari.Client{l.client})}
	archive, err := recording.Open(recording.Options{
		Dir: filepath.Join(dir, "recordings"), Switch: stored, Journal: journal, Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	archive.Finished(recording.Recorded{Server: "pbx1", In: "n1-x.r1-in", Out: "n1-x.r1-out", StartedAt: at, EndedAt: at})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { archive.Run(ctx) })
	require.Eventually(t, func() bool { return archive.Pending() == 0 }, patience, 10*time.Millisecond)
	cancel()
	wg.Wait()

	file, m, err := archive.Audio("20261120-n1-x.r1")
	require.NoError(t, err)
	raw, err := io.ReadAll(file)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	require.Equal(t, recording.Complete, m.State)
	require.Equal(t, tone.SampleRate, m.Rate)
	sides := map[string][]int16{}
	for at := 44; at < len(raw); at += 4 {
		sides["left"] = append(sides["left"], int16(binary.LittleEndian.Uint16(raw[at:])))
		sides["right"] = append(sides["right"], int16(binary.LittleEndian.Uint16(raw[at+2:])))
	}
	require.Greater(t, windows(sides["left"], customerTone), 8)
	require.Zero(t, windows(sides["left"], agentTone), "the agent is on the right")
	require.Greater(t, windows(sides["right"], agentTone), 8)
	require.Zero(t, windows(sides["right"], customerTone), "the customer is on the left")

	for _, name := range []string{"n1-x.r1-in", "n1-x.r1-out"} {
		_, err = l.client.Recordings().GetStored(l.ctx(), ari.RecordingName(name))
		require.ErrorIs(t, err, ari.ErrNotFound, "Asterisk keeps nothing")
		_, err = stored.Fetch(l.ctx(), "pbx1", name)
		require.ErrorIs(t, err, recording.ErrGone)
	}
	_, err = stored.Fetch(l.ctx(), "pbx2", "n1-x.r1-in")
	require.ErrorIs(t, err, ariswitch.ErrUnknownServer)
	require.NotErrorIs(t, err, recording.ErrGone)
}

// windows counts the tenths of a second that hold a tone.
func windows(samples []int16, hz float64) (n int) {
	for at := 0; at+tone.WindowSize <= len(samples); at += tone.WindowSize {
		if tone.Present(samples[at:at+tone.WindowSize], hz) {
			n++
		}
	}
	return n
}
