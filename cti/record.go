package cti

import (
	"encoding/json"
	"fmt"
)

// storedEvent is an Event without its place, which the log gives it.
type storedEvent struct {
	*Event

	Cursor struct{} `json:"cursor,omitzero"`
	Seq    struct{} `json:"seq,omitzero"`
}

// record makes what the log keeps of an event.
func record(node string, e *Event) (Record, error) {
	data, err := json.Marshal(storedEvent{Event: e})
	if err != nil {
		return Record{}, fmt.Errorf("event %s: %w", e.ID, err)
	}
	kind := RecordAgent
	if e.Topic == TopicCall {
		kind = RecordCall
	}
	return Record{ID: e.ID, Node: node, Kind: kind, DN: e.DN, Audience: e.Audience, Data: data}, nil
}

// DecodeRecord reads an event of the log.
func DecodeRecord(r *Stored, epoch string) (*Entry, error) {
	entry := &Entry{}
	if err := json.Unmarshal(r.Data, &entry.Event); err != nil {
		return nil, fmt.Errorf("%w: number %d: %w", ErrBadRecord, r.Seq, err)
	}
	e := &entry.Event
	switch r.Kind {
	case RecordAgent:
		e.Topic = TopicAgent
	case RecordCall:
		e.Topic = TopicCall
	case RecordGap:
		return nil, fmt.Errorf("%w: number %d: a gap is no event", ErrBadRecord, r.Seq)
	default:
		return nil, fmt.Errorf("%w: number %d: kind %q", ErrBadRecord, r.Seq, r.Kind)
	}
	if e.ID == "" || e.Name == "" {
		return nil, fmt.Errorf("%w: number %d: no id, or no name", ErrBadRecord, r.Seq)
	}
	e.Audience = r.Audience
	return entry, entry.place(r, epoch)
}

// place gives an event the number under which it was stored.
func (entry *Entry) place(r *Stored, epoch string) error {
	entry.Event.Node = r.Node
	entry.Event.place(Cursor{Epoch: epoch, Seq: r.Seq})
	data, err := json.Marshal(&entry.Event)
	if err != nil {
		return fmt.Errorf("%w: number %d: %w", ErrBadRecord, r.Seq, err)
	}
	entry.Data = data
	return nil
}
