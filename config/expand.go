package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

const maxDNDigits = 15

// ExpandDNs gives every DN with its settings resolved: those of the override, else of the group, else the defaults,
// and {dn} in the caller id replaced. The list is sorted by number. The error is a *ValidationError.
func (c *Config) ExpandDNs() ([]DN, error) {
	e := &expansion{places: make(map[string]place)}
	for g := range c.DNs {
		e.group(g, &c.DNs[g])
	}
	e.overlaps()
	if err := problemsError(e.problems); err != nil {
		return nil, err
	}
	slices.SortFunc(e.dns, func(a, b DN) int { return CompareNumbers(a.Number, b.Number) })
	return e.dns, nil
}

// CompareNumbers orders DNs as people count them: 999 before 5001.
func CompareNumbers(a, b string) int {
	if byLength := cmp.Compare(len(a), len(b)); byLength != 0 {
		return byLength
	}
	return cmp.Compare(a, b)
}

// place is where a DN is written: dns[group].numbers[entry].
type place struct{ group, entry int }

func (p place) String() string { return fmt.Sprintf("dns[%d].numbers[%d]", p.group, p.entry) }

// overlap is two places that name the same DNs.
type overlap struct{ first, second place }

type expansion struct {
	dns      []DN
	places   map[string]place
	twice    map[overlap][]string
	problems []Problem
}

func (e *expansion) group(g int, group *DNGroup) {
	base := group.withDefaults()
	members := map[string]bool{}
	for i, text := range group.Numbers {
		at := place{group: g, entry: i}
		numbers, rule := ExpandNumbers(text)
		if rule == "" && len(e.dns)+len(numbers) > MaxDNs {
			rule = fmt.Sprintf("at most %d DNs are possible", MaxDNs)
		}
		if rule != "" {
			e.problems = append(e.problems, Problem{Key: at.String(), Value: text, Rule: rule})
			continue
		}
		for _, number := range numbers {
			members[number] = true
			if first, known := e.places[number]; known {
				e.note(overlap{first: first, second: at}, number)
				continue
			}
			e.places[number] = at
			e.dns = append(e.dns, resolveDN(number, base, group.Overrides))
		}
	}
	for _, number := range slices.SortedFunc(maps.Keys(group.Overrides), CompareNumbers) {
		if !members[number] {
			key := fmt.Sprintf("dns[%d].overrides.%s", g, number)
			e.problems = append(e.problems, Problem{Key: key, Rule: "an override must name a DN of its own group's numbers"})
		}
	}
}

func (e *expansion) note(o overlap, number string) {
	if e.twice == nil {
		e.twice = map[overlap][]string{}
	}
	e.twice[o] = append(e.twice[o], number)
}

// overlaps reports each pair of places once, however many DNs they share.
func (e *expansion) overlaps() {
	byPlace := func(a, b overlap) int {
		return cmp.Or(cmp.Compare(a.second.group, b.second.group), cmp.Compare(a.second.entry, b.second.entry),
			cmp.Compare(a.first.group, b.first.group), cmp.Compare(a.first.entry, b.first.entry))
	}
	for _, o := range slices.SortedFunc(maps.Keys(e.twice), byPlace) {
		numbers := e.twice[o]
		value := numbers[0]
		if len(numbers) > 1 {
			value += "-" + numbers[len(numbers)-1]
		}
		rule := fmt.Sprintf("duplicate DN, already in %s: a DN may be written once", o.first)
		e.problems = append(e.problems, Problem{Key: o.second.String(), Value: value, Rule: rule})
	}
}

func resolveDN(number string, base DNSettings, overrides map[string]DNSettings) DN {
	settings := base
	if override, ok := overrides[number]; ok {
		settings = override.over(base)
	}
	settings.Codecs, settings.CallerIDs = slices.Clone(settings.Codecs), slices.Clone(settings.CallerIDs)
	settings.CallerID = strings.ReplaceAll(settings.CallerID, "{dn}", number)
	return DN{Number: number, DNSettings: settings}
}

// withDefaults fills what the group leaves open.
func (s DNSettings) withDefaults() DNSettings { return s.over(defaultDNSettings()) }

// over fills what the settings leave open with those of base.
func (s DNSettings) over(base DNSettings) DNSettings {
	s.Owner = cmp.Or(s.Owner, base.Owner)
	s.Upstream = cmp.Or(s.Upstream, base.Upstream)
	s.Password = cmp.Or(s.Password, base.Password)
	s.Fallback = cmp.Or(s.Fallback, base.Fallback)
	s.CallerID = cmp.Or(s.CallerID, base.CallerID)
	s.Context = cmp.Or(s.Context, base.Context)
	s.Class = cmp.Or(s.Class, base.Class)
	s.MaxCalls = cmp.Or(s.MaxCalls, base.MaxCalls)
	if len(s.Codecs) == 0 {
		s.Codecs = base.Codecs
	}
	if len(s.CallerIDs) == 0 {
		s.CallerIDs = base.CallerIDs
	}
	return s
}

// ExpandNumbers gives the DNs that one entry of a numbers list names: "5001", or "5001-5020". A rule is returned
// when the entry breaks it, else the empty text.
func ExpandNumbers(text string) (numbers []string, rule string) {
	from, to, isRange := strings.Cut(text, "-")
	if !isDN(from) || isRange && !isDN(to) {
		return nil, fmt.Sprintf("not a DN: write 1 to %d digits, or a range such as 5001-5020", maxDNDigits)
	}
	if !isRange {
		return []string{from}, ""
	}
	if len(from) != len(to) {
		return nil, "both ends of a range need the same number of digits, such as 0099-0101"
	}
	first, errFirst := strconv.Atoi(from)
	last, errLast := strconv.Atoi(to)
	if errFirst != nil || errLast != nil {
		return nil, "not a DN: its number is too large"
	}
	if first > last {
		return nil, fmt.Sprintf("a range goes from the lower to the higher number: write %s-%s", to, from)
	}
	if last-first >= MaxDNs {
		return nil, fmt.Sprintf("at most %d DNs are possible", MaxDNs)
	}
	numbers = make([]string, 0, last-first+1)
	for n := first; n <= last; n++ {
		digits := strconv.Itoa(n)
		numbers = append(numbers, strings.Repeat("0", len(from)-len(digits))+digits)
	}
	return numbers, ""
}

func isDN(text string) bool {
	return len(text) >= 1 && len(text) <= maxDNDigits && strings.Trim(text, "0123456789") == ""
}
