package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/tools/arispec"
)

const (
	realDir       = "../../../ari"
	realInventory = "../arispec/inventory.json"
)

func TestCommittedCodeIsWhatTheInventoryYields(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-check", "-dir", realDir, "-inventory", realInventory}, &out))
	require.Contains(t, out.String(), "code matches the inventory")
}

func TestWriteThenCheck(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	args := []string{"-dir", dir, "-inventory", realInventory}
	check := append([]string{"-check"}, args...)
	var out bytes.Buffer
	require.ErrorIs(t, run(t.Context(), check, &out), errStale, "nothing is there yet")
	require.NoError(t, run(t.Context(), args, &out))
	require.NoError(t, run(t.Context(), check, &out))

	// Changed, missing and left-over files are all found, and mended.
	require.NoError(t, os.WriteFile(filepath.Join(dir, "events_gen.go"), []byte("package ari\n"), 0o600))
	require.NoError(t, os.Remove(filepath.Join(dir, "ops_sounds_gen.go")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ops_gone_gen.go"), nil, 0o600))
	err := run(t.Context(), check, &out)
	require.ErrorIs(t, err, errStale)
	for _, name := range []string{"events_gen.go", "ops_sounds_gen.go", "ops_gone_gen.go"} {
		require.ErrorContains(t, err, name)
	}
	require.NoError(t, run(t.Context(), args, &out))
	require.NoError(t, run(t.Context(), check, &out))
	require.NoFileExists(t, filepath.Join(dir, "ops_gone_gen.go"))
}

func TestBadArguments(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.Error(t, run(t.Context(), []string{"-nonsense"}, &out))
	require.ErrorIs(t, run(t.Context(), []string{"-check", "-inventory", "nowhere.json"}, &out), os.ErrNotExist)
	require.ErrorIs(t, run(t.Context(), []string{"-check", "-dir", realDir, "-inventory", realInventory, "-root", t.TempDir()}, &out), arispec.ErrDescription)
}

func TestNames(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"channelId": "ChannelID", "channel_ids": "ChannelIDs", "NOT_INUSE": "NotInuse", "absorbDTMF": "AbsorbDTMF", "startMoh": "StartMOH",
		"Dialing Offhook": "DialingOffhook", "Pre-ring": "PreRing", "creationtime": "CreationTime", "next_media_uri": "NextMediaURI",
		"rtpstatistics": "RTPStatistics", "tech_cause": "TechCause",
	} {
		require.Equal(t, want, exported(in))
	}
	require.Equal(t, "channelID", variable("channelId"))
	require.Equal(t, "type_", variable("type"))
}

// TestSmallInventory shows on one screen what is made of what.
func TestSmallInventory(t *testing.T) {
	t.Parallel()
	files, err := generate(&arispec.Inventory{
		Version: "22.0.0",
		Resources: []arispec.Resource{{Name: "sounds", Operations: []arispec.Operation{{
			Name: "hear", Method: "POST", Path: "/sounds/{soundId}/hear", Returns: "List[Sound]",
			Params: []arispec.Param{
				{Name: "soundId", In: "path", Type: "string", Required: true},
				{Name: "volume", In: "query", Type: "int", Required: true},
				{Name: "timeout", In: "query", Type: "int", Default: "30"},
			},
		}}}},
		Models: []arispec.Model{
			{Name: "Sound", Resource: "sounds", Fields: []arispec.Field{{Name: "id", Type: "string", Required: true}, {Name: "next", Type: "Sound"}}},
			{Name: "Heard", Resource: "events", Fields: []arispec.Field{{Name: "channel", Type: "Channel"}}},
		},
		Events: []string{"Heard"},
	})
	require.NoError(t, err)
	require.Contains(t, string(files["ops_sounds_gen.go"]),
		`func (s Sounds) Hear(ctx context.Context, soundID string, params SoundHearParams) ([]SoundData, error) {
	r := newRequest("sounds.hear", http.MethodPost, "sounds", soundID, "hear")
	params.put(r)
	return call[[]SoundData](ctx, s.c, r)
}`)
	require.Contains(t, string(files["params_sounds_gen.go"]), `	putInt(r, "volume", p.Volume, true)
	putSpan(r, "timeout", p.Timeout, time.Second)
`)
	require.Contains(t, string(files["models_sounds_gen.go"]), "Next *SoundData `json:\"next,omitempty\"`")
	require.Contains(t, string(files["events_gen.go"]), "return present(e.Channel)")

	_, err = generate(&arispec.Inventory{Version: "22.0.0", Events: []string{"NoModel"}})
	require.ErrorIs(t, err, arispec.ErrDescription)
}
