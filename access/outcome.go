package access

import (
	"context"
	"errors"
	"net/http"

	"sidecar/agent"
	"sidecar/auth"
	"sidecar/bridge"
)

// Outcome is an error as clients are told it, whatever their dialect: each puts it into its own form.
type Outcome struct {
	Status int    // of HTTP
	Code   string // the kind of problem, for programs and the audit
	Detail string // what was wrong and what would be right
	Field  string // the field of the command that breaks the rule, if it is one
	Rule   string
	State  string // that does not allow the command
	Retry  int    // seconds after which it may work; 0: not by waiting
}

// retrySoon is how many seconds a client waits before it tries again what may work then.
const retrySoon = 2

type sentinel struct {
	err    error
	status int
	code   string
	field  string
}

// sentinels says how an error that carries nothing more is answered.
func sentinels() []sentinel {
	return []sentinel{
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
		{bridge.ErrMonitorField, http.StatusUnprocessableEntity, "incomplete_monitor", ""},
		{ErrOpTaken, http.StatusConflict, "operation_id_taken", "Operation-Id"},
		{auth.ErrNoToken, http.StatusUnauthorized, "no_token", ""},
		{auth.ErrBadToken, http.StatusUnauthorized, "invalid_token", ""},
		{auth.ErrTokenExpired, http.StatusUnauthorized, "token_expired", ""},
		{auth.ErrTokenRevoked, http.StatusUnauthorized, "token_revoked", ""},
		{auth.ErrBadCredentials, http.StatusUnauthorized, "bad_credentials", ""},
		{auth.ErrOrigin, http.StatusForbidden, "foreign_origin", ""},
		{auth.ErrUserNotFound, http.StatusNotFound, "user_not_found", "user"},
		{auth.ErrUserExists, http.StatusConflict, "user_exists", "user"},
		{auth.ErrLastAdmin, http.StatusConflict, "last_admin", ""},
		{agent.ErrUnknownDN, http.StatusNotFound, "dn_not_found", "dn"},
		{context.DeadlineExceeded, http.StatusGatewayTimeout, "timeout", ""},
		{context.Canceled, http.StatusServiceUnavailable, "canceled", ""},
	}
}

// OutcomeOf puts an error into words for clients. False: it is none that a client could do anything about; it belongs into the log,
// and the client learns no more than that.
func OutcomeOf(err error) (Outcome, bool) {
	if o, ok := typed(err); ok {
		return o, true
	}
	for _, known := range sentinels() {
		if !errors.Is(err, known.err) {
			continue
		}
		o := Outcome{Status: known.status, Code: known.code, Detail: known.err.Error(), Field: known.field}
		if errors.Is(known.err, agent.ErrUnknownDN) {
			o.Detail = ErrUnknownDN.Error()
		}
		if o.Field != "" {
			o.Rule = o.Detail
		}
		if o.Status == http.StatusServiceUnavailable || o.Status == http.StatusGatewayTimeout {
			o.Retry = retrySoon
		}
		return o, true
	}
	return Outcome{}, false
}

// typed knows the errors that carry a field, a rule or a state.
func typed(err error) (Outcome, bool) {
	if e, ok := errors.AsType[*FieldError](err); ok {
		return fieldOutcome(e)
	}
	if e, ok := errors.AsType[*DNError](err); ok {
		return Outcome{Status: http.StatusUnprocessableEntity, Code: "unknown_dn", Detail: e.Error(), Field: e.Field, Rule: e.Error()}, true
	}
	if e, ok := errors.AsType[*ElsewhereError](err); ok { // not 404: the call lives, and desktops show it
		return Outcome{Status: http.StatusConflict, Code: "call_elsewhere", Detail: e.Error()}, true
	}
	if e, ok := errors.AsType[*bridge.StateError](err); ok {
		return Outcome{Status: http.StatusConflict, Code: "state_conflict", Detail: e.Error(), State: string(e.State)}, true
	}
	if errors.Is(err, bridge.ErrPhoneRefused) { // in the words of the phone, which are the user's own
		return Outcome{Status: http.StatusConflict, Code: "phone_refused", Detail: err.Error()}, true
	}
	if e, ok := errors.AsType[*fieldTargetError](err); ok {
		return targetOutcome(e.target, e.field), true
	}
	if e, ok := errors.AsType[*bridge.TargetError](err); ok {
		return targetOutcome(e, "to"), true
	}
	if e, ok := errors.AsType[*bridge.UserDataError](err); ok { // it names the key that is wrong
		field := "userData"
		if e.Key != "" {
			field += "." + e.Key
		}
		return invalid(field, e.Rule, field+": "+e.Rule), true
	}
	if o, ok := agentOutcome(err); ok {
		return o, true
	}
	return authOutcome(err)
}

func fieldOutcome(e *FieldError) (Outcome, bool) {
	o, ok := OutcomeOf(e.Err)
	if !ok {
		return o, false
	}
	o.Status, o.Detail, o.Field, o.Rule = http.StatusUnprocessableEntity, e.Error(), e.Field, e.Err.Error()
	if e.Rule != "" {
		o.Detail, o.Rule = e.Field+": "+e.Rule, e.Rule
	}
	return o, true
}

func targetOutcome(e *bridge.TargetError, field string) Outcome {
	o := Outcome{Status: http.StatusUnprocessableEntity, Code: "impossible_number", Detail: e.Error(), Field: field, Rule: e.Rule}
	if e.Unreachable {
		o.Status, o.Code = http.StatusConflict, "unreachable"
	}
	return o
}

func agentOutcome(err error) (Outcome, bool) {
	if e, ok := errors.AsType[*agent.FieldError](err); ok {
		return invalid(e.Field, e.Rule, e.Error()), true
	}
	if e, ok := errors.AsType[*agent.LoggedInError](err); ok {
		return Outcome{Status: http.StatusConflict, Code: "agent_logged_in", Detail: e.Error()}, true
	}
	if errors.Is(err, agent.ErrNotLoggedIn) {
		return Outcome{Status: http.StatusConflict, Code: "not_logged_in", Detail: err.Error(), State: string(agent.LoggedOut)}, true
	}
	return Outcome{}, false
}

func authOutcome(err error) (Outcome, bool) {
	if e, ok := errors.AsType[*auth.BackoffError](err); ok {
		return Outcome{Status: http.StatusTooManyRequests, Code: "too_many_failures", Detail: e.Error(), Retry: e.Seconds()}, true
	}
	if e, ok := errors.AsType[*auth.FieldError](err); ok {
		return invalid(e.Field, e.Rule, e.Error()), true
	}
	if e, ok := errors.AsType[*auth.ForbiddenError](err); ok {
		o := Outcome{Status: http.StatusForbidden, Code: "forbidden", Detail: e.Error(), Field: e.Field}
		if e.Field != "" {
			o.Rule = "must be a DN that you may use"
		}
		return o, true
	}
	return Outcome{}, false
}

func invalid(field, rule, detail string) Outcome {
	return Outcome{Status: http.StatusUnprocessableEntity, Code: "invalid_field", Detail: detail, Field: field, Rule: rule}
}
