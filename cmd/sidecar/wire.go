package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"sidecar/agent"
	"sidecar/api"
	"sidecar/ari"
	"sidecar/auth"
	"sidecar/bridge"
	"sidecar/bridge/ariswitch"
	"sidecar/bridge/gatewaylegs"
	"sidecar/config"
	"sidecar/cti"
	"sidecar/cti/gws/v3"
	"sidecar/cti/live"
	"sidecar/gateway"
	"sidecar/internal/backoff"
	"sidecar/internal/numbering"
	"sidecar/internal/servercert"
	"sidecar/internal/wsproxy"
	"sidecar/media"
	"sidecar/pjsipgen"
	"sidecar/store"
	"sidecar/tap"
	"sidecar/webhook"
)

// daemon is the running system. Build makes it, run starts what has to run, close ends it in the reverse order.
type daemon struct {
	cfg         *config.Config
	log         *slog.Logger
	lock        io.Closer    // of the data directory
	door        net.Listener // http.listen
	doors       []door       // that one and the others
	db          *store.DB
	journal     *store.Journal[bridge.Interaction]
	audit       *store.AuditLog
	orders      *store.Journal[bridge.MonitorOrder]
	feed        *cti.Feed
	eventLog    eventLog
	live        *live.State
	dns         *agent.Registry
	keeper      *agentKeeper
	queues      *queues
	lamps       lamps
	plan        planPort
	clients     []*ari.Client
	extra       map[string]http.Handler // doors besides the API, by pattern
	engine      *bridge.Engine
	certificate *servercert.Source // of the doors with TLS
	users       *auth.Directory
	auth        *auth.Service
	media       *media.Engine // nil, as are the next two, when no DN needs a gateway
	ports       *media.PortPool
	gateway     *gateway.Gateway
	legs        *gatewaylegs.Legs // between gateway and engine
	upkeep      upkeep
	turn        *media.TURNServer // nil when it is off
	asteriskWS  *wsproxy.Proxy    // nil when no DN needs it
	recordings  recordings
	taps        *tap.Taps
	tapped      *ariswitch.Taps // where they get their sound
	desktops    desktops
	events      *api.Events
	webhooks    *webhook.Hooks
	workspace   *v3.Server
	favorites   *store.Journal[v3.Notes]
	handler     http.Handler
	draining    atomic.Bool

	wg   sync.WaitGroup
	stop context.CancelFunc // ends the feeders and the feed
}

// build makes everything that can fail because of configuration or files, and connects to nothing yet but Asterisk,
// which may be away. The data directory and the port are taken before the journal is touched and before Asterisk is
// told to send its calls here: a daemon that was started by mistake must not disturb the one that runs.
func build(ctx context.Context, cfg *config.Config, log *slog.Logger) (*daemon, error) {
	d := &daemon{cfg: cfg, log: log, extra: map[string]http.Handler{}}
	for _, step := range []func(context.Context) error{d.buildClaims, d.buildStores, d.buildRecordings, d.buildEngine, d.buildUsers, d.buildGateway, d.buildDoors} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, d.close(ctx))
		}
	}
	return d, nil
}

func (d *daemon) buildClaims(ctx context.Context) (err error) {
	if d.lock, err = lockDataDir(d.cfg.DataDir); err != nil {
		return err
	}
	return d.openDoors(ctx)
}

func (d *daemon) buildStores(ctx context.Context) (err error) {
	if d.db, err = store.OpenDB(ctx, d.cfg.DataDir); err != nil {
		return err
	}
	d.audit = store.NewAuditLog(d.db, d.cfg.Audit.Keep(), d.log)
	if d.journal, err = store.OpenJournal[bridge.Interaction](filepath.Join(d.cfg.DataDir, "calls.journal"), d.log); err != nil {
		return err
	}
	d.orders, err = store.OpenJournal[bridge.MonitorOrder](filepath.Join(d.cfg.DataDir, "monitors.journal"), d.log)
	return err
}

func (d *daemon) buildEngine(ctx context.Context) error {
	dns, err := d.cfg.ExpandDNs()
	if err != nil {
		return err
	}
	plan, err := numbering.New(d.cfg, dns)
	if err != nil {
		return err
	}
	if err = d.buildEventLog(ctx); err != nil {
		return err
	}
	if err = d.connect(ctx); err != nil {
		return err
	}
	if err = d.buildQueues(plan); err != nil {
		return err
	}
	if err = d.buildAgents(ctx, dns); err != nil {
		return err
	}
	d.plan = planPort{plan: plan, calls: d.cfg.Calls, queues: d.cfg.Queues}
	d.legs = gatewaylegs.New(d.dns, d.log)
	paired := func(number bridge.DN) bool {
		dn, ok := plan.DN(string(number))
		return ok && dn.Owner == config.OwnerSidecar
	}
	d.engine = bridge.New(bridge.Options{
		Node: d.cfg.Node, NodeID: byte(d.cfg.NodeID), Server: bridge.ServerID(d.cfg.Asterisk[0].ID), //nolint:gosec // validated: 0-255
		Servers: d.servers(), Homes: d.homes, Switch: ariswitch.New(d.clients, paired, ariswitch.Homes{Of: d.homes, Peer: peerOf}, d.silent()...), Plan: d.plan,
		Recorder: recorderPort{d.cfg.Recording, d.recordings.archive}, Queues: d.queues,
		Agents: agentsPort{d.dns}, Phones: d.legs, Journal: d.journal, Feed: liveFeed{queueFeed{feedPort{d.feed, d.dns}, d.queues.Router}, d.live},
		Orders: d.orders, HideMonitors: !d.cfg.Supervision.VisibleToAgents,
		MusicClass: d.cfg.Calls.MusicClass, RingTimeout: d.cfg.Calls.RingTimeout, Grace: d.cfg.Gateway.Grace,
		EffectTimeout: d.cfg.Asterisk[0].RequestTimeout, Logger: d.log,
	})
	interactions, err := d.journal.All()
	if err != nil {
		return err
	}
	d.queues.Attach(d.engine)
	monitors, err := d.orders.All()
	if err != nil {
		return err
	}
	d.engine.Restore(interactions) //nolint:contextcheck // what it starts lives until Close
	takeUpCalls(d.engine.Calls(), d.dns)
	d.buildTaps()
	d.engine.RestoreMonitors(monitors)
	return nil
}

// servers are those that the engine waits for before it calls them.
func (d *daemon) servers() []bridge.ServerID {
	list := make([]bridge.ServerID, 0, len(d.cfg.Asterisk))
	for _, server := range d.cfg.Asterisk {
		list = append(list, bridge.ServerID(server.ID))
	}
	return list
}

// connect starts a client for every Asterisk. One that is away is tried again and again.
func (d *daemon) connect(ctx context.Context) error {
	secrets, err := config.OpenSecrets(d.cfg.DataDir)
	if err != nil {
		return err
	}
	for _, server := range d.cfg.Asterisk {
		password, err := secrets.ARIPassword(server)
		if err != nil {
			return err
		}
		c := ari.Config{
			Server: ari.ServerID(server.ID), URL: strings.TrimSuffix(server.URL, "/") + "/ari", App: server.App,
			User: server.User, Password: ari.Secret(password.Reveal()), EventSources: []string{"endpoint:PJSIP"},
			Ignore:  []ari.EventType{ari.EventTypeChannelVarset, ari.EventTypeChannelDialplan}, // 58 of the 98 events of a call
			Timeout: server.RequestTimeout, PingInterval: server.PingInterval,
			Backoff: backoff.Policy{Min: server.ReconnectMin, Max: server.ReconnectMax}, Logger: d.log,
		}
		if server.REST == config.RESTSocket {
			c.RESTOver = ari.OverSocket
		}
		if server.Connect == config.ConnectAccept {
			c.Acceptor = ari.NewAcceptor(server.User, ari.Secret(password.Reveal()))
			d.extra[pjsipgen.OutboundPath+server.ID] = c.Acceptor
		}
		client, err := ari.Connect(context.WithoutCancel(ctx), c)
		if err != nil {
			return fmt.Errorf("asterisk %s: %w", server.ID, err)
		}
		d.clients = append(d.clients, client)
	}
	return nil
}

// buildDoors makes what the outside talks to: the feed's CometD and the REST API.
func (d *daemon) buildDoors(context.Context) error {
	phone, err := d.newPhonePort()
	if err != nil {
		return err
	}
	if err = d.buildDesktops(); err != nil { //nolint:contextcheck // its sessions live until Close, not until ctx ends
		return err
	}
	d.events = api.NewEvents(api.EventsOptions{Feed: d.feed, Snapshot: d.live, PerUser: d.cfg.CTI.UserStreams})
	if err = d.buildWebhooks(); err != nil {
		return err
	}
	if err = d.buildWorkspace(); err != nil { //nolint:contextcheck // it lives until Close, not until ctx ends
		return err
	}
	d.handler, err = api.New(api.Options{
		Engine: d.engine, Elsewhere: d.live.Elsewhere, Queues: d.queues, DNs: d.dns, Agents: agentDoor{d.dns, d.plan, d.keeper.stored}, DNInfo: d.dnInfo(), Auth: d.auth, Users: d.users, Audit: d.audit, Phone: phone.settings, Checks: d.checks(),
		Classes: d.cfg.DialRules.Roles, Metrics: d.buildMetrics(), AllowedOrigins: d.cfg.HTTP.AllowedOrigins, Extra: d.extra,
		Sound: d.sound(), Events: d.events, Webhooks: d.webhooks, Log: d.log, Version: version,
	})
	return err
}

// checks are what must work for the daemon to be ready.
func (d *daemon) checks() []api.Check {
	checks := []api.Check{{Name: "database", Probe: d.db.Check}, {Name: "service", Probe: func(context.Context) error {
		if d.draining.Load() { // whoever spreads the load sends newcomers elsewhere
			return errDraining
		}
		return nil
	}}}
	checks = append(checks, d.feedChecks()...)
	for _, client := range d.clients {
		checks = append(checks, api.Check{Name: "asterisk " + string(client.Server()), Probe: func(context.Context) error {
			switch s := client.Status(); {
			case s.State == ari.StateConnected && d.engine.Reaches(bridge.ServerID(client.Server())):
				return nil
			case s.State == ari.StateConnected:
				return errComparing
			case s.Err != nil:
				return s.Err
			default:
				return ari.ErrNotConnected
			}
		}})
	}
	return checks
}

// run starts the feed and the feeders; they end with ctx or close.
func (d *daemon) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	d.stop = cancel
	d.wg.Go(func() { keepTrim(ctx) })
	d.wg.Go(func() { d.recordings.archive.Run(ctx) })
	d.wg.Go(func() { d.audit.Run(ctx) })
	d.wg.Go(func() { d.webhooks.Run(ctx) })
	d.wg.Go(func() {
		if err := d.feed.Run(ctx); err != nil && ctx.Err() == nil {
			d.log.Error("feed_ended", "error", err)
		}
	})
	d.wg.Go(func() { d.live.Run(ctx) })
	d.runAgents(ctx)
	d.queues.run(ctx)
	for i, client := range d.clients {
		service := servicePort{dns: d.dns, server: string(client.Server())}
		if i == 0 { // where the gateway registers
			service.out = d.upkeep.lost
		}
		feeder := ariswitch.NewFeeder(client, recovering{d.engine, d.lamps}, service, d.cfg.Asterisk[i].LostAfter, d.log)
		d.wg.Go(func() { feeder.Run(ctx) })
	}
}

// close ends everything that was built, what asks before what is asked: a request to Asterisk that is under way must
// not fail because its client went first, the engine would take it for the call's failure. Calls stay in Asterisk, but
// for the legs of browsers, whose media ends with us: the gateway's BYEs come when the engine takes no facts any more, so
// that the other parties stay too.
func (d *daemon) close(ctx context.Context) error {
	var errs []error
	d.closeDoors()
	errs = append(errs, d.desktops.close(ctx))
	if d.events != nil {
		errs = append(errs, d.events.Close(ctx))
	}
	errs = append(errs, d.closeWorkspace(ctx))
	if d.queues != nil {
		errs = append(errs, d.queues.close())
	}
	d.closeTaps()
	if d.engine != nil {
		d.engine.Close()
	}
	errs = append(errs, d.closeGateway()) //nolint:contextcheck // it bounds its last words itself
	for _, client := range d.clients {
		client.Close()
	}
	if d.dns != nil {
		d.dns.Close()
	}
	if d.stop != nil {
		d.stop()
		d.wg.Wait()
	}
	errs = append(errs, d.eventLog.close())
	if d.journal != nil {
		errs = append(errs, d.journal.Close())
	}
	if d.orders != nil {
		errs = append(errs, d.orders.Close())
	}
	errs = append(errs, d.recordings.close())
	if d.db != nil {
		errs = append(errs, d.db.Close())
	}
	if d.lock != nil {
		errs = append(errs, d.lock.Close())
	}
	return errors.Join(errs...)
}
