package cti

import (
	"context"
	"time"

	"sidecar/bridge"
)

// Log keeps the events of all sidecars that share a feed: one sequence, appended to by all, read by all. Its methods may
// be called from several goroutines, Append from one.
type Log interface {
	// Open makes the log ready and says where it stands. It is called again after something has failed.
	Open(ctx context.Context) (LogState, error)
	// Append stores the records behind all others, in their order, each id once: a record that is there already is not
	// stored again. It returns when all are stored, with the number of the last. After an error some may be stored, and
	// the same records are to be appended again.
	Append(ctx context.Context, records []Record) (last uint64, err error)
	// LastOf gives the mark of the last record of a node; empty if there is none.
	LastOf(ctx context.Context, node string) (mark string, err error)
	// Has reports whether the record is there, which was not stored before a time.
	Has(ctx context.Context, r *Record, since time.Time) (bool, error)
	// Read gives the oldest of the records after a number, about so many; none if there are none. ErrTooOld says that
	// some of them are no longer kept; for those that are lost it gives a gap.
	Read(ctx context.Context, after uint64, limit int) ([]Stored, error)
	// Follow hands over all records after a number, as they are stored, until ctx ends or something fails. ErrTooOld
	// says that some of them are no longer kept; for those that are lost it gives a gap.
	Follow(ctx context.Context, after uint64, take func([]Stored)) error
}

// LogState is where a log stands.
type LogState struct {
	Epoch string // another one when numbers are used again
	First uint64 // number of the oldest record that is kept, Last+1 if none is
	Last  uint64
}

// Record is an event as the log keeps it.
type Record struct {
	ID       string // of the event
	Mark     string // of this record alone: an event that is told again has another one
	Node     string // the sidecar that it comes from
	Kind     RecordKind
	DN       bridge.DN // whom it is addressed to; none for a call as a whole
	Audience []bridge.DN
	Data     []byte // the event's JSON without its place in the feed
	// Again is when the event happened, if an earlier run may have appended it: the log is asked before it is appended, and does not
	// keep this. Zero otherwise.
	Again time.Time
}

// Stored is a record with its number.
type Stored struct {
	Record

	Seq uint64
}

// RecordKind says what a record is.
type RecordKind string

// The kinds. A gap stands for events that could not be kept: what is before it is no basis for what is after it.
const (
	RecordAgent RecordKind = "agent"
	RecordCall  RecordKind = "call"
	RecordGap   RecordKind = "gap"
)

// Spool keeps, in order, records that the log can't take at the moment. It outlives the process.
type Spool interface {
	// Put adds all or none. ErrSpoolFull says that there is no room.
	Put(records []Record) error
	// Peek gives the oldest, at most so many, and leaves them there.
	Peek(limit int) ([]Record, error)
	// Drop removes the oldest.
	Drop(n int) error
	Len() int
}
