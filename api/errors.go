package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"sidecar/access"
	"sidecar/auth"
	"sidecar/cti"
	"sidecar/recording"
	"sidecar/tap"
	"sidecar/webhook"
)

// sentinels says how the errors of what only this door gives are answered: recordings and live sound.
func sentinels() []struct {
	err    error
	status int
	code   string
	field  string
} {
	return []struct {
		err    error
		status int
		code   string
		field  string
	}{
		{recording.ErrNotFound, http.StatusNotFound, "recording_not_found", "id"},
		{recording.ErrNoAudio, http.StatusNotFound, "recording_failed", "id"},
		{recording.ErrNoRoom, http.StatusInsufficientStorage, "no_room", ""},
		{tap.ErrNoCall, http.StatusNotFound, "call_not_found", "id"},
		{tap.ErrTooMany, http.StatusServiceUnavailable, "too_many_listeners", ""},
		{tap.ErrClosed, http.StatusServiceUnavailable, "draining", ""},
		{errTooManyStreams, http.StatusTooManyRequests, "too_many_streams", ""},
		{cti.ErrStalled, http.StatusServiceUnavailable, "event_log_stalled", ""},
		{errShutdown, http.StatusServiceUnavailable, "draining", ""},
		{webhook.ErrTarget, http.StatusNotFound, "webhook_not_found", "name"},
		{webhook.ErrNoDeadLetter, http.StatusNotFound, "dead_letter_not_found", "id"},
		{recording.ErrCursor, http.StatusUnprocessableEntity, "invalid_field", "after"},
	}
}

// problem is the one place where an error becomes an answer. What it does not know is our fault: it is logged, and
// the client learns no more than that.
func (s *server) problem(ctx context.Context, err error) *Problem {
	p := typedProblem(err)
	if p == nil {
		p = sentinelProblem(err)
	}
	if p == nil {
		s.Log.ErrorContext(ctx, "request failed", "error", err, "request_id", infoOf(ctx).id)
		p = newProblem(http.StatusInternalServerError, "internal", "something went wrong here: the log has it under the request id")
	}
	p.RequestID = infoOf(ctx).id
	return p
}

// answer writes an error where huma does not.
func (s *server) answer(w http.ResponseWriter, r *http.Request, err error) {
	s.problem(r.Context(), err).write(w)
}

// typedProblem knows problems, and whatever access does.
func typedProblem(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	if e, ok := errors.AsType[*webhook.UndeliveredError](err); ok { // its cause is the target's, not ours
		return newProblem(http.StatusBadGateway, "undelivered", e.Error())
	}
	o, ok := access.OutcomeOf(err)
	if !ok {
		return nil
	}
	p := newProblem(o.Status, o.Code, o.Detail)
	p.Field, p.Rule, p.State = o.Field, o.Rule, o.State
	if o.Status == http.StatusUnauthorized {
		p = p.header("WWW-Authenticate", challenge(err))
	}
	if o.Retry > 0 {
		p = p.header("Retry-After", strconv.Itoa(o.Retry))
	}
	return p
}

// retrySoon is how many seconds a client waits before it tries again what may work then.
const retrySoon = 2

func sentinelProblem(err error) *Problem {
	for _, known := range sentinels() {
		if !errors.Is(err, known.err) {
			continue
		}
		p := newProblem(known.status, known.code, known.err.Error())
		if known.field != "" {
			p = p.at(known.field, known.err.Error())
		}
		if known.status == http.StatusServiceUnavailable {
			return p.header("Retry-After", strconv.Itoa(retrySoon))
		}
		return p
	}
	return nil
}

// challenge follows RFC 6750, section 3: no error code when there was no token at all.
func challenge(err error) string {
	const realm = `Bearer realm="sidecar"`
	if errors.Is(err, auth.ErrNoToken) || errors.Is(err, auth.ErrBadCredentials) {
		return realm
	}
	return fmt.Sprintf(`%s, error="invalid_token", error_description=%q`, realm, err.Error())
}
