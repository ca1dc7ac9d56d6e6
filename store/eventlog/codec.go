package eventlog

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"

	"sidecar/bridge"
	"sidecar/cti"
)

// Headers of a message besides those of NATS.
const (
	headerID       = nats.MsgIdHdr         // the event's id
	headerMark     = "Sidecar-Mark"        // the record's mark, see cti.Record
	headerAudience = "Sidecar-Audience"    // the DNs whose viewers may see it, with commas between
	headerSequence = nats.JSSequence       // of a direct answer of the server
	headerSubject  = nats.JSSubject        //
	headerBatch    = "Nats-Batch-Id"       // of a batch that is stored as a whole or not at all, see ADR-50 of NATS
	headerBatchSeq = "Nats-Batch-Sequence" //
	headerCommit   = "Nats-Batch-Commit"   //
)

// subjects are those of one feed: <name>.events.<node>.agent.<dn>, <name>.events.<node>.call, <name>.events.<node>.gap.
type subjects struct{ prefix string }

func newSubjects(name string) subjects { return subjects{name + ".events."} }

func (s subjects) all() string { return s.prefix + ">" }

func (s subjects) of(node string) string { return s.prefix + node + ".>" }

func (s subjects) record(r *cti.Record) string {
	subject := s.prefix + r.Node + "." + string(r.Kind)
	if r.Kind == cti.RecordAgent {
		subject += "." + token(string(r.DN))
	}
	return subject
}

// parse is the inverse of record, and refuses what record does not make.
func (s subjects) parse(subject string) (node string, kind cti.RecordKind, dn bridge.DN, err error) {
	rest, ok := strings.CutPrefix(subject, s.prefix)
	parts := strings.Split(rest, ".")
	if !ok || len(parts) < 2 || !isName(parts[0]) {
		return "", "", "", fmt.Errorf("%w: %q", errBadSubject, subject)
	}
	node, kind = parts[0], cti.RecordKind(parts[1])
	switch {
	case kind == cti.RecordAgent && len(parts) == 3:
		text, err := untoken(parts[2])
		if err != nil {
			return "", "", "", fmt.Errorf("%w: %q: %w", errBadSubject, subject, err)
		}
		dn = bridge.DN(text)
	case kind != cti.RecordAgent && isKind(kind) && len(parts) == 2:
	default:
		return "", "", "", fmt.Errorf("%w: %q", errBadSubject, subject)
	}
	return node, kind, dn, nil
}

// isKind reports whether records of the kind belong into the log.
func isKind(kind cti.RecordKind) bool {
	return kind == cti.RecordAgent || kind == cti.RecordCall || kind == cti.RecordGap
}

// isName reports whether a sidecar may have the name: it is a part of subjects as it is.
func isName(node string) bool { return node == token(node) }

// token makes a part of a subject, or of a key, from any text: what is no letter, digit, - or _ becomes =XX, and the
// empty text =.
func token(text string) string {
	if text == "" {
		return "="
	}
	var b strings.Builder
	for _, c := range []byte(text) {
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '-', c == '_':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	return b.String()
}

func untoken(token string) (string, error) {
	if token == "=" {
		return "", nil
	}
	parts := strings.Split(token, "=")
	var b strings.Builder
	b.WriteString(parts[0])
	for _, part := range parts[1:] {
		if len(part) < 2 {
			return "", fmt.Errorf("%w: %q", errBadSubject, token)
		}
		char, err := hex.DecodeString(part[:2])
		if err != nil {
			return "", fmt.Errorf("%w: %q: %w", errBadSubject, token, err)
		}
		b.Write(char)
		b.WriteString(part[2:])
	}
	return b.String(), nil
}

// message is how a record is published.
func (s subjects) message(r *cti.Record) *nats.Msg {
	m := &nats.Msg{Subject: s.record(r), Data: r.Data, Header: nats.Header{headerID: {r.ID}, headerMark: {r.Mark}}}
	if len(r.Audience) > 0 {
		var b strings.Builder
		for i, dn := range r.Audience {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(token(string(dn)))
		}
		m.Header[headerAudience] = []string{b.String()}
	}
	return m
}

// stored reads a message of the stream. What is not ours comes out with a kind that cti refuses.
func (s subjects) stored(seq uint64, subject string, header nats.Header, data []byte) cti.Stored {
	r := cti.Stored{Seq: seq, Record: cti.Record{ID: header.Get(headerID), Mark: header.Get(headerMark), Data: data}}
	var err error
	if r.Node, r.Kind, r.DN, err = s.parse(subject); err != nil {
		r.Kind = ""
		return r
	}
	for part := range strings.SplitSeq(header.Get(headerAudience), ",") {
		if dn, err := untoken(part); err == nil && dn != "" {
			r.Audience = append(r.Audience, bridge.DN(dn))
		}
	}
	return r
}
