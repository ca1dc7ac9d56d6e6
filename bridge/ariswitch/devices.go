package ariswitch

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"sidecar/ari"
	"sidecar/bridge"
	"sidecar/internal/backoff"
)

// stasisDevice is before the name of each state that an application may set (Asterisk's res_stasis_device_state).
const stasisDevice = "Stasis:"

// Devices keeps states of devices at every Asterisk, for hints and lamps. Asterisk stores such states in a database of
// its own, where they outlive us and itself: after each reconcile they are compared and those that differ are written
// anew. Of a device that changes faster than Asterisk takes it, the last state counts; nobody waits for any of it.
type Devices struct {
	log     *slog.Logger
	servers map[bridge.ServerID]*deviceServer

	mu   sync.Mutex
	want map[string]ari.DeviceStateValue // by name, without Stasis:
	old  []string                        // names that must not be there any more
}

// deviceServer is one Asterisk's share; due is guarded by Devices.mu.
type deviceServer struct {
	client *ari.Client
	wake   chan struct{} // holds one token while there may be something to do
	due    map[string]bool
	all    bool // compare everything
	up     bool // a reconcile has been seen since the last failure
}

// NewDevices makes the keeper of the states at these servers. Old are names of devices that are none any more.
func NewDevices(clients []*ari.Client, old []string, log *slog.Logger) *Devices {
	d := &Devices{log: log, servers: map[bridge.ServerID]*deviceServer{}, want: map[string]ari.DeviceStateValue{}, old: old}
	for _, c := range clients {
		d.servers[bridge.ServerID(c.Server())] = &deviceServer{client: c, wake: make(chan struct{}, 1), due: map[string]bool{}}
	}
	return d
}

// Set takes the state of a device. It never waits.
func (d *Devices) Set(name string, state ari.DeviceStateValue) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.want[name] == state {
		return
	}
	d.want[name] = state
	for _, s := range d.servers {
		if s.up {
			s.due[name] = true
			s.signal()
		}
	}
}

// Recovered says that a server was reconciled: all its states are looked at. It never waits.
func (d *Devices) Recovered(server bridge.ServerID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.servers[server]; s != nil {
		s.up, s.all = true, true
		s.signal()
	}
}

// Run writes until ctx ends.
func (d *Devices) Run(ctx context.Context) {
	var work sync.WaitGroup
	for _, s := range d.servers {
		work.Go(func() { d.serve(ctx, s) })
	}
	work.Wait()
}

// serve tries again what failed, while the server is connected; when it is not, the next reconcile brings everything.
func (d *Devices) serve(ctx context.Context, s *deviceServer) {
	pause := backoff.New(backoff.Policy{Min: 100 * time.Millisecond, Max: 10 * time.Second})
	for {
		select {
		case <-s.wake:
		case <-ctx.Done():
			return
		}
		err := d.work(ctx, s)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			pause.Reset()
			continue
		}
		d.log.Warn("device_states_failed", "server", s.client.Server(), "error", err)
		d.mu.Lock()
		s.all, s.up = true, s.client.Status().State == ari.StateConnected
		again := s.up
		d.mu.Unlock()
		if again {
			if backoff.Sleep(ctx, pause.Next()) != nil {
				return
			}
			s.signal()
		}
	}
}

// work writes all that is due.
func (d *Devices) work(ctx context.Context, s *deviceServer) error {
	if err := d.compare(ctx, s); err != nil {
		return err
	}
	for {
		name, state, ok := d.next(s)
		if !ok {
			return nil
		}
		if err := s.client.DeviceStates().Update(ctx, stasisDevice+name, ari.DeviceStateUpdateParams{DeviceState: string(state)}); err != nil {
			return err
		}
	}
}

// compare finds out what is due after a reconcile, and takes away what is old.
func (d *Devices) compare(ctx context.Context, s *deviceServer) error {
	d.mu.Lock()
	all := s.all
	s.all = false
	d.mu.Unlock()
	if !all {
		return nil
	}
	list, err := s.client.DeviceStates().List(ctx)
	if err != nil {
		return err
	}
	there := make(map[string]ari.DeviceStateValue, len(list))
	for _, e := range list {
		if name, ours := strings.CutPrefix(e.Name, stasisDevice); ours {
			there[name] = e.State
		}
	}
	for _, name := range d.old {
		if _, is := there[name]; is {
			if err := s.client.DeviceStates().Delete(ctx, stasisDevice+name); err != nil {
				return err
			}
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, state := range d.want {
		if there[name] != state {
			s.due[name] = true
		}
	}
	return nil
}

func (d *Devices) next(s *deviceServer) (name string, state ari.DeviceStateValue, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name = range s.due {
		delete(s.due, name)
		return name, d.want[name], true
	}
	return "", "", false
}

func (s *deviceServer) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
