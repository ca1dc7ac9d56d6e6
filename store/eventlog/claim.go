package eventlog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"sidecar/cti/live"
)

// claimTimeout is how long a sidecar has to say that it is there. One that died is known to be gone at once, since nobody
// subscribes to its name any more; one whose host died is waited for.
const claimTimeout = time.Second

// claim makes sure that no other living sidecar has our node or node_id, and takes them: from then on it answers whoever asks. It
// fails with live.ErrTwin. Two that start at the same moment may both get them: live.State.Check says so.
func (l *Log) claim(ctx context.Context) error {
	l.claiming.Lock()
	defer l.claiming.Unlock()
	if l.claimed {
		return nil
	}
	names := []string{"node." + l.o.Node}
	if l.o.NodeID != nil {
		names = append(names, "node_id."+strconv.Itoa(*l.o.NodeID))
	}
	l.refused = nil
	for _, name := range names {
		if l.refused = l.unclaimed(ctx, name); l.refused != nil {
			return l.refused
		}
	}
	host, _ := os.Hostname() // empty will do
	self := fmt.Appendf(nil, "%s on %s, process %d", l.o.Node, host, os.Getpid())
	for _, name := range names {
		if _, err := l.conn.Subscribe(l.o.Name+"."+name, func(m *nats.Msg) { _ = m.Respond(self) }); err != nil {
			return fmt.Errorf("claim %s: %w", name, err)
		}
	}
	l.claimed = true
	return nil
}

func (l *Log) unclaimed(ctx context.Context, name string) error {
	step, done := context.WithTimeout(ctx, claimTimeout)
	defer done()
	answer, err := l.conn.RequestWithContext(step, l.o.Name+"."+name, nil)
	switch {
	case err == nil:
		return fmt.Errorf("%w: %s is that of sidecar %s: give each a node and a node_id of its own", live.ErrTwin, name, answer.Data)
	case errors.Is(err, nats.ErrNoResponders), ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
		return nil
	}
	return fmt.Errorf("claim %s: %w", name, err)
}

// twin is why our names were refused, nil if they were not.
func (l *Log) twin() error {
	l.claiming.Lock()
	defer l.claiming.Unlock()
	if errors.Is(l.refused, live.ErrTwin) {
		return l.refused
	}
	return nil
}
