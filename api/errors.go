package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"sidecar/auth"
	"sidecar/bridge"
	"sidecar/recording"
	"sidecar/tap"
)

var (
	errUnknownDN = errors.New("not a DN of this sidecar: see dns in the configuration")
	errOpTaken   = errors.New("this operation id stands for another command already: choose a new one")
)

// sentinels says how an error that carries nothing more is answered.
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
		{bridge.ErrCallNotFound, http.StatusNotFound, "call_not_found", "id"},
		{bridge.ErrSwitchUnavailable, http.StatusServiceUnavailable, "switch_unavailable", ""},
		{bridge.ErrDraining, http.StatusServiceUnavailable, "draining", ""},
		{bridge.ErrAmbiguousParty, http.StatusUnprocessableEntity, "ambiguous_party", "dn"},
		{bridge.ErrNotAParty, http.StatusUnprocessableEntity, "not_a_party", "dn"},
		{bridge.ErrUnreachable, http.StatusConflict, "unreachable", ""},
		{bridge.ErrBusy, http.StatusConflict, "busy", ""},
		{bridge.ErrNoAnswer, http.StatusConflict, "no_answer", ""},
		{bridge.ErrPhoneSilent, http.StatusGatewayTimeout, "phone_silent", ""},
		{bridge.ErrCallerID, http.StatusUnprocessableEntity, "caller_id_refused", "callerId"},
		{bridge.ErrNotAMember, http.StatusUnprocessableEntity, "not_a_party", "member"},
		{bridge.ErrNoRecorder, http.StatusConflict, "recording_off", ""},
		{bridge.ErrMonitorNotFound, http.StatusNotFound, "monitor_not_found", "id"},
		{bridge.ErrNotBuilt, http.StatusNotImplemented, "not_built", ""},
		{errOpTaken, http.StatusConflict, "operation_id_taken", "Operation-Id"},
		{auth.ErrNoToken, http.StatusUnauthorized, "no_token", ""},
		{auth.ErrBadToken, http.StatusUnauthorized, "invalid_token", ""},
		{auth.ErrTokenExpired, http.StatusUnauthorized, "token_expired", ""},
		{auth.ErrTokenRevoked, http.StatusUnauthorized, "token_revoked", ""},
		{auth.ErrBadCredentials, http.StatusUnauthorized, "bad_credentials", ""},
		{auth.ErrOrigin, http.StatusForbidden, "foreign_origin", ""},
		{auth.ErrUserNotFound, http.StatusNotFound, "user_not_found", "user"},
		{auth.ErrUserExists, http.StatusConflict, "user_exists", "user"},
		{auth.ErrLastAdmin, http.StatusConflict, "last_admin", ""},
		{recording.ErrNotFound, http.StatusNotFound, "recording_not_found", "id"},
		{recording.ErrNoAudio, http.StatusNotFound, "recording_failed", "id"},
		{recording.ErrNoRoom, http.StatusInsufficientStorage, "no_room", ""},
		{tap.ErrNoCall, http.StatusNotFound, "call_not_found", "id"},
		{tap.ErrTooMany, http.StatusServiceUnavailable, "too_many_listeners", ""},
		{tap.ErrClosed, http.StatusServiceUnavailable, "draining", ""},
		{recording.ErrCursor, http.StatusUnprocessableEntity, "invalid_field", "after"},
		{context.DeadlineExceeded, http.StatusGatewayTimeout, "timeout", ""},
		{context.Canceled, http.StatusServiceUnavailable, "canceled", ""},
	}
}

// retrySoon is how many seconds a client waits before it tries again what may work then.
const retrySoon = 2

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

// typedProblem knows the errors that carry a field, a rule or a state.
func typedProblem(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	if e, ok := errors.AsType[*bridge.StateError](err); ok {
		p := newProblem(http.StatusConflict, "state_conflict", e.Error())
		p.State = string(e.State)
		return p
	}
	if errors.Is(err, bridge.ErrPhoneRefused) { // in the words of the phone, which are the user's own
		return newProblem(http.StatusConflict, "phone_refused", err.Error())
	}
	if e, ok := errors.AsType[*fieldTargetError](err); ok {
		return targetProblem(e.target, e.field)
	}
	if e, ok := errors.AsType[*bridge.TargetError](err); ok {
		return targetProblem(e, "to")
	}
	if p := userDataProblem(err); p != nil {
		return p
	}
	if e, ok := errors.AsType[*auth.BackoffError](err); ok {
		return newProblem(http.StatusTooManyRequests, "too_many_failures", e.Error()).header("Retry-After", strconv.Itoa(e.Seconds()))
	}
	if e, ok := errors.AsType[*auth.FieldError](err); ok {
		return newProblem(http.StatusUnprocessableEntity, "invalid_field", e.Error()).at(e.Field, e.Rule)
	}
	if e, ok := errors.AsType[*auth.ForbiddenError](err); ok {
		p := newProblem(http.StatusForbidden, "forbidden", e.Error())
		if e.Field != "" {
			return p.at(e.Field, "must be a DN that you may use")
		}
		return p
	}
	return nil
}

func targetProblem(e *bridge.TargetError, field string) *Problem {
	if e.Unreachable {
		return newProblem(http.StatusConflict, "unreachable", e.Error()).at(field, e.Rule)
	}
	return newProblem(http.StatusUnprocessableEntity, "impossible_number", e.Error()).at(field, e.Rule)
}

func sentinelProblem(err error) *Problem {
	for _, known := range sentinels() {
		if !errors.Is(err, known.err) {
			continue
		}
		p := newProblem(known.status, known.code, known.err.Error())
		if known.field != "" {
			p = p.at(known.field, known.err.Error())
		}
		switch known.status {
		case http.StatusUnauthorized:
			return p.header("WWW-Authenticate", challenge(known.err))
		case http.StatusServiceUnavailable, http.StatusGatewayTimeout:
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

// fieldTargetError is a TargetError about another field than the number to be called.
type fieldTargetError struct {
	target *bridge.TargetError
	field  string
}

func (e *fieldTargetError) Error() string { return e.target.Error() }

func (e *fieldTargetError) Unwrap() error { return e.target }

// aboutFrom tells whether a TargetError is about the calling DN.
func aboutFrom(err error, cmd bridge.MakeCall) error {
	e, ok := errors.AsType[*bridge.TargetError](err)
	if ok && e.Number == string(cmd.From) && e.Unreachable {
		return &fieldTargetError{e, "from"}
	}
	return err
}

// aboutMonitor tells which phone a TargetError is about.
func aboutMonitor(err error, cmd bridge.Monitor) error {
	e, ok := errors.AsType[*bridge.TargetError](err)
	switch {
	case !ok:
		return err
	case cmd.SupervisorNumber != "" && e.Number == cmd.SupervisorNumber:
		return &fieldTargetError{e, "supervisorNumber"}
	case cmd.Supervisor != "" && e.Number == string(cmd.Supervisor):
		return &fieldTargetError{e, "supervisor"}
	}
	return &fieldTargetError{e, "target"}
}
