package v2

import (
	"errors"
	"fmt"
	"net/http"

	"sidecar/access"
	"sidecar/auth"
)

// statusCode is what every reply begins with.
type statusCode int

const (
	statusOK               statusCode = 0
	statusMissing          statusCode = 1 // a parameter
	statusState            statusCode = 2 // not possible in this state
	statusForbidden        statusCode = 3
	statusInternal         statusCode = 4
	statusPermission       statusCode = 5
	statusNotFound         statusCode = 6
	statusPartial          statusCode = 7
	statusInvalid          statusCode = 10
	statusNotAuthenticated statusCode = 20
)

// status is a reply that says nothing else, and the beginning of all others.
type status struct {
	StatusCode    statusCode `json:"statusCode"`
	StatusMessage string     `json:"statusMessage,omitempty"`
}

// NotRegisteredError is a command for a device whose phone is not registered.
type NotRegisteredError struct{ DN string }

func (e *NotRegisteredError) Error() string {
	return fmt.Sprintf("Device '%s' is not registered.", e.DN)
}

// errNotFound is a resource that is not there, or none of the principal's.
var errNotFound = errors.New("no such resource")

// refuse puts an error into the dialect's form.
func refuse(err error) (httpStatus int, reply any) {
	httpStatus, code, message := outcome(err)
	return httpStatus, status{StatusCode: code, StatusMessage: message}
}

func outcome(err error) (httpStatus int, code statusCode, message string) {
	if silent, ok := errors.AsType[*NotRegisteredError](err); ok {
		return http.StatusInternalServerError, statusInternal, silent.Error()
	}
	if errors.Is(err, errNotFound) {
		return http.StatusNotFound, statusNotFound, err.Error()
	}
	o, known := access.OutcomeOf(err)
	if !known {
		return http.StatusInternalServerError, statusInternal, "something went wrong here: see the log"
	}
	switch {
	case access.Missing(err):
		return http.StatusBadRequest, statusMissing, o.Detail
	case o.Status == http.StatusUnauthorized: // desktops of this kind take 403 for "log in"
		return http.StatusForbidden, statusNotAuthenticated, o.Detail
	case o.Status == http.StatusTooManyRequests:
		return o.Status, statusNotAuthenticated, o.Detail
	case errors.Is(err, auth.ErrOrigin):
		return o.Status, statusForbidden, o.Detail
	case o.Status == http.StatusForbidden:
		return o.Status, statusPermission, o.Detail
	case o.Status == http.StatusNotFound:
		return o.Status, statusNotFound, o.Detail
	case o.Status == http.StatusUnprocessableEntity:
		return http.StatusBadRequest, statusInvalid, o.Detail
	case o.Status == http.StatusConflict:
		return o.Status, statusState, o.Detail
	}
	return o.Status, statusInternal, o.Detail
}
