package eventlog

import (
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// startTimeout is long: on a busy machine, or with many files, the server takes its time to read them.
const startTimeout = time.Minute

// startServer runs a NATS server in this process. Without Options.Listen it has no port.
func startServer(o *Options) (*server.Server, error) {
	opts := &server.Options{
		ServerName: o.Node, DontListen: o.Listen == "", NoSigs: true,
		JetStream: true, StoreDir: o.Dir, DisableJetStreamBanner: true,
		JetStreamMaxMemory: maxMemory, JetStreamMaxStore: maxStore,
		SyncInterval: o.Sync, SyncAlways: o.Sync == 0,
	}
	if o.Listen != "" {
		host, port, err := net.SplitHostPort(o.Listen)
		if err != nil {
			return nil, fmt.Errorf("event log: listen: %w", err)
		}
		opts.Host, opts.Authorization = host, o.Token
		if opts.Port, err = strconv.Atoi(port); err != nil {
			return nil, fmt.Errorf("event log: listen: %w", err)
		}
		if opts.Port == 0 {
			opts.Port = server.RANDOM_PORT
		}
	}
	srv, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("event log: embedded server: %w", err)
	}
	srv.SetLoggerV2(serverLog{o.Logger}, false, false, false)
	srv.Start()
	if !srv.ReadyForConnections(startTimeout) {
		srv.Shutdown()
		return nil, fmt.Errorf("%w: the embedded server did not start in %s with its files in %s", ErrServer, startTimeout, o.Dir)
	}
	return srv, nil
}

// serverLog brings what the server has to say into ours. What it does without trouble is for debugging.
type serverLog struct{ log *slog.Logger }

func (l serverLog) Noticef(format string, v ...any) {
	l.log.Debug("nats_server", "said", fmt.Sprintf(format, v...))
}

func (l serverLog) Warnf(format string, v ...any) {
	l.log.Warn("nats_server", "said", fmt.Sprintf(format, v...))
}

func (l serverLog) Errorf(format string, v ...any) {
	l.log.Error("nats_server", "said", fmt.Sprintf(format, v...))
}

func (l serverLog) Fatalf(format string, v ...any) { l.Errorf(format, v...) }
func (l serverLog) Debugf(string, ...any)          {}
func (l serverLog) Tracef(string, ...any)          {}
