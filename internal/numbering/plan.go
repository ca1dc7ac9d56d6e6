package numbering

import (
	"fmt"
	"maps"
	"slices"

	"sidecar/config"
)

// Plan answers for one configuration. It does not change; it may be asked from several goroutines.
type Plan struct {
	dns       map[string]config.DN
	queues    map[string]string // name by number of the route point
	routes    []route
	rewrites  []config.Rewrite
	emergency map[string]bool
	classes   map[string]class
	roles     map[string]string
	fallback  config.Trunk // for outside numbers that routes name
	hasTrunk  bool
}

// route is a route with its opening hours read.
type route struct {
	config.Route
	hours *config.Hours // nil: always open
}

// class is a class with its trunk found.
type class struct {
	config.DialClass
	name     string
	trunk    config.Trunk
	hasTrunk bool
}

// New builds the plan of a validated configuration and its expanded DNs.
func New(cfg *config.Config, dns []config.DN) (*Plan, error) {
	p := &Plan{
		dns:       make(map[string]config.DN, len(dns)),
		queues:    make(map[string]string, len(cfg.Queues)),
		rewrites:  slices.Clone(cfg.DialRules.Normalise),
		emergency: make(map[string]bool, len(cfg.DialRules.Emergency)),
		classes:   make(map[string]class, len(cfg.DialRules.Classes)),
		roles:     maps.Clone(cfg.DialRules.Roles),
	}
	p.fallback, p.hasTrunk = cfg.OutboundTrunk("")
	for _, dn := range dns {
		p.dns[dn.Number] = dn
	}
	for name := range cfg.Queues {
		p.queues[cfg.Queues[name].Number] = name
	}
	for _, number := range cfg.DialRules.Emergency {
		p.emergency[number] = true
	}
	for name, rules := range cfg.DialRules.Classes {
		c := class{DialClass: rules, name: name}
		c.trunk, c.hasTrunk = cfg.OutboundTrunk(name)
		p.classes[name] = c
	}
	for i, configured := range cfg.Routes {
		r := route{Route: configured}
		if configured.Schedule != "" {
			schedule, ok := cfg.Schedules[configured.Schedule]
			if !ok {
				return nil, fmt.Errorf("routes[%d].schedule: %q: %w: no schedule of this name is defined", i, configured.Schedule, config.ErrInvalid)
			}
			hours, err := schedule.Hours()
			if err != nil {
				return nil, fmt.Errorf("schedules.%s: %w", configured.Schedule, err)
			}
			r.hours = &hours
		}
		p.routes = append(p.routes, r)
	}
	return p, nil
}

// DN gives the DN with that number.
func (p *Plan) DN(number string) (config.DN, bool) {
	dn, ok := p.dns[number]
	return dn, ok
}

// ClassFor gives the class of dial rules that a DN's calls obey; the empty text for a number that is no DN.
func (p *Plan) ClassFor(dn string) string { return p.dns[dn].Class }

// ClassForRole gives the class for calls that a user of that role places; the empty text for an unknown role.
func (p *Plan) ClassForRole(role string) string { return p.roles[role] }
