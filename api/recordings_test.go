package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/api"
	"sidecar/auth"
	"sidecar/recording"
	"sidecar/store"
)

// notes are what the audit has of the sound of calls.
func (s *system) notes() (lines []string) {
	for _, e := range s.audit.take() {
		text, _ := json.Marshal(e.Detail)
		lines = append(lines, strings.Join([]string{e.Actor, e.Action, e.Subject, string(text)}, " "))
	}
	return lines
}

// storedSwitch has the same second of sound under every name that does not begin with gone.
type storedSwitch struct{}

const wavHeader = "RIFF\xa4\x3e\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data\x80\x3e\x00\x00"

func (storedSwitch) Fetch(_ context.Context, _, name string) (io.ReadCloser, error) {
	if strings.HasPrefix(name, "gone") {
		return nil, recording.ErrGone
	}
	return io.NopCloser(strings.NewReader(wavHeader + strings.Repeat("\x01\x02", 8000))), nil
}

func (storedSwitch) Remove(context.Context, string, string) error { return nil }

// archive is a real one that has what was recorded at home.
func archive(t *testing.T, recorded ...recording.Recorded) *recording.Archive {
	t.Helper()
	dir := t.TempDir()
	log := slog.New(slog.DiscardHandler)
	journal, err := store.OpenJournal[recording.Recorded](filepath.Join(dir, "journal"), log)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, journal.Close()) })
	a, err := recording.Open(recording.Options{Dir: filepath.Join(dir, "recordings"), Switch: storedSwitch{}, Journal: journal, Log: log})
	require.NoError(t, err)
	for _, r := range recorded {
		a.Finished(r)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { a.Run(ctx) })
	require.Eventually(t, func() bool { return a.Pending() == 0 }, time.Minute, time.Millisecond)
	cancel()
	wg.Wait()
	return a
}

func recorded(name string, minute int, dns ...string) recording.Recorded {
	at := time.Date(2026, 11, 20, 10, minute, 0, 0, time.UTC)
	return recording.Recorded{
		Server: "pbx1", In: name + "-in", Out: name + "-out", Call: "CALL" + name, ConnID: "01", Type: "Inbound", ANI: "030", DNIS: "5001",
		Segment: 1, DNs: dns, StartedAt: at, EndedAt: at.Add(time.Second), By: "boss", Reason: "command",
	}
}

func newRecordings(t *testing.T, agentsMayListen bool) *system {
	t.Helper()
	kept := archive(t, recorded("a", 1, "5001"), recorded("b", 2, "5002"), recorded("c", 3, "5001", "5002"), recorded("gone", 4, "5001"))
	return newSystem(t, func(o *api.Options) {
		o.Sound = api.Sound{Archive: kept, AgentsMayListen: agentsMayListen}
	})
}

func (a answer) recordings() (names []string, next string) {
	a.t.Helper()
	require.Equal(a.t, http.StatusOK, a.status, a.body)
	var list api.RecordingList
	require.NoError(a.t, json.Unmarshal([]byte(a.body), &list))
	for _, r := range list.Recordings {
		names = append(names, strings.TrimPrefix(r.ID, "20261120-"))
	}
	return names, list.Next
}

func TestRecordings(t *testing.T) {
	t.Parallel()
	s := newRecordings(t, false)
	root := s.user("root", auth.RoleAdmin, "")
	const path = "/api/v1/recordings"
	for query, want := range map[string][]string{
		"":                           {"gone", "c", "b", "a"},
		"?dn=5002":                   {"c", "b"},
		"?call=CALLa":                {"a"},
		"?from=2026-11-20T10:02:00Z": {"gone", "c", "b"},
		"?from=2026-11-20T11:02:00%2B01:00&to=2026-11-20T10:03:00Z": {"b"},
		"?dn=5009": nil,
	} {
		names, next := s.send("GET", path+query, root, "").recordings()
		require.Equal(t, want, names, query)
		require.Empty(t, next)
	}
	names, next := s.send("GET", path+"?limit=3", root, "").recordings()
	require.Equal(t, []string{"gone", "c", "b"}, names)
	names, next = s.send("GET", path+"?limit=3&after="+next, root, "").recordings()
	require.Equal(t, []string{"a"}, names)
	require.Empty(t, next)

	a := s.send("GET", path+"/20261120-a", root, "")
	var got api.Recording
	require.NoError(t, json.Unmarshal([]byte(a.body), &got))
	require.Len(t, got.SHA256, 64)
	got.SHA256 = ""
	require.Equal(t, api.Recording{
		ID: "20261120-a", State: "complete", CallID: "CALLa", ConnID: "01", CallType: "Inbound", DNs: []string{"5001"}, ANI: "030", DNIS: "5001",
		Segment: 1, StartedAt: "2026-11-20T10:01:00.000Z", EndedAt: "2026-11-20T10:01:01.000Z", DurationMS: 1000, StartedBy: "boss",
		Reason: "command", Rate: 8000, Bytes: 32044,
	}, got)

	for query, field := range map[string]string{"?limit=0": "limit", "?limit=501": "limit", "?from=yesterday": "from", "?after=x": "after", "?id=1": "id"} {
		require.Equal(t, field, s.send("GET", path+query, root, "").problem(http.StatusUnprocessableEntity, "invalid_field").Field, query)
	}
	s.send("GET", path+"/none", root, "").problem(http.StatusNotFound, "recording_not_found")
	s.send("GET", path+"/..%2F..%2Fjournal", root, "").problem(http.StatusNotFound, "recording_not_found")
}

func TestRecordedSound(t *testing.T) {
	t.Parallel()
	s := newRecordings(t, false)
	boss := s.user("boss", auth.RoleSupervisor, "")
	const path = "/api/v1/recordings/20261120-a/audio"
	whole := s.send("GET", path, boss, "")
	require.Equal(t, http.StatusOK, whole.status)
	require.Equal(t, "audio/wav", whole.header.Get("Content-Type"))
	require.Equal(t, `attachment; filename="20261120-a.wav"`, whole.header.Get("Content-Disposition"))
	require.Equal(t, "no-store", whole.header.Get("Cache-Control"))
	require.Len(t, whole.body, 32044)
	require.True(t, strings.HasPrefix(whole.body, "RIFF"))
	require.Equal(t, bytes.Repeat([]byte("\x01\x02"), 16000), []byte(whole.body[44:]))
	require.Equal(t, []string{`boss download-recording 20261120-a {"call":"CALLa","result":"done"}`}, s.notes())
	require.Regexp(t, `msg=audit user=boss action=download-recording subject=20261120-a`, s.log.String())

	part := s.send("GET", path, boss, "", "Range", "bytes=40-49")
	require.Equal(t, http.StatusPartialContent, part.status)
	require.Equal(t, "bytes 40-49/32044", part.header.Get("Content-Range"))
	require.Equal(t, whole.body[40:50], part.body)
	require.Equal(t, []string{`boss download-recording 20261120-a {"call":"CALLa","range":"bytes=40-49","result":"done"}`}, s.notes())
	beyond := s.send("GET", path, boss, "", "Range", "bytes=99999-")
	require.Equal(t, http.StatusRequestedRangeNotSatisfiable, beyond.status)
	again := s.send("GET", path, boss, "", "If-None-Match", whole.header.Get("ETag"))
	require.Equal(t, http.StatusNotModified, again.status)

	s.send("GET", "/api/v1/recordings/20261120-gone/audio", boss, "").problem(http.StatusNotFound, "recording_failed")
}

func TestWhoMayHearRecordings(t *testing.T) {
	t.Parallel()
	const path = "/api/v1/recordings"
	for _, agentsMayListen := range []bool{false, true} {
		s := newRecordings(t, agentsMayListen)
		agent := s.user("5001", auth.RoleAgent, "red", "5001")
		s.user("5002", auth.RoleAgent, "blue", "5002")
		red := s.user("red", auth.RoleSupervisor, "red")
		blue := s.user("blue", auth.RoleSupervisor, "blue")
		if agentsMayListen {
			names, _ := s.send("GET", path, agent, "").recordings()
			require.Equal(t, []string{"gone", "c", "a"}, names)
			require.Equal(t, http.StatusOK, s.send("GET", path+"/20261120-a/audio", agent, "").status)
			s.send("GET", path+"/20261120-b/audio", agent, "").problem(http.StatusNotFound, "recording_not_found")
		} else {
			for _, p := range []string{path, path + "/20261120-a", path + "/20261120-a/audio"} {
				s.send("GET", p, agent, "").problem(http.StatusForbidden, "forbidden")
			}
		}
		s.send("DELETE", path+"/20261120-a", agent, "").problem(http.StatusForbidden, "forbidden")
		s.notes()

		names, _ := s.send("GET", path, blue, "").recordings()
		require.Equal(t, []string{"c", "b"}, names)
		for _, method := range []string{"GET", "DELETE"} {
			s.send(method, path+"/20261120-a", blue, "").problem(http.StatusNotFound, "recording_not_found")
		}
		s.send("GET", path+"/20261120-a/audio", blue, "").problem(http.StatusNotFound, "recording_not_found")
		require.Empty(t, s.notes())
		require.Equal(t, http.StatusNoContent, s.send("DELETE", path+"/20261120-a", red, "").status)
		require.Equal(t, []string{`red delete-recording 20261120-a {"call":"CALLa","result":"done","started_at":"2026-11-20T10:01:00.000Z"}`}, s.notes())
		s.send("DELETE", path+"/20261120-a", red, "").problem(http.StatusNotFound, "recording_not_found")
	}
}
