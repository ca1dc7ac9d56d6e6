package eventlog

import (
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// connect opens the connection, which mends itself from then on.
//
// Nothing is buffered while there is none: what was handed over later could be stored before what was handed over first.
func (l *Log) connect() (err error) {
	o, log := &l.o, l.o.Logger
	options := []nats.Option{
		nats.Name("sidecar " + o.Node), nats.Timeout(connectTimeout), nats.FlusherTimeout(connectTimeout),
		nats.MaxReconnects(-1), nats.ReconnectBufSize(-1), nats.RetryOnFailedConnect(true),
		nats.ReconnectWait(connectTimeout / 4), nats.PingInterval(pingInterval), nats.MaxPingsOutstanding(2),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil { // else we have closed it ourselves
				log.Warn("nats_disconnected", "error", err)
			}
		}),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { l.unreached.Store(&err) }),
		nats.ReconnectHandler(func(c *nats.Conn) {
			l.unreached.Store(nil)
			log.Info("nats_connected", "server", c.ConnectedUrlRedacted())
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { log.Warn("nats_error", "error", err) }),
	}
	if o.Token != "" {
		options = append(options, nats.Token(o.Token))
	}
	url := nats.DefaultURL
	if l.server != nil {
		options = append(options, nats.InProcessServer(l.server))
	} else {
		url = strings.Join(o.Servers, ",")
		if o.Credentials != "" {
			options = append(options, nats.UserCredentials(o.Credentials))
		}
		if o.CAFile != "" {
			options = append(options, nats.RootCAs(o.CAFile))
		}
	}
	if l.conn, err = nats.Connect(url, options...); err != nil { // only over the options: it does not wait for the server
		return fmt.Errorf("event log: %w", err)
	}
	l.js, err = jetstream.New(l.conn, jetstream.WithPublishAsyncMaxPending(4*maxFetch), jetstream.WithPublishAsyncTimeout(publishTimeout),
		jetstream.WithPublishAsyncErrHandler(func(jetstream.JetStream, *nats.Msg, error) {}))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrServer, err)
	}
	return nil
}
