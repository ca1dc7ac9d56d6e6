package v3

import (
	"encoding/json"
	"net/http"
)

// What a status code says. Published clients take nothing else for a success: commands whose result comes as a notification
// are accepted, everything else is done.
const (
	codeDone         = 0
	codeAccepted     = 1
	codePartial      = 2
	codeUnauthorized = 603
)

// Status is how a command or a question went.
type Status struct {
	Code    int    `json:"code"`
	Message string `json:"message,omitempty"`
}

// reply is every answer.
type reply struct {
	Status      Status `json:"status"`
	OperationID string `json:"operationId,omitempty"`
	Data        any    `json:"data,omitempty"`
	Message     string `json:"message,omitempty"` // of a refusal, again: where the simulator has it

	cookie *http.Cookie // that the client is to have from now on
}

// refusal is an error that says how it is answered.
type refusal struct {
	http    int
	code    int
	message string
}

func (r *refusal) Error() string { return r.message }

// unauthorized refuses who has no session, or not the right to do what is asked for.
func unauthorized() *refusal {
	return &refusal{http.StatusForbidden, codeUnauthorized, "Unauthorized"}
}

// missing refuses a command without what it needs.
func missing() *refusal {
	return &refusal{http.StatusBadRequest, http.StatusBadRequest, "Missing parameters"}
}

func badParameter(message string) *refusal {
	return &refusal{http.StatusBadRequest, http.StatusBadRequest, message}
}

// write answers in JSON. Published clients show nothing of an answer that is not labelled so.
func (r *reply) write(w http.ResponseWriter, status int) {
	text, err := json.Marshal(r)
	if err != nil { // nothing that a reply holds can fail
		status, text = http.StatusInternalServerError, []byte(`{"status":{"code":500,"message":"the answer could not be written"}}`)
	}
	header := w.Header()
	if r.cookie != nil {
		http.SetCookie(w, r.cookie)
	}
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(text) // who has gone misses nothing
}

func (r *refusal) write(w http.ResponseWriter) {
	(&reply{Status: Status{Code: r.code, Message: r.message}, Message: r.message}).write(w, r.http)
}

// some is a list for an answer, where none is empty and not null: clients iterate.
func some[T any](list []T) []T { return append([]T{}, list...) }
