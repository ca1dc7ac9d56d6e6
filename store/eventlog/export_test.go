package eventlog

import (
	"github.com/nats-io/nats.go"

	"sidecar/cti"
)

// Message is how the feed of that name publishes a record.
func Message(name string, r *cti.Record) *nats.Msg { return newSubjects(name).message(r) }

// Stored reads a message of that feed's stream.
func Stored(name, subject string, header nats.Header, data []byte) cti.Stored {
	return newSubjects(name).stored(7, subject, header, data)
}

// HandedFile is the name of the file with the last number that was handed out.
const HandedFile = handedFile
