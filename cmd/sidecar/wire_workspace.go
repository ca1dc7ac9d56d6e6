package main

import (
	"context"
	"errors"
	"path/filepath"

	"sidecar/api"
	"sidecar/ari"
	"sidecar/cti/gws/v3"
	"sidecar/store"
)

// buildWorkspace makes the Workspace API v3.
func (d *daemon) buildWorkspace() (err error) {
	if d.favorites, err = store.OpenJournal[v3.Notes](filepath.Join(d.cfg.DataDir, "favorites.journal"), d.log); err != nil {
		return err
	}
	keys := make([]string, 0, len(d.cfg.Workspace.APIKeys))
	for _, key := range d.cfg.Workspace.APIKeys {
		keys = append(keys, key.Reveal())
	}
	d.workspace, err = v3.New(v3.Options{
		Access: d.desktops.access,
		Tokens: d.auth, Users: d.users, Released: d.engine.Released, Complete: d.engine.Complete, Feed: d.feed, Snapshot: d.live, Keep: d.favorites,
		Queues: d.routePoints, Available: d.callable, Client: api.Client, APIKeys: keys, Origins: d.cfg.HTTP.AllowedOrigins,
		SwitchName: d.cfg.Workspace.SwitchName, Reasons: d.cfg.Agents.Reasons, Version: version, Logger: d.log,
		HoldTime: d.cfg.CTI.HoldTime, SessionLife: d.cfg.CTI.SessionLife, QueueSize: d.cfg.CTI.QueueSize,
		QueueBytes: d.cfg.CTI.QueueBytes,
	})
	if err != nil {
		return err
	}
	d.extra[v3.Base+"/"], d.extra["/auth/v3/"] = d.workspace, d.workspace
	return nil
}

func (d *daemon) closeWorkspace(ctx context.Context) error {
	var errs []error
	if d.workspace != nil {
		errs = append(errs, d.workspace.Close(ctx))
	}
	if d.favorites != nil {
		errs = append(errs, d.favorites.Close())
	}
	return errors.Join(errs...)
}

// routePoints are the queues as the desktops' targets.
func (d *daemon) routePoints() []v3.Queue {
	var list []v3.Queue
	for _, q := range d.queues.All() {
		list = append(list, v3.Queue{Name: q.Name, Number: q.Number, Waiting: q.Waiting, Ready: q.Ready})
	}
	return list
}

// callable reports whether calls can be made: an Asterisk is there.
func (d *daemon) callable() bool {
	for _, client := range d.clients {
		if client.Status().State == ari.StateConnected {
			return true
		}
	}
	return false
}

// desktop reports whether a desktop is there whose own DN this is.
func (d *daemon) desktop(dn string) bool { return d.desktops.present(dn) || d.workspace.Present(dn) }
