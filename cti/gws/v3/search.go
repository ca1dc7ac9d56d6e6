package v3

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// targets searches. The terms are looked for in names and numbers, or in the one field that filterName names; each is enough.
func (s *Server) targets(ctx context.Context, r *request) (*reply, error) {
	q := r.URL.Query()
	limit, err := number(r, "limit", defaultLimit)
	if err != nil {
		return nil, err
	}
	all, err := s.allTargets(ctx, r.who, types(q.Get("types")))
	if err != nil {
		return nil, err
	}
	if all, err = s.ofGroups(ctx, all, q); err != nil {
		return nil, err
	}
	terms, exact := words(q.Get("searchTerm")), q.Get("matchType") == "exact"
	all = slices.DeleteFunc(all, func(t Target) bool { return !t.matches(terms, q.Get("filterName"), exact) })
	if strings.HasPrefix(q.Get("sort"), "desc") {
		slices.Reverse(all)
	}
	return done(map[string]any{"targets": some(all[:min(limit, len(all))]), "totalMatches": len(all)}), nil
}

// types reads a list of types, also as the published client's documentation spells them: AGENT_GROUP.
func types(list string) []string {
	kinds := words(strings.ReplaceAll(strings.ToLower(list), "_", "-"))
	for i, kind := range kinds {
		if kind == "queue" {
			kinds[i] = typeQueue
		}
	}
	return kinds
}

// ofGroups leaves of the targets those that the query allows: restrictGroup and excludeGroup are about the groups themselves,
// restrictToGroup and excludeFromGroup about the agents in them.
func (s *Server) ofGroups(ctx context.Context, all []Target, q url.Values) ([]Target, error) {
	for name, keep := range map[string]bool{"restrictGroup": true, "excludeGroup": false} {
		if groups := words(q.Get(name)); len(groups) > 0 {
			all = slices.DeleteFunc(all, func(t Target) bool { return t.Type == typeGroup && slices.ContainsFunc(groups, t.isGroup) != keep })
		}
	}
	for name, keep := range map[string]bool{"restrictToGroup": true, "excludeFromGroup": false} {
		groups := words(q.Get(name))
		if len(groups) == 0 {
			continue
		}
		members, err := s.members(ctx, groups)
		if err != nil {
			return nil, err
		}
		all = slices.DeleteFunc(all, func(t Target) bool {
			if t.Type != typeAgent {
				return keep // only agents belong to groups
			}
			return members[t.DBID] != keep
		})
	}
	return all, nil
}

func (t *Target) isGroup(named string) bool { return t.Name == named || t.ID == named }

func (t *Target) matches(terms []string, field string, exact bool) bool {
	if len(terms) == 0 {
		return true
	}
	fields := map[string]string{
		"name": t.Name, "firstName": t.FirstName, "lastName": t.LastName, "userName": t.UserName, "employeeId": t.EmployeeID, "number": t.Number,
	}
	for name, value := range fields {
		if field != "" && field != name {
			continue
		}
		for _, term := range terms {
			if exact && strings.EqualFold(value, term) || !exact && strings.Contains(strings.ToLower(value), strings.ToLower(term)) {
				return true
			}
		}
	}
	return false
}

// members are the users of some teams, each named by its name or number.
func (s *Server) members(ctx context.Context, groups []string) (map[int64]bool, error) {
	users, err := s.o.Users.Users(ctx)
	if err != nil {
		return nil, err //nolint:wrapcheck // it is logged with the path
	}
	list := map[int64]bool{}
	for i := range users {
		team := cmp.Or(users[i].Team, " ") // no team is called so
		if slices.Contains(groups, team) || slices.Contains(groups, strconv.FormatInt(dbid(typeGroup, team), 10)) {
			list[int64(users[i].ID)] = true
		}
	}
	return list, nil
}
