package recording

import (
	"context"
	"io"
	"time"
)

// Recorded is what a switch holds of a call that was recorded: two files, one for each direction of one leg.
type Recorded struct {
	Server  string `json:"server"`
	In      string `json:"in"`  // name of what the leg's party says, the customer
	Out     string `json:"out"` // name of what it hears, the agent's side
	Call    string `json:"call"`
	ConnID  string `json:"connId"`
	Type    string `json:"type"`
	ANI     string `json:"ani"`
	DNIS    string `json:"dnis"`
	Segment int    `json:"segment"` // counts the recordings of a call from 1
	// DNs are those that took part while it was recorded.
	DNs       []string  `json:"dns"`
	StartedAt time.Time `json:"startedAt"`
	EndedAt   time.Time `json:"endedAt"`
	By        string    `json:"by,omitempty"` // who started it; empty: the settings
	Reason    string    `json:"reason"`       // command, dn, direction
}

// Switch gives the files that a switch has recorded. A file that is not there is ErrGone.
type Switch interface {
	// Fetch opens a file. A transfer that is cut short must end in another error than io.EOF.
	Fetch(ctx context.Context, server, name string) (io.ReadCloser, error)
	Remove(ctx context.Context, server, name string) error
}

// Journal keeps what is still to be fetched through a restart. Put returns when the record would survive our own death.
type Journal interface {
	Put(id string, r Recorded) error
	Delete(id string) error
	All() ([]Recorded, error)
}
