package cti

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
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

// NewGap makes the record that says that events of a node are missing in its place.
func NewGap(node string) Record {
	id := "gap-" + node + "-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	return Record{ID: id, Mark: id, Node: node, Kind: RecordGap}
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
	entry.locate(r, epoch)
	data, err := json.Marshal(&entry.Event)
	if err != nil {
		return fmt.Errorf("%w: number %d: %w", ErrBadRecord, r.Seq, err)
	}
	entry.Data = data
	return nil
}

func (entry *Entry) locate(r *Stored, epoch string) {
	entry.Event.Node = r.Node
	entry.Event.place(Cursor{Epoch: epoch, Seq: r.Seq})
}

// What the place of an event is written before, and in place of, in the JSON that record made. Neither can be part of a
// value, where quotes are escaped; what comes before the first, and after the second, has no such names.
const (
	beforePlace = `"timestamp":`
	noNumber    = `"EventSequenceNumber":0,`
)

// placeOwn is place for what record has made in this process: it is not encoded a second time.
func (entry *Entry) placeOwn(r *Stored, epoch string) error {
	at, number := bytes.Index(r.Data, []byte(beforePlace)), bytes.LastIndex(r.Data, []byte(noNumber))
	if at < 0 || number < at {
		return entry.place(r, epoch)
	}
	entry.locate(r, epoch)
	e := &entry.Event
	data := make([]byte, 0, len(r.Data)+len(`"cursor":"","seq":,`)+len(epoch)+1+3*maxDigits)
	data = append(append(append(data, r.Data[:at]...), `"cursor":"`...), e.Cursor.String()...)
	data = strconv.AppendUint(append(data, `","seq":`...), e.Seq, 10)
	data = append(append(data, ','), r.Data[at:number]...)
	data = strconv.AppendUint(append(data, noNumber[:len(noNumber)-len("0,")]...), e.Seq, 10)
	entry.Data = append(data, r.Data[number+len(noNumber)-len(","):]...)
	return nil
}

// maxDigits is how long a number can be.
const maxDigits = 20
