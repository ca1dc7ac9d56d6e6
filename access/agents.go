package access

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"sidecar/agent"
	"sidecar/auth"
	"sidecar/bridge"
)

// Agents are the DNs that p sees with the agents who work there, by number.
func (a *Access) Agents(p auth.Principal) []agent.View {
	views := slices.DeleteFunc(a.o.Agents.All(), func(v agent.View) bool { return !p.MaySeeDN(v.Number) })
	slices.SortFunc(views, func(a, b agent.View) int { // 999 before 5001
		return cmp.Or(cmp.Compare(len(a.Number), len(b.Number)), cmp.Compare(a.Number, b.Number))
	})
	return views
}

// Agent is a DN that p sees with the agent who works there.
func (a *Access) Agent(p auth.Principal, dn string) (agent.View, error) {
	if !p.MaySeeDN(dn) {
		return agent.View{}, &auth.ForbiddenError{Verb: auth.VerbViewDNs, Role: p.Role, Field: "dn", DN: dn}
	}
	v, ok := a.o.Agents.View(dn)
	if !ok {
		return agent.View{}, agent.ErrUnknownDN
	}
	return v, nil
}

// Command lets those who may use a DN command the agent there. A login names as AgentID the user who is to work there, empty:
// the principal.
func (a *Access) Command(ctx context.Context, p auth.Principal, cmd agent.Command) (agent.View, error) {
	if cmd.Verb == agent.VerbLogin && cmd.Force && !p.Can(auth.VerbActForOthers) {
		return agent.View{}, &auth.ForbiddenError{Verb: "force a login", Role: p.Role}
	}
	if !p.Can(auth.VerbViewDNs) || !p.MayUseDN(cmd.DN) {
		return agent.View{}, &auth.ForbiddenError{Verb: auth.Verb(cmd.Verb), Role: p.Role, Field: "dn", DN: cmd.DN}
	}
	if cmd.Verb == agent.VerbLogin {
		name, err := a.agentID(ctx, p, cmd.DN, cmd.AgentID)
		if err != nil {
			return agent.View{}, err
		}
		cmd.AgentID = name
	}
	if cmd.Verb == agent.VerbLogout && !slices.Contains(p.DNs, cmd.DN) {
		cmd.Reason = agent.ReasonForced
	}
	v, err := a.o.Agents.Do(cmd)
	if !Owns(p, bridge.DN(cmd.DN)) {
		detail := map[string]string{"agent": cmd.AgentID, "reason": cmd.Reason, "to": cmd.To}
		a.Record(ctx, p, "agent-"+string(cmd.Verb), cmd.DN, detail, err)
	}
	return v, err
}

// agentID is the user who is to work at the DN, which must be one of the user's own: everybody for themselves, and a
// supervisor for the team.
func (a *Access) agentID(ctx context.Context, p auth.Principal, dn, asked string) (string, error) {
	field := func(rule string) error { return &auth.FieldError{Field: "agentId", Rule: rule} }
	if _, own := slices.BinarySearch(p.DNs, dn); own && (asked == "" || strings.EqualFold(asked, p.User)) {
		return p.User, nil
	}
	switch {
	case asked == "":
		return "", field("must name the agent: the DN is not one of your own")
	case !p.Can(auth.VerbActForOthers):
		return "", field("must be your own name: only a supervisor logs in others")
	}
	u, err := a.o.Users.User(ctx, asked)
	switch {
	case errors.Is(err, auth.ErrUserNotFound):
		return "", field("must be the name of a user")
	case err != nil:
		return "", err
	case u.Disabled:
		return "", field("must be a user who is not disabled")
	case !slices.Contains(u.DNs, dn):
		return "", field("must be a user whose own the DN is")
	}
	return u.Name, nil
}
