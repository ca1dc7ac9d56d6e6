package eventlog_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"sidecar/bridge"
	"sidecar/cti"
	"sidecar/store/eventlog"
)

// Whatever is in the file: what the spool has can be read, appended to and emptied.
func FuzzOpenSpool(f *testing.F) {
	for _, text := range []string{
		"", "\n", "{}\n", "null\n", `{"id":"n1-1","node":"n1","kind":"agent","dn":"5001","audience":["5001"],"data":{"event":"Ringing"}}` + "\n",
		`{"id":"gap-n1","node":"n1","kind":"gap"}` + "\n" + `{"id":"cut sho`, `{"id":"1","node":"n1.>","kind":"call"}` + "\n",
		`{"id":"1","node":"n1","kind":"call","data":` + "\n", `{"id":"1","node":"n1","kind":"none"}` + "\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "events.spool")
		require.NoError(t, os.WriteFile(path, text, 0o600))
		s, err := eventlog.OpenSpool(path, 1<<20, "n1", slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		defer func() { _ = s.Close() }()
		more := records("n1", 1, 2)
		require.NoError(t, s.Put(more))
		got, err := s.Peek(s.Len() + 1)
		require.NoError(t, err)
		require.Len(t, got, s.Len())
		require.Equal(t, more, got[len(got)-2:])
		for i := range got {
			m := eventlog.Message("sidecar", &got[i])
			require.NotContains(t, m.Subject, " ", "it can be published")
			back := eventlog.Stored("sidecar", m.Subject, m.Header, m.Data)
			require.Equal(t, got[i].Kind, back.Kind)
			require.Equal(t, got[i].Node, back.Node)
		}
		require.NoError(t, s.Drop(s.Len()))
		require.Zero(t, s.Len())
	})
}

// A message of the stream, whoever has published it, is one of ours or comes out with a kind that cti refuses.
func FuzzStored(f *testing.F) {
	f.Add("sidecar.events.n1.agent.5001", "5001,=2A7=23", `{"event":"Ringing","eventId":"n1-1"}`)
	f.Add("sidecar.events.n1.call", "", `{"event":"Ringing","eventId":"n1-1","call":{}}`)
	f.Add("sidecar.events.n1.gap", "=", "")
	f.Add("sidecar.events.n1.agent", "=4", "null")
	f.Add("sidecar.events.n1.call.5001", ",", "[]")
	f.Add("sidecar.events..agent.=GG", "==", "{")
	f.Add("another.events.n1.call", "a b", "{}")
	f.Fuzz(func(t *testing.T, subject, audience, data string) {
		header := nats.Header{nats.MsgIdHdr: {"n1-1"}, "Sidecar-Audience": {audience}}
		r := eventlog.Stored("sidecar", subject, header, []byte(data))
		entry, err := cti.DecodeRecord(&r, "epoch")
		if r.Kind == "" {
			require.ErrorIs(t, err, cti.ErrBadRecord)
			return
		}
		again := eventlog.Message("sidecar", &r.Record)
		require.Equal(t, strings.Count(subject, "."), strings.Count(again.Subject, "."))
		require.Equal(t, r, eventlog.Stored("sidecar", again.Subject, again.Header, again.Data))
		if err == nil {
			require.Equal(t, r.Node, entry.Event.Node)
			require.Equal(t, uint64(7), entry.Event.Seq)
		}
	})
}

// Any DN gets through a subject and a header.
func FuzzDNs(f *testing.F) {
	for _, dn := range []string{"5001", "*7#", "", "=", "a.b c>*", "Жанна", "\x00\xff\r\n"} {
		f.Add(dn, dn)
	}
	f.Fuzz(func(t *testing.T, dn, other string) {
		r := cti.Record{ID: "n1-1", Node: "n1", Kind: cti.RecordAgent, DN: bridge.DN(dn), Data: []byte("{}")}
		for _, seen := range []string{dn, other} {
			if seen != "" { // nobody
				r.Audience = append(r.Audience, bridge.DN(seen))
			}
		}
		m := eventlog.Message("sidecar", &r)
		require.Regexp(t, `^sidecar\.events\.n1\.agent\.[A-Za-z0-9_=-]+$`, m.Subject)
		require.Equal(t, r, eventlog.Stored("sidecar", m.Subject, m.Header, m.Data).Record)
	})
}
