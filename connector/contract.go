package connector

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

const (
	maxUsers   = 10
	fullVolume = 100
)

// routes are the contract of the first version, in the order in which a desktop uses it, and as much of the second as is
// documented.
func (c *Connector) routes() {
	get := func(path string, reply func(ctx context.Context) any) {
		c.mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) { answer(w, reply(r.Context())) })
	}
	do := func(pattern string, act func(w http.ResponseWriter, r *http.Request)) { c.mux.HandleFunc(pattern, act) }
	get("/GetDnSIP", func(context.Context) any { return result("get_DnSIP", c.dn()) })
	do("POST /SetOptions", c.take)
	do("POST /SetSIPEndpointParameters", c.take)
	for _, path := range []string{"/RegisterDn", "/RegisterDn/{$}"} {
		do("POST "+path, c.register("RegisterDn"))
	}
	get("/GetIsEndpointActive", func(ctx context.Context) any { return result("get_IsEndpointActive", c.active(ctx)) })
	get("/GetSIPEndpointParameters", func(ctx context.Context) any { return result("get_SIPEndpointParameters", c.parameters(ctx)) })
	do("POST /SetPingPeriod", c.take)
	get("/Ping", func(context.Context) any { return result("Ping", []string{}) })
	for _, path := range []string{"/UnregisterDn", "/UnregisterDn/{$}"} {
		do("POST "+path, c.unregister("UnregisterDn"))
	}

	do("POST /register", c.register("register"))
	do("DELETE /register", c.unregister("register"))
	get("/session", func(ctx context.Context) any { return c.session(ctx) })
	do("DELETE /session", c.unregister("session"))
	do("DELETE /calls", c.take) // calls end in the page
	do("POST /audio", c.take)
	c.mux.HandleFunc("/", c.device)
}

// result is an answer in the style of the contract, whose first server was made with WCF.
func result(of string, value any) map[string]any { return map[string]any{of + "Result": value} }

// take answers what has no meaning here: the sidecar has its own settings for it.
func (c *Connector) take(w http.ResponseWriter, r *http.Request) {
	if _, err := decode[any](r); err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	answer(w, struct{}{})
}

// registration is what a desktop says of its DNs; addresses, the SIP Server's, is of no use here.
type registration struct {
	Users []string `json:"users"`
}

var userRule = regexp.MustCompile(`^[0-9A-Za-z+*#._-]{1,32}$`)

func (c *Connector) register(of string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		in, err := decode[registration](r)
		if err == nil && (len(in.Users) == 0 || len(in.Users) > maxUsers ||
			slices.ContainsFunc(in.Users, func(u string) bool { return !userRule.MatchString(u) || strings.Trim(u, ".") == "" })) {
			err = errUsers
		}
		if err != nil {
			refuse(w, http.StatusBadRequest, err)
			return
		}
		c.mu.Lock()
		c.users = in.Users
		c.mu.Unlock()
		c.log.Info("registered", "dns", in.Users)
		answer(w, result(of, true))
	}
}

func (c *Connector) unregister(of string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if _, err := decode[any](r); err != nil {
			refuse(w, http.StatusBadRequest, err)
			return
		}
		c.mu.Lock()
		users := c.users
		c.users = nil
		c.mu.Unlock()
		c.log.Info("unregistered", "dns", users)
		answer(w, result(of, true))
	}
}

func (c *Connector) registered() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.users
}

// dn is the first of the DNs that the desktop has registered.
func (c *Connector) dn() string {
	if users := c.registered(); len(users) > 0 {
		return users[0]
	}
	return ""
}

// active reports whether the phones of all DNs that the desktop has registered are registered at the sidecar. What can't be
// found out is no.
func (c *Connector) active(ctx context.Context) bool {
	users := c.registered()
	for _, dn := range users {
		ok, err := c.phones.InService(ctx, dn)
		c.report(dn, ok, err)
		if !ok || err != nil {
			return false
		}
	}
	return len(users) > 0
}

// report logs what has changed: a desktop asks all the time.
func (c *Connector) report(dn string, ok bool, err error) {
	text := "out of service"
	if ok {
		text = "in service"
	}
	if err != nil {
		text = err.Error()
	}
	c.mu.Lock()
	same := c.reports[dn] == text
	if len(c.reports) > maxUsers*maxUsers {
		clear(c.reports)
	}
	c.reports[dn] = text
	c.mu.Unlock()
	switch {
	case same:
	case err != nil:
		c.log.Warn("dn_unknown", "dn", dn, "error", err)
	default:
		c.log.Info("dn", "dn", dn, "state", text)
	}
}

type pair struct {
	Key   string
	Value string
}

func (c *Connector) parameters(ctx context.Context) []pair {
	status := "EndpointStatus_NotReady"
	if c.active(ctx) {
		status = "EndpointStatus_Ready"
	}
	return []pair{{"EndpointStatus", status}, {"IsPingMandatory", "false"}, {"Status", "Initialized"}}
}

// session is the state in the form of the second version, as far as that is published: which states a connection has besides
// NONE is not.
func (c *Connector) session(ctx context.Context) any {
	type connection struct {
		User  string `json:"user"`
		State string `json:"state"`
	}
	list, state := []connection{}, "NONE"
	if c.active(ctx) {
		state = "REGISTERED"
	}
	for _, dn := range c.registered() {
		list = append(list, connection{dn, state})
	}
	device := map[string]any{"name": "", "volume": fullVolume, "muted": false}
	return map[string]any{
		"devices":        map[string]any{"speaker": device, "microphone": device, "headset_used": false},
		"phone":          map[string]any{"calls": []string{}},
		"connectivities": map[string]any{"protocol": "udp", "connections": list},
	}
}

// device answers the verbs for volumes and mutes, whose names differ between the endpoints that desktops know. The page has
// its own controls: what is set is only remembered.
func (c *Connector) device(w http.ResponseWriter, r *http.Request) {
	name := strings.Trim(r.URL.Path, "/")
	lower := strings.ToLower(name)
	if len(name) > 64 || !strings.Contains(lower, "volume") && !strings.Contains(lower, "mute") || r.Method != http.MethodGet && r.Method != http.MethodPost {
		refuse(w, http.StatusNotFound, errUnknown)
		return
	}
	in, err := decode[struct{ Value any }](r)
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	property := strings.TrimPrefix(strings.TrimPrefix(name, "Get"), "Set")
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Method == http.MethodPost {
		if len(c.devices) < 32 {
			c.devices[property] = in.Value
		}
		answer(w, result(name, true))
		return
	}
	value, known := c.devices[property]
	if !known || value == nil {
		value = any(fullVolume)
		if strings.Contains(lower, "mute") {
			value = false
		}
	}
	answer(w, result("get_"+property, value))
}

// decode reads a body of JSON, which may be missing. Members that we don't know are other versions' business.
func decode[T any](r *http.Request) (in T, err error) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return in, errBody
	}
	if text = bytes.TrimSpace(text); len(text) == 0 {
		return in, nil
	}
	if json.Unmarshal(text, &in) != nil {
		return in, errBody
	}
	return in, nil
}
