package schema

//go:generate go test . -run TestDocument -count=1 -args -update

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"sidecar/cti"
	"sidecar/cti/follow"
)

// ID is the name of the document. It changes only when what validated before may validate no more.
const ID = "urn:sidecar:events:v1"

// The parts of the document that are referred to from outside; the whole of it is an event as the feed delivers it.
const (
	Stored  = "#/$defs/Stored"  // an event as the log keeps it: the log knows its place
	Webhook = "#/$defs/Webhook" // what is posted to a webhook
)

// node is a part of the document.
type node = map[string]any

// Document gives the schema.
func Document() ([]byte, error) {
	d := definitions{}
	refs := make([]any, 0, 64)
	for _, row := range rows() {
		refs = append(refs, d.event(&row))
	}
	d["Stored"] = node{
		"description": "An event as the log keeps it, without cursor and seq: its place in the log is both.",
		"type":        "object", "required": []string{"event", "messageType"}, "oneOf": refs,
	}
	d["Webhook"] = node{
		"description": "What is posted to a webhook.",
		"type":        "object", "required": []string{"webhook", "node", "events"},
		"properties": node{
			"webhook": node{"type": "string", "minLength": 1, "description": "its name in the settings"},
			"node":    node{"type": "string", "minLength": 1, "description": "the sidecar that tells, and whose events and snapshots these are"},
			"events":  node{"type": "array", "minItems": 1, "maxItems": 100, "items": node{"$ref": "#"}},
		},
	}
	text, err := json.MarshalIndent(node{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": ID,
		"title":       "An event of the sidecar",
		"description": about,
		"$ref":        Stored, "required": []string{"cursor", "seq"},
		"$defs": d,
	}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("schema of the events: %w", err)
	}
	return append(text, '\n'), nil
}

const about = "What /api/v1/events sends, what a webhook is posted and what CometD carries as data. Objects are open: a later release may add attributes, " +
	"and events of new names, so let pass what you don't know. Lists under enum are complete; those under examples may grow."

// row is an event with its rules.
type row struct {
	cti.Kind
	rule
}

// rows are the events of the catalogue, and the two that stand around a snapshot.
func rows() []row {
	own := rules()
	list := make([]row, 0, 64)
	for _, kind := range cti.Kinds() {
		list = append(list, row{kind, own[kind.MessageType]})
	}
	mark := rule{about: nothing}
	return append(list,
		row{cti.Kind{Name: "Reset", MessageType: "Reset", Meaning: "forget what you know, a snapshot follows"}, mark},
		row{cti.Kind{Name: follow.NameComplete, MessageType: follow.NameComplete, Meaning: "the snapshot is complete"}, mark})
}

// event defines an event and gives the reference to it.
func (d definitions) event(r *row) node {
	all := d.object(eventType())
	properties := maps.Clone(all["properties"].(node)) //nolint:forcetypeassert // made so
	properties["event"] = node{"const": r.Name}
	if r.Name == "" {
		properties["event"] = node{"enum": []cti.CallState{cti.StateDialing, cti.StateRinging, cti.StateEstablished, cti.StateHeld}}
	}
	properties["messageType"] = node{"const": r.MessageType}
	delete(properties, "messageId")
	required := []string{"event", "messageType", "eventId", "timestamp", "attributes"}
	if r.MessageID != 0 {
		properties["messageId"] = node{"const": r.MessageID}
		required = append(required, "messageId")
	}
	fields, attributes := r.needs(r.Topic)
	required = append(required, fields...)
	for _, name := range without(r.about, r.Topic) {
		delete(properties, name)
	}
	if len(attributes) > 0 {
		properties["attributes"] = node{"$ref": "#/$defs/Attributes", "required": attributes}
	}
	if r.Topic == cti.TopicAgent && r.about == aCall {
		properties["call"] = node{"$ref": "#/$defs/Call", "required": []string{"capabilities"}}
	}
	slices.Sort(required)
	def := node{"type": "object", "description": r.Meaning, "required": required, "properties": properties}
	if r.when != nil {
		maps.Copy(def, r.when)
	}
	d[r.MessageType] = def
	return node{"$ref": "#/$defs/" + r.MessageType}
}
