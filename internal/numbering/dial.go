package numbering

import (
	"slices"
	"strings"

	"sidecar/config"
)

const maxDigits = 32

// Dial gives the target of a number that somebody calls under a class of dial rules. caller is the DN that the call
// starts from, empty when there is none. The error is a *RefusedError.
func (p *Plan) Dial(className, caller, number string) (Target, error) {
	dialled, err := clean(number)
	if err != nil {
		return Target{}, err
	}
	normalised, err := p.rewrite(number, dialled)
	if err != nil {
		return Target{}, err
	}
	c, known := p.classes[className]
	// An emergency number is looked for first, in both forms: no rewrite and no other rule may stand in its way.
	for _, candidate := range []string{dialled, normalised} {
		if p.emergency[candidate] {
			return p.emergencyCall(number, candidate, c)
		}
	}
	for _, candidate := range []string{dialled, normalised} {
		if dn, ok := p.dns[candidate]; ok {
			if candidate == caller {
				return Target{}, refuse(number, RuleSelf, "is the caller's own DN")
			}
			return dnTarget(dn), nil
		}
		if name, ok := p.queues[candidate]; ok {
			return queueTarget(name, candidate), nil
		}
	}
	if !known {
		return Target{}, refuse(number, RuleClass, "the caller's class %q is not defined, outside calls need one", className)
	}
	if err = c.permit(number, normalised); err != nil {
		return Target{}, err
	}
	if !c.hasTrunk {
		return Target{}, refuse(number, RuleNoTrunk, "is not a DN, and no trunk carries outside calls of class %s", className)
	}
	target, err := outside(number, normalised, c.trunk)
	target.Class, target.Cap = c.name, c.MaxConcurrent
	return target, err
}

// emergencyCall takes the trunk of the caller's class, but none of its other rules. The number is sent as it is: the
// prefixes of a trunk turn subscribers' numbers from one form into another, which an emergency number has not.
func (p *Plan) emergencyCall(asked, number string, c class) (Target, error) {
	trunk, ok := c.trunk, c.hasTrunk
	if !ok {
		trunk, ok = p.fallback, p.hasTrunk
	}
	if !ok {
		return Target{}, refuse(asked, RuleNoTrunk, "no trunk carries emergency calls: name one in dial_rules.default_trunk")
	}
	return Target{
		Kind: config.TargetNumber, Number: number, Dialled: number,
		Trunk: trunk.Name, CallerID: trunk.CallerID, Class: c.name, Emergency: true,
	}, nil
}

// permit applies allow and deny: the longest prefix decides, deny wins a tie. A service code is a number with * or #
// in it. The network behind a trunk may take it as an order, such as to divert all calls to a premium number, and
// reads the number inside of it by itself; therefore only a prefix that holds such a sign itself allows one.
func (c class) permit(asked, number string) error {
	candidates := c.Allow
	if isServiceCode(number) {
		candidates = slices.DeleteFunc(slices.Clone(c.Allow), func(prefix string) bool {
			return prefix == config.AnyNumber || !isServiceCode(prefix)
		})
	}
	allowed, allow := longest(candidates, number)
	denied, deny := longest(c.Deny, number)
	switch {
	case deny && (!allow || len(denied) >= len(allowed)):
		return refuse(asked, RuleDeny, "class %s denies %s", c.name, describe(denied))
	case !allow && isServiceCode(number):
		return refuse(asked, RuleAllow, "class %s does not allow this service code: the code itself must be among the allowed prefixes", c.name)
	case !allow:
		return refuse(asked, RuleAllow, "class %s does not allow this number; it allows %s", c.name, list(c.Allow))
	}
	return nil
}

func isServiceCode(number string) bool { return strings.ContainsAny(number, "*#") }

// longest finds the longest prefix of a number; that of every number has no length.
func longest(prefixes []string, number string) (best string, found bool) {
	for _, prefix := range prefixes {
		if prefix == config.AnyNumber {
			prefix = ""
		}
		if strings.HasPrefix(number, prefix) && (!found || len(prefix) > len(best)) {
			best, found = prefix, true
		}
	}
	return best, found
}

func describe(prefix string) string {
	if prefix == "" {
		return "every number"
	}
	return "numbers that start with " + prefix
}

func list(prefixes []string) string {
	if len(prefixes) == 0 {
		return "none"
	}
	return strings.Join(prefixes, ", ")
}

// outside writes a number as the trunk wants it.
func outside(asked, number string, trunk config.Trunk) (Target, error) {
	sent := trunk.Prepend + strings.TrimPrefix(number, trunk.Strip)
	if strings.Trim(sent, "+") == "" {
		return Target{}, refuse(asked, RuleFormat, "nothing is left of it for trunk %s, which strips %s", trunk.Name, trunk.Strip)
	}
	return Target{
		Kind: config.TargetNumber, Number: sent, Dialled: number,
		Trunk: trunk.Name, CallerID: trunk.CallerID, TrunkCap: trunk.MaxCalls,
	}, nil
}

// Normalise gives a number in the one form that rules are written for: without the marks that people put between
// digits, and with the first rewrite applied whose prefix matches. The error is a *RefusedError.
func (p *Plan) Normalise(number string) (string, error) {
	cleaned, err := clean(number)
	if err != nil {
		return "", err
	}
	return p.rewrite(number, cleaned)
}

// rewrite also refuses +0: ITU-T E.164 has no such country code, so the deny rules have no prefix for it, but some
// networks skip the zeros and find a number behind them.
func (p *Plan) rewrite(asked, number string) (string, error) {
	for _, r := range p.rewrites {
		if rest, ok := strings.CutPrefix(number, r.Prefix); ok {
			number = r.Replace + rest
			break
		}
	}
	switch {
	case strings.Trim(number, "+") == "":
		return "", refuse(asked, RuleFormat, "is only a prefix: write the number behind it")
	case strings.HasPrefix(number, "+0"), strings.HasPrefix(number, "++"):
		return "", refuse(asked, RuleFormat, "is not an international number: a country code has no 0 in front")
	}
	return number, nil
}

// clean takes out the marks between digits and refuses everything that is no number then. What passes holds nothing
// that SIP, the dialplan or a dial string would read as more than a number.
func clean(number string) (string, error) {
	digits := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -./()", r) {
			return -1
		}
		return r
	}, number)
	bare := strings.TrimPrefix(digits, "+")
	switch {
	case bare == "":
		return "", refuse(number, RuleFormat, "is empty: write a DN or a number")
	case strings.Trim(bare, "0123456789*#") != "":
		return "", refuse(number, RuleFormat, "is not a number: write digits, * and #, with an optional + in front")
	case len(bare) > maxDigits:
		return "", refuse(number, RuleFormat, "is too long: a number has at most %d digits", maxDigits)
	}
	return digits, nil
}
