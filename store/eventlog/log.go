package eventlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sidecar/cti"
)

// metaEpoch is the key of the epoch in the stream's metadata.
const metaEpoch = "sidecar-epoch"

// Log is the event log in NATS. It implements cti.Log.
type Log struct {
	// Constant.
	o        Options
	subjects subjects
	server   *server.Server // nil when it is an external one
	conn     *nats.Conn
	js       jetstream.JetStream
	settings server.JetStreamConfig // of the embedded server

	unreached atomic.Pointer[error] // why the last attempt to connect failed

	mending  sync.Mutex
	mended   time.Time // when it was last tried
	illSince time.Time
	illSeen  time.Time // for the last time

	consumers consumers

	mu     sync.Mutex
	boot   boot    // of the embedded server's files
	handed *handed // constant; nil when it is an external one, whose files are its own affair

	lease atomic.Uint64 // the number of our last lease in the live state; 0: not known

	claiming sync.Mutex // held while others are asked
	claimed  bool
	refused  error // the last claim
}

// New starts the embedded server, or begins to connect to an external one: then it returns before that has succeeded, and
// goes on trying.
func New(o Options) (*Log, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	l := &Log{o: o, subjects: newSubjects(o.Name)}
	if len(o.Servers) == 0 {
		var err error
		if l.boot, err = openBoot(o.Dir, o.Sync == 0); err != nil {
			return nil, err
		}
		if l.handed, err = openHanded(o.Dir); err != nil {
			return nil, err
		}
		if l.server, err = startServer(&o); err != nil {
			return nil, errors.Join(err, l.handed.close())
		}
		if settings := l.server.JetStreamConfig(); settings != nil {
			l.settings = *settings
		}
	}
	if err := l.connect(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// Addr is where the embedded server can be reached; empty if nowhere.
func (l *Log) Addr() string {
	if l.server == nil || l.o.Listen == "" {
		return ""
	}
	return l.server.Addr().String()
}

// Close ends connection and server. What was appended stays.
func (l *Log) Close() error {
	if l.conn != nil {
		l.conn.Close()
	}
	if l.server == nil {
		return nil
	}
	l.server.Shutdown()
	l.server.WaitForShutdown()
	return errors.Join(l.boot.closed(), l.handed.close())
}

// Check reports whether the server can be reached, our names are ours, and the embedded server can write.
func (l *Log) Check(context.Context) error {
	if err := l.connected(); err != nil {
		return err
	}
	return errors.Join(l.twin(), l.ill())
}

// connected says why there is no connection.
func (l *Log) connected() error {
	if l.conn.IsConnected() {
		return nil
	}
	err := errNotYet
	if refused := l.unreached.Load(); refused != nil {
		err = *refused
	}
	return fmt.Errorf("event log: not connected to %s: %w", strings.Join(l.o.Servers, ", "), err)
}

func (l *Log) streamName() string { return l.o.Name + "-events" }

// Open implements cti.Log.
//
// It fails while another living sidecar has our node or node_id: the events of the two could not be told apart.
func (l *Log) Open(ctx context.Context) (cti.LogState, error) {
	if err := l.connected(); err != nil {
		return cti.LogState{}, err
	}
	if err := l.claim(ctx); err != nil {
		return cti.LogState{}, fmt.Errorf("event log: %w", err)
	}
	stream, err := l.stream(ctx)
	if err != nil {
		l.mend(ctx)
		return cti.LogState{}, fmt.Errorf("event log: stream %s: %w", l.streamName(), err)
	}
	info := stream.CachedInfo()
	state := cti.LogState{Epoch: info.Config.Metadata[metaEpoch], First: max(info.State.FirstSeq, 1), Last: info.State.LastSeq}
	if info.State.Msgs == 0 {
		state.First = state.Last + 1
	}
	if state.Epoch == "" {
		return state, fmt.Errorf("%w: stream %s is not one of a sidecar's: it has no %s", ErrServer, l.streamName(), metaEpoch)
	}
	if l.handed != nil {
		return state, l.handed.stands(state.Epoch, state.Last)
	}
	return state, nil
}

// stream gives the stream as the options want it, and makes it if it isn't there. Of several sidecars that make it at
// once, the first one gives it its epoch.
func (l *Log) stream(ctx context.Context) (jetstream.Stream, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.handed.now() // while it is asked, more may be handed out
	stream, err := l.js.Stream(ctx, l.streamName())
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		stream, err = l.js.CreateStream(ctx, l.config(cti.NewEpoch()))
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			stream, err = l.js.Stream(ctx, l.streamName())
		}
	}
	if err != nil {
		return nil, err
	}
	now := stream.CachedInfo().Config
	want := l.config(now.Metadata[metaEpoch])
	anew := l.anew(before, stream.CachedInfo())
	if anew {
		want.Metadata[metaEpoch] = cti.NewEpoch()
	}
	if now.MaxAge == want.MaxAge && now.MaxBytes == want.MaxBytes && now.Replicas == want.Replicas && !anew {
		return stream, nil
	}
	// What others have set besides stays.
	now.MaxAge, now.MaxBytes, now.Replicas, now.AllowAtomicPublish = want.MaxAge, want.MaxBytes, want.Replicas, want.AllowAtomicPublish
	if now.Metadata[metaEpoch] != "" {
		now.Metadata[metaEpoch] = want.Metadata[metaEpoch]
	}
	if stream, err = l.js.UpdateStream(ctx, now); err != nil || !l.boot.broken {
		return stream, err
	}
	return stream, l.boot.begun()
}

// anew says whether numbers may be used again.
func (l *Log) anew(before stand, now *jetstream.StreamInfo) bool {
	switch {
	case l.boot.broken:
		l.o.Logger.Warn("event log begins a new epoch: the host went down without a clean stop, and the last events may be missing")
	case before.broken:
		l.o.Logger.Warn("event log begins a new epoch: it is not known which numbers were handed out", "file", filepath.Join(l.o.Dir, handedFile))
	case before.epoch == now.Config.Metadata[metaEpoch] && now.State.LastSeq < before.seq:
		l.o.Logger.Error("event log begins a new epoch: its files are damaged, and events are missing at its end",
			"dir", l.o.Dir, "last", now.State.LastSeq, "handed_out", before.seq)
	default:
		return false
	}
	return true
}

func (l *Log) config(epoch string) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: l.streamName(), Subjects: []string{l.subjects.all()}, Description: "events of calls and DNs",
		Storage: jetstream.FileStorage, Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld,
		MaxAge: l.o.KeepFor, MaxBytes: l.o.KeepBytes, Replicas: l.o.Replicas, Duplicates: duplicateWindow,
		AllowDirect: true, AllowAtomicPublish: l.o.Replicas > 1, Metadata: map[string]string{metaEpoch: epoch},
	}
}
