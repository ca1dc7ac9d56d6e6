package v3

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// maxBody is what a request may have at most: user data as large as the engine takes, and what is written around it.
const maxBody = 256 << 10

// maxOperation bounds what a client may choose as the id of an operation.
const maxOperation = 100

// command is the body of every command: what one doesn't need is not looked at. Members beside data are where the
// published client puts them.
type command struct {
	OperationID string      `json:"operationId"`
	ReasonCode  string      `json:"reasonCode"`
	Data        commandData `json:"data"`
}

type commandData struct {
	ReasonCode    string `json:"reasonCode"`
	AgentWorkMode string `json:"agentWorkMode"`
	Reasons       Pairs  `json:"reasons"`
	Extensions    Pairs  `json:"extensions"`
	UserData      Pairs  `json:"userData"`

	ForwardTo        string `json:"forwardTo"`
	Destination      string `json:"destination"`
	Location         string `json:"location"`
	OutboundCallerID string `json:"outboundCallerId"`
	HeldConnID       string `json:"heldConnId"`
	OtherConnID      string `json:"otherConnId"`
	ParentConnID     string `json:"parentConnId"`
	DNToDrop         string `json:"dnToDrop"`
	Key              string `json:"key"`
	DTMFDigits       string `json:"dtmfDigits"`
	CallUUID         string `json:"callUuid"`
	ConnID           string `json:"connId"`

	PhoneNumber            string `json:"phoneNumber"`
	PhoneNumberToMonitor   string `json:"phoneNumberToMonitor"`
	MonitoringMode         string `json:"monitoringMode"`
	MonitoringNextCallType string `json:"monitoringNextCallType"`
	MonitoringScope        string `json:"monitoringScope"`

	// Of the session.
	AgentID            string      `json:"agentId"`
	PlaceName          string      `json:"placeName"`
	DN                 string      `json:"dn"`
	QueueName          string      `json:"queueName"`
	DynamicPhoneNumber string      `json:"dynamicPhoneNumber"`
	AutoCompleteCall   *bool       `json:"autoCompleteCall"`
	Channels           []string    `json:"channels"`
	UserName           string      `json:"userName"`
	Statistics         []Statistic `json:"statistics"`
	SubscriptionID     string      `json:"subscriptionId"`

	Target            *TargetInformation `json:"target"`
	Comment           string             `json:"comment"`
	Category          string             `json:"category"`
	IgnoreDuplication bool               `json:"ignoreDuplication"`
	RecentInformation *RecentInformation `json:"recentInformation"`
}

// reason is the reason code, wherever the client has put it.
func (c *command) reason() string {
	for _, code := range []string{c.Data.ReasonCode, c.ReasonCode, c.Data.Reasons.text(reasonCode)} {
		if code != "" {
			return code
		}
	}
	return ""
}

// readCommand reads a body, which may be missing.
func readCommand(w http.ResponseWriter, r *http.Request) (*command, error) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		return nil, &refusal{http.StatusRequestEntityTooLarge, http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is longer than %d bytes", maxBody)}
	case err != nil:
		return nil, &refusal{http.StatusBadRequest, http.StatusBadRequest, "the body could not be read"}
	}
	return parseCommand(text)
}

func parseCommand(text []byte) (*command, error) {
	in := &command{}
	if len(strings.TrimSpace(string(text))) == 0 {
		return in, nil
	}
	if err := json.Unmarshal(text, in); err != nil {
		return nil, &refusal{http.StatusBadRequest, http.StatusBadRequest, badJSON(err)}
	}
	if len(in.OperationID) > maxOperation {
		return nil, &refusal{http.StatusBadRequest, http.StatusBadRequest, fmt.Sprintf("operationId must have %d characters at most", maxOperation)}
	}
	return in, nil
}

// badJSON says what is wrong without repeating values, which may be secret.
func badJSON(err error) string {
	if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Sprintf("%s must be a JSON %s, not a %s", kind.Field, jsonType(kind.Type.Kind().String()), kind.Value)
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Sprintf("the body is no JSON: see byte %d", syntax.Offset)
	}
	return err.Error()
}

func jsonType(kind string) string {
	switch kind {
	case "struct", "map", "ptr":
		return "object"
	case "slice", "array":
		return "array"
	case "bool":
		return "boolean"
	case "string":
		return "string"
	}
	return "number"
}
