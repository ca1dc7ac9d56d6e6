package ari

import (
	"bytes"
	"context"
	"io"
	"net/http"
)

// OpenStoredFile performs GET /recordings/stored/{recordingName}/file and gives the file as it comes, however large it
// is. The caller closes it; ctx bounds the whole transfer. A transfer that is cut short ends in an error other than
// io.EOF.
func (s Recordings) OpenStoredFile(ctx context.Context, recordingName RecordingName) (io.ReadCloser, error) {
	if s.c.http == nil { // Asterisk gives no files inside the socket: it says so
		file, err := s.GetStoredFile(ctx, recordingName)
		return io.NopCloser(bytes.NewReader(file)), err
	}
	r := newRequest("recordings.getStoredFile", http.MethodGet, "recordings", "stored", string(recordingName), "file")
	resp, err := s.c.http.open(ctx, r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	if err != nil {
		return nil, err
	}
	rep := reply{status: resp.StatusCode, reason: reason(resp.Status), body: body}
	path, _ := r.path() // it was good enough to be sent
	return nil, &Error{Op: r.op, Method: r.method, Path: path, Status: rep.status, Message: refusal(rep)}
}

// maxRefusal is more than any refusal needs.
const maxRefusal = 64 << 10
