package auth

import (
	"slices"
	"strings"
)

// Role is what a user is in the contact center.
type Role string

// The roles.
const (
	RoleAgent      Role = "agent"
	RoleSupervisor Role = "supervisor"
	RoleAdmin      Role = "admin"
)

// Verb is something a role may or may not do.
type Verb string

// The verbs.
const (
	VerbViewCalls    Verb = "view calls"
	VerbMakeCall     Verb = "make a call"
	VerbHangup       Verb = "hang up"
	VerbControl      Verb = "control calls"
	VerbSupervise    Verb = "supervise"
	VerbViewAudit    Verb = "view the audit"
	VerbViewQueues   Verb = "view queues"
	VerbRouteQueues  Verb = "route waiting calls"
	VerbViewDNs      Verb = "view DNs"
	VerbActForOthers Verb = "act for other DNs" // those that the principal sees
	VerbManageUsers  Verb = "manage users"
	VerbManageHooks  Verb = "manage webhooks"

	VerbListen           Verb = "listen to recordings" // agents only if the settings let them
	VerbDeleteRecordings Verb = "delete recordings"
	VerbTap              Verb = "listen to calls" // while they last
)

// rolesFor is the table role x verb. DN scope comes on top: see Principal.
func rolesFor(v Verb) []Role {
	switch v {
	case VerbViewCalls, VerbMakeCall, VerbHangup, VerbControl, VerbViewDNs, VerbViewQueues:
		return []Role{RoleAgent, RoleSupervisor, RoleAdmin}
	case VerbActForOthers, VerbSupervise, VerbViewAudit, VerbRouteQueues:
		return []Role{RoleSupervisor, RoleAdmin}
	case VerbManageUsers, VerbManageHooks:
		return []Role{RoleAdmin}
	case VerbListen:
		return []Role{RoleAgent, RoleSupervisor, RoleAdmin}
	case VerbDeleteRecordings, VerbTap:
		return []Role{RoleSupervisor, RoleAdmin}
	}
	return nil
}

// Can reports whether the role may use the verb at all.
func (r Role) Can(v Verb) bool { return slices.Contains(rolesFor(v), r) }

// ParseRole reads a role by name.
func ParseRole(name string) (Role, error) {
	switch r := Role(strings.ToLower(strings.TrimSpace(name))); r {
	case RoleAgent, RoleSupervisor, RoleAdmin:
		return r, nil
	}
	return "", &FieldError{Field: "role", Rule: "must be agent, supervisor or admin"}
}
