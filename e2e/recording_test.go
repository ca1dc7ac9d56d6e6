//go:build e2e

package e2e_test

import (
	"net/http"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/phone"
	"sidecar/internal/tone"
)

// What is said while a recording is paused.
const (
	secretOfCustomer = 620
	secretOfAgent    = 830
)

const recordOnDemand = "recording: {enabled: true, min_free_bytes: 0}\n"

// recorded is a recording as REST shows it.
type recorded struct {
	ID, State, CallID, StartedBy, Reason string
	DNs                                  []string
	Segment, Rate                        int
	DurationMS                           int64
}

// recordings waits until there are n of a call, the first of them first.
func (s *system) recordings(call string, n int) []recorded {
	s.t.Helper()
	var list struct{ Recordings []recorded }
	s.eventually("all that was recorded is there", func() bool {
		list.Recordings = nil
		s.as("supervisor", http.MethodGet, "/api/v1/recordings?call="+call, nil).want(http.StatusOK).into(&list)
		require.LessOrEqual(s.t, len(list.Recordings), n)
		return len(list.Recordings) == n
	})
	slices.SortFunc(list.Recordings, func(a, b recorded) int { return a.Segment - b.Segment })
	for i, r := range list.Recordings {
		require.Equal(s.t, "complete", r.State)
		require.Equal(s.t, i+1, r.Segment)
	}
	return list.Recordings
}

// sides are the tones on the left and on the right of a recording, in their order; more are those beside the usual ones.
func (s *system) sides(r recorded, more ...float64) (left, right []float64) {
	s.t.Helper()
	wav := s.as("supervisor", http.MethodGet, "/api/v1/recordings/"+r.ID+"/audio", nil).want(http.StatusOK)
	require.Equal(s.t, "audio/wav", wav.header.Get("Content-Type"))
	require.Equal(s.t, tone.SampleRate, r.Rate)
	const header = 44
	require.EqualValues(s.t, 2, sample(wav.body[22:]), "stereo")
	var l, rt []int16
	for data := wav.body[header:]; len(data) >= 4; data = data[4:] {
		l = append(l, sample(data))
		rt = append(rt, sample(data[2:]))
	}
	require.InDelta(s.t, r.DurationMS, len(l)*1000/tone.SampleRate, 1)
	return tonesIn(l, more), tonesIn(rt, more)
}

// sample reads 16 bits, the lower ones first.
func sample(b []byte) int16 { return int16(uint16(b[0]) | uint16(b[1])<<8) }

// tonesIn are the parties' tones, each when it begins to be heard.
func tonesIn(samples []int16, more []float64) (found []float64) {
	tones := append([]float64{customerTone, agentTone, secondTone, secretOfCustomer, secretOfAgent}, more...)
	for window := range slices.Chunk(samples, tone.WindowSize) {
		for _, hz := range tones {
			if tone.Present(window, hz) && (len(found) == 0 || found[len(found)-1] != hz) {
				found = append(found, hz)
			}
		}
	}
	return found
}

func (s *system) recordingState(call string) string {
	s.t.Helper()
	var c struct{ RecordingState string }
	s.as("supervisor", http.MethodGet, "/api/v1/calls/"+call, nil).want(http.StatusOK).into(&c)
	return c.RecordingState
}

// recordingFiles counts what Asterisk holds of recordings.
func (s *system) recordingFiles() int {
	s.t.Helper()
	return len(s.recordingNames())
}

func (s *system) recordingNames() []string {
	s.t.Helper()
	files, err := filepath.Glob(filepath.Join(s.pbx.StateDir(), "spool", "recording", "*.wav"))
	require.NoError(s.t, err)
	return files
}

// isRecorded waits until sound is being written: what is said from now on is in the files. Those of an earlier segment may
// not be fetched yet.
func (s *system) isRecorded(n int, earlier ...string) {
	s.t.Helper()
	s.eventually("both sides are being recorded", func() bool {
		files := slices.DeleteFunc(s.recordingNames(), func(file string) bool { return slices.Contains(earlier, file) })
		return len(files) == n
	})
}

// A recording is started, paused, resumed and stopped by the agent.
func TestRecordingByCommand(t *testing.T) {
	t.Parallel()
	s := newRunning(t, recordOnDemand)
	first, customer := s.agentPhone("5001", phone.RingOnly), s.customerPhone()
	s.inService("5001")
	feed := s.listen(9, "5001")
	cust, a := conversation(t, customer, first)
	id := s.onlyCall("Established").ID
	require.Empty(t, s.recordingState(id))
	do := func(verb, state string) {
		t.Helper()
		s.as("5001", http.MethodPost, "/api/v1/calls/"+id+"/recording/"+verb, nil).want(http.StatusOK)
		require.Equal(t, state, s.recordingState(id))
	}
	do("start", "Recording")
	s.as("5001", http.MethodPost, "/api/v1/calls/"+id+"/recording/start", nil).want(http.StatusConflict)
	s.isRecorded(2)
	talk(t, cust, customerTone, a, agentTone)
	do("pause", "Paused")
	cust.SendTone(secretOfCustomer)
	a.SendTone(secretOfAgent)
	talk(t, cust, secretOfCustomer, a, secretOfAgent)
	cust.SendTone(customerTone)
	a.SendTone(agentTone)
	talk(t, cust, customerTone, a, agentTone)
	do("resume", "Recording")
	talk(t, cust, customerTone, a, agentTone)
	do("stop", "Stopped")
	cust.SendTone(secretOfCustomer)
	require.NoError(t, a.WaitTone(soon(t), secretOfCustomer))
	r := s.recordings(id, 1)[0]
	require.NoError(t, cust.Hangup(soon(t)))
	ended(t, a)
	feed.saw("5001", "RecordingChanged")
	require.Equal(t, []string{"5001", "command", "5001"}, []string{r.StartedBy, r.Reason, r.DNs[0]})
	left, right := s.sides(r)
	require.Equal(t, []float64{customerTone}, left)
	require.Equal(t, []float64{agentTone}, right)
	s.requireNoLeftovers()
	s.eventually("Asterisk holds no file any more", func() bool { return s.recordingFiles() == 0 })
}

// A rule records a call, and the recording goes on at the customer when the call is transferred.
func TestRecordingByRuleThroughATransfer(t *testing.T) {
	t.Parallel()
	s := newRunning(t, `
recording: {enabled: true, min_free_bytes: 0, auto: [{dns: ["5001"], direction: inbound}]}
dns: [{numbers: [5001-5005], owner: phone}]
routes: [{number: "8000", to: "dn:5001"}]
`)
	first, second, customer := s.agentPhone("5001", phone.RingOnly), s.agentPhone("5002", phone.RingOnly), s.customerPhone()
	s.inService("5001", "5002")
	inside := dial(t, second, "5001", secondTone)
	a := incoming(t, first, agentTone)
	talk(t, inside, secondTone, a, agentTone)
	require.Empty(t, s.recordingState(s.onlyCall("Established").ID), "the rule is about calls from outside")
	require.NoError(t, inside.Hangup(soon(t)))
	ended(t, a)
	s.requireNoLeftovers()

	cust := dial(t, customer, "8000", customerTone)
	a = incoming(t, first, agentTone)
	id := s.onlyCall("Established").ID
	s.isRecorded(2)
	talk(t, cust, customerTone, a, agentTone)
	s.as("5001", http.MethodPost, "/api/v1/calls/"+id+"/transfer", `{"to": "5002"}`).want(http.StatusOK)
	b := incoming(t, second, secondTone)
	talk(t, cust, customerTone, b, secondTone)
	require.Equal(t, "Recording", s.recordingState(id))
	require.NoError(t, b.Hangup(soon(t)))
	ended(t, cust)
	r := s.recordings(id, 1)[0]
	require.Equal(t, "setting", r.Reason)
	require.ElementsMatch(t, []string{"5001", "5002"}, r.DNs)
	left, right := s.sides(r)
	require.Equal(t, []float64{customerTone}, slices.Compact(left))
	require.Equal(t, []float64{agentTone, secondTone}, right)
	s.requireNoLeftovers()
}

// The recorded customer leaves a conference: the agents who stay are recorded as a second segment.
func TestRecordedCustomerLeavesAConference(t *testing.T) {
	t.Parallel()
	s := newRunning(t, recordOnDemand)
	first, second, customer := s.agentPhone("5001", phone.RingOnly), s.agentPhone("5002", phone.RingOnly), s.customerPhone()
	s.inService("5001", "5002")
	cust, a := conversation(t, customer, first)
	id := s.onlyCall("Established").ID
	s.as("5001", http.MethodPost, "/api/v1/calls/"+id+"/recording/start", nil).want(http.StatusOK)
	s.isRecorded(2)
	s.as("5001", http.MethodPost, "/api/v1/calls/"+id+"/conference", `{"to": "5002"}`).want(http.StatusOK)
	b := incoming(t, second, 0)
	require.NoError(t, b.Answer(soon(t)))
	require.NoError(t, b.WaitTone(soon(t), customerTone))
	talk(t, cust, customerTone, a, agentTone)
	a.SendTone(0)
	b.SendTone(secondTone)
	require.NoError(t, cust.WaitTone(soon(t), secondTone))
	earlier := s.recordingNames()
	require.NoError(t, cust.Hangup(soon(t)))
	s.recordings(id, 1)
	s.isRecorded(2, earlier...)
	a.SendTone(agentTone)
	talk(t, a, agentTone, b, secondTone)
	require.NoError(t, a.Hangup(soon(t)))
	ended(t, b)
	list := s.recordings(id, 2)
	left, right := s.sides(list[0])
	require.Equal(t, []float64{customerTone}, left)
	require.Equal(t, []float64{agentTone, secondTone}, right)
	left, right = s.sides(list[1])
	require.Equal(t, []float64{agentTone}, left)
	require.Equal(t, []float64{secondTone}, right)
	s.requireNoLeftovers()
}

// The sidecar is killed while it records: Asterisk goes on, and the whole is there at the end.
func TestRecordingSurvivesAKill(t *testing.T) {
	t.Parallel()
	for name, endsMeanwhile := range map[string]bool{"the call goes on": false, "the call ends meanwhile": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newRunning(t, recordOnDemand)
			first, customer := s.agentPhone("5001", phone.RingOnly), s.customerPhone()
			s.inService("5001")
			cust, a := conversation(t, customer, first)
			id := s.onlyCall("Established").ID
			s.as("5001", http.MethodPost, "/api/v1/calls/"+id+"/recording/start", nil).want(http.StatusOK)
			s.isRecorded(2)
			talk(t, cust, customerTone, a, agentTone)
			s.killSidecar()
			a.SendTone(secondTone)
			talk(t, cust, customerTone, a, secondTone)
			if endsMeanwhile {
				require.NoError(t, cust.Hangup(soon(t)))
				require.NoError(t, a.Hangup(soon(t)))
			}
			s.startSidecar()
			s.waitReady()
			if !endsMeanwhile {
				require.Equal(t, "Recording", s.recordingState(id))
				a.SendTone(secretOfAgent)
				talk(t, cust, customerTone, a, secretOfAgent)
				require.NoError(t, cust.Hangup(soon(t)))
				ended(t, a)
			}
			r := s.recordings(id, 1)[0]
			left, right := s.sides(r)
			require.Equal(t, []float64{customerTone}, left)
			want := []float64{agentTone, secondTone}
			if !endsMeanwhile {
				want = append(want, secretOfAgent)
			}
			require.Equal(t, want, right)
			s.requireNoLeftovers()
		})
	}
}
