package main

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"sidecar/access"
	"sidecar/agent"
	"sidecar/api"
	"sidecar/auth"
	"sidecar/bridge"
	"sidecar/config"
	"sidecar/cti/gws"
	"sidecar/cti/gws/v2"
)

// desktops are the dialects that agent desktops speak: sessions fed from the one feed, and commands through the one access.
type desktops struct {
	guide    *gws.Guide
	sessions []*gws.Sessions // of all dialects
	access   *access.Access
	logins   *access.Logins // of the dialects whose cookie is our own
}

// buildDesktops mounts the dialects: the integration guide's at /cometd and under /api/v2, that of GWS 8.5 under /api/v2 and /internal-api.
func (d *daemon) buildDesktops() error {
	info := d.dnInfo()
	d.desktops.access = access.New(access.Options{
		Engine: d.engine, Elsewhere: d.live.Elsewhere, Agents: agentDoor{d.dns, d.plan, d.keeper.stored}, Users: d.users, Classes: d.cfg.DialRules.Roles, Audit: d.audit, Log: d.log,
		KnownDN: func(number string) bool { _, known := info(number); return known },
	})
	d.desktops.logins = access.NewLogins(d.auth, auth.CookieName, func(r *http.Request) string { address, _ := api.Client(r); return address })
	guide, err := gws.NewGuide(d.sessionOptions())
	if err != nil {
		return err
	}
	d.desktops.guide = guide
	d.desktops.sessions = append(d.desktops.sessions, guide.Sessions)
	d.extra["/cometd"], d.extra["/cometd/"] = guide, guide

	eight, err := v2.New(v2.Options{
		Access: d.desktops.access, Sessions: d.sessionOptions(), REST: d.rest(nil), Annex: annex, Reasons: d.cfg.Agents.Reasons, Version: version,
		NoAnswer: noAnswer(d.cfg), WrapUp: wrapUp(d.cfg.Agents), CallOf: d.callOf,
	})
	if err != nil {
		return err
	}
	d.desktops.sessions = append(d.desktops.sessions, eight.Notifications())
	d.extra[v2.Base+"/notifications"], d.extra[v2.Base+"/notifications/"] = eight.Notifications(), eight.Notifications()

	// Both dialects have their commands below /api/v2.
	mux := http.NewServeMux()
	gws.NewGuideREST(d.rest(guide.Sessions), d.desktops.access).Mount(mux)
	eight.Mount(mux)
	commands := gws.GuideCORS(d.cfg.HTTP.AllowedOrigins).Allow(mux)
	d.extra[v2.Base+"/"], d.extra["/internal-api/"] = commands, commands
	return nil
}

// callOf finds the living call of a ConnID, ours first. It waits for no other sidecar.
func (d *daemon) callOf(id bridge.ConnID) (bridge.CallID, bool) {
	for _, v := range d.engine.Calls() {
		if v.ConnID == id {
			return v.ID, true
		}
	}
	for _, v := range d.live.Elsewhere {
		if v.ConnID == id {
			return v.ID, true
		}
	}
	return "", false
}

// annex are the options that a SIP Server would have for a DN of ours.
func annex(string) map[string]string {
	return map[string]string{"contact": "*", "sip-cti-control": "talk,hold", "refer-enabled": "false"}
}

// noAnswer is what desktops are told of a call that nobody answers. A queue may let its calls ring for another time: then none is told.
func noAnswer(cfg *config.Config) v2.NoAnswer {
	out := v2.NoAnswer{After: cfg.Calls.RingTimeout, Action: agentPolicy(cfg.Agents).NoAnswer}
	for _, q := range cfg.Queues {
		if q.RingTimeout != out.After {
			out.After = 0
		}
	}
	return out
}

// wrapUp is how long after-call work is after a call of a kind, for who does not end it by hand.
func wrapUp(c config.Agents) func(bridge.CallType) time.Duration {
	policy := agentPolicy(c)
	return func(kind bridge.CallType) time.Duration {
		if slices.Contains(policy.WrapUpKinds, agent.CallKind(kind)) {
			return policy.WrapUp
		}
		return 0
	}
}

// sessionOptions are the same for all dialects.
func (d *daemon) sessionOptions() gws.Options {
	return gws.Options{
		Feed: d.feed, Snapshot: d.live, Auth: feedAuth{d.auth}, Logins: d.desktops.logins, Origins: d.cfg.HTTP.AllowedOrigins,
		HoldTime: d.cfg.CTI.HoldTime, SessionLife: d.cfg.CTI.SessionLife, QueueSize: d.cfg.CTI.QueueSize,
		QueueBytes: d.cfg.CTI.QueueBytes, Client: api.Client, Logger: d.log,
	}
}

// rest is what the commands of the dialects with our own cookie have in common.
func (d *daemon) rest(sessions *gws.Sessions) gws.REST {
	return gws.REST{
		Logins: d.desktops.logins, Sessions: sessions, Log: d.log,
		Cookie: func(login access.Login, r *http.Request) *http.Cookie {
			_, secure := api.Client(r)
			return auth.SessionCookie(login.Token, secure)
		},
	}
}

// present reports whether a desktop of the DN's owner is there.
func (d *desktops) present(dn string) bool {
	for _, s := range d.sessions {
		if s.Present(dn) {
			return true
		}
	}
	return false
}

func (d *desktops) count() int {
	n := 0
	for _, s := range d.sessions {
		n += s.Count()
	}
	return n
}

func (d *desktops) close(ctx context.Context) error {
	var errs []error
	for _, s := range d.sessions {
		errs = append(errs, s.Close(ctx))
	}
	return errors.Join(errs...)
}
