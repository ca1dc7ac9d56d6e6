package ari_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/ari"
)

// frameCase feeds the decoder's test and, as a seed, its fuzzer.
type frameCase struct {
	name  string
	frame string
	// want is the event's type; empty for frames that are none.
	want ari.EventType
	// odd says that it must come as UnknownEvent.
	odd   bool
	check func(t *testing.T, e ari.Event)
}

func frameCases() []frameCase {
	return []frameCase{
		{name: "StasisStart", frame: stasisStart, want: ari.EventTypeStasisStart, check: func(t *testing.T, e ari.Event) {
			t.Helper()
			s := as[*ari.StasisStart](t, e)
			require.Equal(t, []string{"a", "b"}, s.Args)
			require.Equal(t, "5001", s.Channel.Caller.Number)
			require.Equal(t, "app", s.Application)
			require.Len(t, s.Channels(), 1)
		}},
		{name: "type comes last", frame: `{"channel":{"id":"c"},"cause":17,"cause_txt":"User busy","tech_cause":486,"type":"ChannelDestroyed"}`, want: ari.EventTypeChannelDestroyed, check: func(t *testing.T, e ari.Event) {
			t.Helper()
			d := as[*ari.ChannelDestroyed](t, e)
			require.Equal(t, []int{17, 486}, []int{d.Cause, d.TechCause})
		}},
		{name: "type is escaped", frame: `{"type":"\u0044ial","peer":{"id":"p"},"dialstatus":"RINGING"}`, want: ari.EventTypeDial, check: func(t *testing.T, e ari.Event) {
			t.Helper()
			d := as[*ari.Dial](t, e)
			require.Nil(t, d.Caller)
			require.Len(t, d.Channels(), 1)
			require.Equal(t, ari.ChannelID("p"), d.Channels()[0].ID)
		}},
		{name: "channels inside a transfer", frame: `{"type":"ChannelTransfer","timestamp":"2026-11-21T07:16:10.321+0000","refer_to":{"requested_destination":{"destination":"5002"},"bridge":{"id":"b2"}},"referred_by":{"source_channel":{"id":"s"},"connected_channel":{"id":"o"}}}`, want: ari.EventTypeChannelTransfer, check: func(t *testing.T, e ari.Event) {
			t.Helper()
			tr := as[*ari.ChannelTransfer](t, e)
			require.Equal(t, "5002", tr.ReferTo.RequestedDestination.Destination)
			require.Len(t, tr.Channels(), 2)
			require.Len(t, tr.Bridges(), 1)
		}},
		{name: "odd variables", frame: `{"type":"ChannelVarset","variable":"X","value":"1","channel":{"id":"c","channelvars":{"a":"1","b":2,"c":null,"d":{"e":1}}}}`, want: ari.EventTypeChannelVarset, check: func(t *testing.T, e ari.Event) {
			t.Helper()
			v := as[*ari.ChannelVarset](t, e)
			require.Equal(t, ari.VarValues{"a": "1", "b": "2", "c": "", "d": `{"e":1}`}, v.Channel.ChannelVars)
		}},
		{name: "user event", frame: `{"type":"ChannelUserevent","eventname":"x","userevent":{"eventname":"x","n":1}}`, want: ari.EventTypeChannelUserevent},
		{name: "empty time", frame: `{"type":"StasisEnd","timestamp":"","channel":{"id":"c","creationtime":null}}`, want: ari.EventTypeStasisEnd, check: func(t *testing.T, e ari.Event) {
			t.Helper()
			require.True(t, e.At().IsZero())
		}},
		{name: "RFC 3339 time", frame: `{"type":"StasisEnd","timestamp":"2026-11-21T08:16:10.5+01:00","channel":{"id":"c"}}`, want: ari.EventTypeStasisEnd, check: func(t *testing.T, e ari.Event) {
			t.Helper()
			require.Equal(t, time.Date(2026, 11, 21, 7, 16, 10, 500_000_000, time.UTC), e.At().UTC())
		}},
		{name: "unknown type", frame: `{"type":"Later","timestamp":"2026-11-21T07:16:10.321+0000","application":"a"}`, want: "Later", odd: true, check: func(t *testing.T, e ari.Event) {
			t.Helper()
			u := as[*ari.UnknownEvent](t, e)
			require.NoError(t, u.Err)
			require.Equal(t, "a", u.Application)
			require.False(t, u.At().IsZero())
			require.Contains(t, string(u.Raw), "Later")
		}},
		{name: "wrong field type", frame: `{"type":"ChannelDestroyed","cause":"x"}`, want: ari.EventTypeChannelDestroyed, odd: true},
		{name: "wrong time", frame: `{"type":"StasisEnd","timestamp":"yesterday"}`, want: ari.EventTypeStasisEnd, odd: true},
		{name: "time is a number", frame: `{"type":"StasisEnd","timestamp":5}`, want: ari.EventTypeStasisEnd, odd: true},
		{name: "empty", frame: ``},
		{name: "null", frame: `null`},
		{name: "array", frame: `[]`},
		{name: "no type", frame: `{}`},
		{name: "empty type", frame: `{"type":""}`},
		{name: "type is a number", frame: `{"type":1}`},
		{name: "cut short", frame: stasisStart[:200]},
		{name: "cut in the type", frame: `{"type":"Stas`},
		{name: "something behind", frame: `{"type":"StasisEnd"}}`},
		{name: "unknown and cut short", frame: `{"type":"Later"`},
	}
}

func as[E ari.Event](t *testing.T, e ari.Event) E {
	t.Helper()
	got, ok := e.(E)
	require.True(t, ok, "want %T, got %T: %+v", got, e, e)
	return got
}

func TestDecodeEvent(t *testing.T) {
	t.Parallel()
	for _, tc := range frameCases() {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			e, err := ari.DecodeEvent([]byte(tc.frame))
			if tc.want == "" {
				require.ErrorIs(t, err, ari.ErrMalformedEvent)
				require.Nil(t, e)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.want, e.Type())
			_, odd := e.(*ari.UnknownEvent)
			require.Equal(t, tc.odd, odd)
			if tc.check != nil {
				tc.check(t, e)
			}
		})
	}
}

// TestRecordedEvents decodes what a real Asterisk 22.10.1 sent: every one must
// be known and fit its type.
func TestRecordedEvents(t *testing.T) {
	t.Parallel()
	for _, frame := range recorded(t) {
		e, err := ari.DecodeEvent(frame)
		require.NoError(t, err)
		require.IsNotType(t, &ari.UnknownEvent{}, e, "%s", frame)
		require.False(t, e.At().IsZero())
	}
}

func recorded(t testing.TB) [][]byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "events.json"))
	require.NoError(t, err)
	var frames []json.RawMessage
	require.NoError(t, json.Unmarshal(raw, &frames))
	require.NotEmpty(t, frames)
	out := make([][]byte, len(frames))
	for i, f := range frames {
		out[i] = f
	}
	return out
}

func FuzzDecodeEvent(f *testing.F) {
	for _, tc := range frameCases() {
		f.Add([]byte(tc.frame))
	}
	for _, frame := range recorded(f) {
		f.Add(frame)
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		e, err := ari.DecodeEvent(frame)
		if err != nil {
			require.ErrorIs(t, err, ari.ErrMalformedEvent)
			return
		}
		require.NotEmpty(t, e.Type())
		require.True(t, json.Valid(frame), "an event was made of what is no JSON")
		if ce, ok := e.(ari.ChannelEvent); ok {
			for _, ch := range ce.Channels() {
				require.NotNil(t, ch)
			}
		}
		if be, ok := e.(ari.BridgeEvent); ok {
			for _, b := range be.Bridges() {
				require.NotNil(t, b)
			}
		}
		_, err = json.Marshal(e)
		require.NoError(t, err)
	})
}

func BenchmarkDecodeEvent(b *testing.B) {
	b.Run("StasisStart", func(b *testing.B) {
		frame := []byte(stasisStart)
		b.ReportAllocs()
		b.SetBytes(int64(len(frame)))
		for b.Loop() {
			if _, err := ari.DecodeEvent(frame); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("recorded call", func(b *testing.B) {
		frames := recorded(b)
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			if _, err := ari.DecodeEvent(frames[i%len(frames)]); err != nil {
				b.Fatal(err)
			}
			i++
		}
	})
}
