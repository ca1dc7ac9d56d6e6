package bayeux

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// packet is a message on its way to a client: an event, whose data all the sessions share that it goes to, or, without
// a channel, a message that is complete. It never changes, so that they share it, too.
type packet struct {
	channel string
	id      json.RawMessage
	data    json.RawMessage
}

// packets checks the events. Nothing of their data is copied.
func packets(events []Event) ([]*packet, error) {
	list := make([]*packet, len(events))
	for i := range events {
		p, err := events[i].packet()
		if err != nil {
			return nil, err
		}
		list[i] = p
	}
	return list, nil
}

func (e *Event) packet() (*packet, error) {
	if !validName(e.Channel) || isMeta(e.Channel) {
		return nil, fmt.Errorf("%w: %q", ErrChannel, e.Channel)
	}
	if len(e.Data) == 0 {
		return nil, fmt.Errorf("%w: %s", ErrNoData, e.Channel)
	}
	if !e.Checked && !(utf8.Valid(e.Data) && json.Valid(e.Data)) {
		return nil, fmt.Errorf("%w: %s", ErrData, e.Channel)
	}
	p := &packet{channel: e.Channel, data: e.Data}
	if e.ID != "" {
		id, err := json.Marshal(e.ID)
		if err != nil {
			return nil, fmt.Errorf("bayeux: encoding an id for %s: %w", e.Channel, err)
		}
		p.id = id
	}
	return p, nil
}

// The parts of an event on the wire. No character of a channel's name needs an escape.
const (
	beforeChannel = `{"channel":"`
	beforeID      = `","id":`
	afterID       = `,"data":`
	afterChannel  = `","data":`
)

// size is how many bytes appendTo appends.
func (p *packet) size() int {
	switch {
	case p.channel == "":
		return len(p.data)
	case len(p.id) == 0:
		return len(beforeChannel) + len(p.channel) + len(afterChannel) + len(p.data) + len(`}`)
	default:
		return len(beforeChannel) + len(p.channel) + len(beforeID) + len(p.id) + len(afterID) + len(p.data) + len(`}`)
	}
}

func (p *packet) appendTo(b []byte) []byte {
	if p.channel == "" {
		return append(b, p.data...)
	}
	b = append(append(b, beforeChannel...), p.channel...)
	if len(p.id) == 0 {
		b = append(b, afterChannel...)
	} else {
		b = append(append(append(b, beforeID...), p.id...), afterID...)
	}
	return append(append(b, p.data...), '}')
}

// appendArray appends a JSON array of the packets.
func appendArray(body []byte, list []*packet) []byte {
	body = append(body, '[')
	for i := range list {
		if i > 0 {
			body = append(body, ',')
		}
		body = list[i].appendTo(body)
	}
	return append(body, ']')
}

// load is what a list of packets weighs.
type load struct{ events, bytes int }

func weigh(list []*packet) load {
	l := load{events: len(list)}
	for i := range list {
		l.bytes += list[i].size()
	}
	return l
}

func (l load) plus(more load) load  { return load{l.events + more.events, l.bytes + more.bytes} }
func (l load) minus(less load) load { return load{l.events - less.events, l.bytes - less.bytes} }
func (l load) within(limit load) bool {
	return l.events <= limit.events && l.bytes <= limit.bytes
}
