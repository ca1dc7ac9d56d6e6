package bridge

import "strings"

// Played is the end of a playback.
type Played struct {
	ID     string
	Failed bool
}

// Digit is one DTMF digit that a party's device sent.
type Digit struct {
	Channel ChannelID
	Digit   string
	Phone   bool // told by our gateway, not by the switch
}

// Recorded is the end of a recording.
type Recorded struct {
	Name   string
	Failed bool
	Why    string // it failed, in the switch's words
}

func (Played) isInput()   {}
func (Digit) isInput()    {}
func (Recorded) isInput() {}

// Played takes the end of a playback. One that belongs to no interaction is ignored.
func (e *Engine) Played(server ServerID, in Played) { e.named(server, in.ID, in) }

// Recorded takes the end of a recording. One that belongs to no interaction is ignored.
func (e *Engine) Recorded(server ServerID, in Recorded) { e.named(server, in.Name, in) }

// Digit takes a digit of a party's device.
func (e *Engine) Digit(in Digit) {
	if a := e.owner(in.Channel); a != nil {
		a.feed(in)
	}
}

// named feeds the interaction whose id begins the name of something on a server.
func (e *Engine) named(server ServerID, name string, in Input) {
	id, _, ours := strings.Cut(name, ".")
	if !ours {
		return
	}
	e.mu.RLock()
	a := e.actors[InteractionID(id)]
	e.mu.RUnlock()
	if a != nil && a.server == server {
		a.feed(in)
	}
}
