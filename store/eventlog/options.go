package eventlog

import (
	"log/slog"
	"time"
)

// Options set up a Log. Name, Node and, without Servers, Dir have no default.
type Options struct {
	Name   string // of the feed: sidecars that share it have the same. Subjects begin with it
	Node   string // of this sidecar
	NodeID *int   // which its ConnIDs begin with; nil: it makes none

	Dir    string // where the embedded server keeps its files
	Listen string // host:port where it can be reached from outside; empty: not at all
	Token  string // what clients of it must show; of external servers: what they want to be shown

	Servers     []string // URLs of an external NATS; none: the embedded server is used
	Credentials string   // file with what an external NATS wants to see
	CAFile      string   // who has signed its certificate, if not a public authority

	Replicas  int           // of stream and bucket
	KeepFor   time.Duration // how old an event may become
	KeepBytes int64         // how large the stream may become
	Sync      time.Duration // how often the embedded server forces its files to the disk; 0: with every write

	Logger *slog.Logger
}

const (
	connectTimeout = 2 * time.Second
	// A server that has fallen silent is noticed after two of these.
	pingInterval = 5 * time.Second
	// How long the stream remembers ids. What takes longer is looked up before anything is appended again.
	duplicateWindow = 2 * time.Minute
	maxMemory       = 64 << 20 // of the embedded server, for streams in memory: there are none of ours
	// What the embedded server may keep is no limit: the stream has its own, and one below it would lock the stream out whose
	// limit is to be lowered at this start.
	maxStore = 1 << 50
)
