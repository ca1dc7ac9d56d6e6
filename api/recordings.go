package api

import (
	"context"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"sidecar/auth"
	"sidecar/recording"
)

// Sound is what the API needs for recordings and live sound of calls.
type Sound struct {
	Archive         Archive
	AgentsMayListen bool // to the recordings of their own DNs
	Taps            Taps
}

// Archive keeps the recordings.
type Archive interface {
	List(ctx context.Context, q recording.Query) (recording.Page, error)
	Get(id string) (recording.Meta, error)
	// Audio opens the sound, which the caller closes.
	Audio(id string) (*os.File, recording.Meta, error)
	Delete(id string) error
}

// Recording is a recording of a call.
type Recording struct {
	ID         string   `json:"id"`
	State      string   `json:"state" enum:"complete,partial,failed" doc:"partial: one side is silent, since it was lost; failed: there is no sound"`
	Error      string   `json:"error,omitempty" doc:"Why it is not complete"`
	CallID     string   `json:"callId"`
	ConnID     string   `json:"connId"`
	CallType   string   `json:"callType"`
	DNs        []string `json:"dns" nullable:"false" doc:"DNs that took part while it was recorded"`
	ANI        string   `json:"ani"`
	DNIS       string   `json:"dnis"`
	Segment    int      `json:"segment" doc:"Counts the recordings of a call from 1"`
	StartedAt  string   `json:"startedAt" format:"date-time"`
	EndedAt    string   `json:"endedAt" format:"date-time"`
	DurationMS int64    `json:"durationMs" doc:"Length of the sound, which has nothing of pauses"`
	StartedBy  string   `json:"startedBy,omitempty" doc:"Who started it; missing when the settings did"`
	Reason     string   `json:"reason" enum:"command,setting"`
	Rate       int      `json:"rate" doc:"Samples a second, of each side"`
	Bytes      int64    `json:"bytes"`
	SHA256     string   `json:"sha256,omitempty" doc:"Of the file"`
}

// RecordingList is a page of recordings.
type RecordingList struct {
	Recordings []Recording `json:"recordings" nullable:"false" doc:"The latest first"`
	Next       string      `json:"next,omitempty" doc:"The after of the next page; missing on the last one"`
}

type recordingsInput struct {
	DN    string    `query:"dn" maxLength:"32" doc:"Only those in which this DN took part"`
	Call  string    `query:"call" maxLength:"64" doc:"Only those of this call"`
	From  time.Time `query:"from" doc:"Only those that began then or later"`
	To    time.Time `query:"to" doc:"Only those that began before"`
	Limit int       `query:"limit" minimum:"1" maximum:"500" default:"50"`
	After string    `query:"after" maxLength:"200" doc:"The next of the page before"`
}

type recordingsOutput struct{ Body RecordingList }

// RecordingPath names a recording.
type RecordingPath struct {
	ID string `path:"id" maxLength:"160"`
}

type recordingOutput struct{ Body Recording }

type recordingAudioInput struct {
	RecordingPath
	Range string `header:"Range" doc:"A part of the file, as in bytes=0-99999"`
}

func (s *server) registerRecordings() {
	const path = "/api/v1/recordings"
	register(s, endpoint{
		id: "list-recordings", method: http.MethodGet, path: path, tag: "recordings", verb: auth.VerbListen,
		summary: "List the recordings of the DNs that the user sees",
	}, s.listRecordings)
	register(s, endpoint{
		id: "get-recording", method: http.MethodGet, path: path + "/{id}", tag: "recordings", verb: auth.VerbListen,
		summary: "Get what is known of a recording", errors: []int{http.StatusNotFound},
	}, s.getRecording)
	register(s, endpoint{
		id: "get-recording-audio", method: http.MethodGet, path: path + "/{id}/audio", tag: "recordings", verb: auth.VerbListen,
		summary: "Get the sound: a stereo WAV file, the customer on the left, the agent's side on the right",
		errors:  []int{http.StatusNotFound}, responses: soundResponses(),
	}, s.getRecordingAudio)
	register(s, endpoint{
		id: "delete-recording", method: http.MethodDelete, path: path + "/{id}", tag: "recordings", verb: auth.VerbDeleteRecordings,
		summary: "Delete a recording for good", errors: []int{http.StatusBadRequest, http.StatusNotFound}, status: http.StatusNoContent,
	}, s.deleteRecording)
}

func soundResponses() map[string]*huma.Response {
	file := map[string]*huma.MediaType{"audio/wav": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}
	return map[string]*huma.Response{
		"200": {Description: "The file", Content: file},
		"206": {Description: "The part of the file that Range asks for", Content: file},
	}
}

func (s *server) listRecordings(ctx context.Context, in *recordingsInput) (*recordingsOutput, error) {
	p := principalOf(ctx)
	if err := s.mayListen(p); err != nil {
		return nil, err
	}
	page, err := s.Sound.Archive.List(ctx, recording.Query{
		DN: in.DN, Call: in.Call, From: in.From, To: in.To, Limit: in.Limit, After: in.After,
		May: func(m recording.Meta) bool { return hears(p, m) },
	})
	if err != nil {
		return nil, err
	}
	out := &recordingsOutput{Body: RecordingList{Recordings: make([]Recording, 0, len(page.Recordings)), Next: page.Next}}
	for _, m := range page.Recordings {
		out.Body.Recordings = append(out.Body.Recordings, recordingOf(m))
	}
	return out, nil
}

func (s *server) getRecording(ctx context.Context, in *RecordingPath) (*recordingOutput, error) {
	m, err := s.recording(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &recordingOutput{Body: recordingOf(m)}, nil
}

func (s *server) getRecordingAudio(ctx context.Context, in *recordingAudioInput) (*huma.StreamResponse, error) {
	m, err := s.recording(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	file, _, err := s.Sound.Archive.Audio(in.ID)
	if err != nil {
		return nil, err
	}
	s.noteSound(ctx, "download-recording", in.ID, map[string]string{"call": m.Call, "range": in.Range})
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		defer func() { _ = file.Close() }() // it was only read
		r, w := humago.Unwrap(hctx)
		w.Header().Set("Content-Type", "audio/wav")
		w.Header().Set("Content-Disposition", `attachment; filename="`+m.ID+`.wav"`)
		w.Header().Set("ETag", strconv.Quote(m.SHA256))
		http.ServeContent(w, r, "", m.EndedAt, io.ReadSeeker(file))
	}}, nil
}

func (s *server) deleteRecording(ctx context.Context, in *RecordingPath) (*struct{}, error) {
	m, err := s.recording(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if err := s.Sound.Archive.Delete(in.ID); err != nil {
		return nil, err
	}
	s.noteSound(ctx, "delete-recording", in.ID, map[string]string{"call": m.Call, "started_at": stamp(m.StartedAt)})
	return nil, nil //nolint:nilnil // an empty answer
}

// recording finds one that the user may hear. What the user may not know of is not there.
func (s *server) recording(ctx context.Context, id string) (recording.Meta, error) {
	p := principalOf(ctx)
	if err := s.mayListen(p); err != nil {
		return recording.Meta{}, err
	}
	m, err := s.Sound.Archive.Get(id)
	if err == nil && !hears(p, m) {
		err = recording.ErrNotFound
	}
	return m, err
}

// mayListen is the part of the permission that the settings decide.
func (s *server) mayListen(p auth.Principal) error {
	if p.Role == auth.RoleAgent && !s.Sound.AgentsMayListen {
		return &auth.ForbiddenError{Verb: auth.VerbListen, Role: p.Role}
	}
	return nil
}

// hears reports whether a DN that the principal sees took part.
func hears(p auth.Principal, m recording.Meta) bool {
	return p.SeesAll() || slices.ContainsFunc(m.DNs, p.MaySeeDN)
}

// noteSound records who did what to the sound of a call, in the log too.
func (s *server) noteSound(ctx context.Context, action, subject string, detail map[string]string) {
	s.Log.InfoContext(ctx, "audit", "user", principalOf(ctx).User, "action", action, "subject", subject, "detail", detail, "request_id", infoOf(ctx).id)
	s.audit(ctx, action, subject, detail, nil)
}

func recordingOf(m recording.Meta) Recording {
	return Recording{
		ID: m.ID, State: string(m.State), Error: m.Error, CallID: m.Call, ConnID: m.ConnID, CallType: m.Type,
		DNs: list(m.DNs), ANI: m.ANI, DNIS: m.DNIS, Segment: m.Segment, StartedAt: stamp(m.StartedAt), EndedAt: stamp(m.EndedAt),
		DurationMS: m.Duration.Milliseconds(), StartedBy: m.By, Reason: m.Reason, Rate: m.Rate, Bytes: m.Bytes, SHA256: m.SHA256,
	}
}
