package numbering_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/config"
	"sidecar/internal/numbering"
)

// site is a configuration with two trunks, three classes and a route of each kind.
func site() *config.Config {
	cfg := config.Default()
	cfg.DNs = append(cfg.DNs, config.DNGroup{
		Numbers:    []string{"5900"},
		DNSettings: config.DNSettings{Owner: "phone", Class: "boss", Fallback: config.Target{Kind: config.TargetHangup}},
	})
	cfg.Trunks = []config.Trunk{
		{Name: "genesys", Kind: "genesys", Host: "192.0.2.1:5060", Transport: "udp", Codecs: []string{"alaw"}},
		{
			Name: "carrier", Kind: "peer", Host: "192.0.2.2:5060", Transport: "udp", Codecs: []string{"alaw"},
			CallerID: "+4930100", Strip: "+", Prepend: "00", MaxCalls: 30,
		},
	}
	cfg.Schedules = map[string]config.Schedule{"office": {
		Timezone: "Europe/Berlin", Weekly: []string{"mon-fri 08:00-18:00"}, Holidays: []string{"2026-12-25"},
	}}
	sales := config.DefaultQueue()
	sales.Number = "6000"
	cfg.Queues["sales"] = sales
	cfg.Routes = []config.Route{
		{Number: "+4930111", Trunk: "carrier", To: config.Target{Kind: config.TargetDN, Value: "5001"}, Fallback: config.Target{Kind: config.TargetDN, Value: "5900"}},
		{
			Number: "+4930222", To: config.Target{Kind: config.TargetQueue, Value: "sales"},
			Schedule: "office", Closed: config.Target{Kind: config.TargetMessage, Value: "closed"},
		},
		{Number: "+4930333", To: config.Target{Kind: config.TargetNumber, Value: "+4940999"}},
		{Number: "+49304*", To: config.Target{Kind: config.TargetDN, Value: "5900"}},
	}
	cfg.DialRules = config.DialRules{
		Normalise: []config.Rewrite{{Prefix: "00", Replace: "+"}, {Prefix: "0", Replace: "+49"}},
		Classes: map[string]config.DialClass{
			"default": {Allow: []string{"+49", "+491371"}, Deny: []string{"+49900", "+49137"}, MaxConcurrent: 2},
			"boss":    {Allow: []string{"*", "*31#"}, Deny: []string{"+979"}, Trunk: "genesys"},
			"inside":  {},
		},
		Roles:        map[string]string{"supervisor": "boss"},
		Emergency:    []string{"112"},
		DefaultTrunk: "carrier",
	}
	return cfg
}

func plan(t *testing.T, cfg *config.Config) *numbering.Plan {
	t.Helper()
	require.NoError(t, cfg.Validate())
	dns, err := cfg.ExpandDNs()
	require.NoError(t, err)
	p, err := numbering.New(cfg, dns)
	require.NoError(t, err)
	return p
}

func berlin(t *testing.T, clock string) time.Time {
	t.Helper()
	location, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	at, err := time.ParseInLocation("2006-01-02 15:04", clock, location)
	require.NoError(t, err)
	return at
}

func TestInbound(t *testing.T) {
	t.Parallel()
	p := plan(t, site())
	tests := map[string]struct {
		trunk, called, clock string
		check                func(*testing.T, numbering.Target)
	}{
		"route to a DN, with the route's fallback": {"carrier", "+49 30 111", "2026-11-23 10:00", func(t *testing.T, got numbering.Target) {
			t.Helper()
			require.Equal(t, config.TargetDN, got.Kind)
			require.Equal(t, "5001", got.DN.Number)
			require.Equal(t, "5001", got.Number)
			require.Equal(t, config.Target{Kind: config.TargetDN, Value: "5900"}, got.Fallback)
		}},
		"open queue": {"genesys", "+4930222", "2026-11-23 10:00", func(t *testing.T, got numbering.Target) {
			t.Helper()
			require.Equal(t, queue(), got)
		}},
		"closed queue": {"genesys", "+4930222", "2026-11-22 10:00", func(t *testing.T, got numbering.Target) {
			t.Helper()
			require.Equal(t, numbering.Target{Kind: config.TargetMessage, Name: "closed", Closed: true}, got)
		}},
		"holiday": {"genesys", "+4930222", "2026-12-25 10:00", func(t *testing.T, got numbering.Target) {
			t.Helper()
			require.True(t, got.Closed)
		}},
		"outside number": {"genesys", "+4930333", "2026-11-23 10:00", func(t *testing.T, got numbering.Target) {
			t.Helper()
			require.Equal(t, numbering.Target{
				Kind: config.TargetNumber, Number: "004940999", Dialled: "+4940999", Trunk: "carrier", CallerID: "+4930100", TrunkCap: 30,
			}, got)
		}},
		"prefix": {"genesys", "+4930477", "2026-11-23 10:00", func(t *testing.T, got numbering.Target) {
			t.Helper()
			require.Equal(t, "5900", got.DN.Number)
			require.Equal(t, config.Target{Kind: config.TargetHangup}, got.Fallback, "the DN's own fallback")
		}},
		"DN without a route": {"genesys", "5002", "2026-11-23 10:00", func(t *testing.T, got numbering.Target) {
			t.Helper()
			require.Equal(t, "5002", got.DN.Number)
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := p.Inbound(tt.trunk, tt.called, berlin(t, tt.clock))
			require.NoError(t, err)
			tt.check(t, got)
		})
	}
}

func requireRefused(t *testing.T, err error, rule numbering.Rule, text string) {
	t.Helper()
	var refused *numbering.RefusedError
	require.ErrorAs(t, err, &refused)
	require.ErrorIs(t, err, numbering.ErrRefused)
	require.Equal(t, rule, refused.Rule)
	require.EqualError(t, err, text)
}

func TestInboundRefuses(t *testing.T) {
	t.Parallel()
	p := plan(t, site())
	tests := map[string]struct {
		trunk, called string
		rule          numbering.Rule
		want          string
	}{
		"unknown number":         {"carrier", "4711", numbering.RuleUnknown, `"4711": no route and no DN for this number: add a route for it`},
		"route of another trunk": {"genesys", "+4930111", numbering.RuleUnknown, `"+4930111": no route and no DN for this number: add a route for it`},
		"end of a DN":            {"carrier", "+4930995001", numbering.RuleUnknown, `"+4930995001": no route and no DN for this number: add a route for it`},
		"text":                   {"carrier", "s", numbering.RuleFormat, `"s": is not a number: write digits, * and #, with an optional + in front`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := p.Inbound(tt.trunk, tt.called, berlin(t, "2026-11-23 10:00"))
			requireRefused(t, err, tt.rule, tt.want)
		})
	}
}

func TestDial(t *testing.T) {
	t.Parallel()
	p := plan(t, site())
	outside := func(sent, dialled string) numbering.Target {
		return numbering.Target{
			Kind: config.TargetNumber, Number: sent, Dialled: dialled, Trunk: "carrier", CallerID: "+4930100",
			Class: "default", Cap: 2, TrunkCap: 30,
		}
	}
	tests := map[string]struct {
		class, number string
		want          numbering.Target
	}{
		"as people write it":     {"default", "+49 (30) 123-45.6/7", outside("0049301234567", "+49301234567")},
		"national":               {"default", "030 1234567", outside("0049301234567", "+49301234567")},
		"international":          {"default", "0049301234567", outside("0049301234567", "+49301234567")},
		"longer allow":           {"default", "013715", outside("00491371"+"5", "+4913715")},
		"trunk of the class":     {"boss", "+1212555", numbering.Target{Kind: config.TargetNumber, Number: "+1212555", Dialled: "+1212555", Trunk: "genesys", Class: "boss"}},
		"service code by name":   {"boss", "*31#030", numbering.Target{Kind: config.TargetNumber, Number: "*31#030", Dialled: "*31#030", Trunk: "genesys", Class: "boss"}},
		"emergency":              {"inside", "112", emergency("carrier", "+4930100", "inside")},
		"emergency of the class": {"boss", "1-1-2", emergency("genesys", "", "boss")},
		"emergency of no class":  {"", "112", emergency("carrier", "+4930100", "")},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := p.Dial(tt.class, "5001", tt.number)
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func emergency(trunk, callerID, class string) numbering.Target {
	return numbering.Target{Kind: config.TargetNumber, Number: "112", Dialled: "112", Trunk: trunk, CallerID: callerID, Class: class, Emergency: true}
}

func TestDialReachesDNsInEveryClass(t *testing.T) {
	t.Parallel()
	p := plan(t, site())
	for _, class := range []string{"default", "boss", "inside", ""} {
		got, err := p.Dial(class, "5001", "50 02")
		require.NoError(t, err)
		require.Equal(t, config.TargetDN, got.Kind)
		require.Equal(t, "5002", got.DN.Number)
		require.Zero(t, got.Cap)
	}
}

func TestDialFindsDNBehindRewrite(t *testing.T) {
	t.Parallel()
	cfg := site()
	cfg.DialRules.Normalise = []config.Rewrite{{Prefix: "+49301", Replace: ""}}
	got, err := plan(t, cfg).Dial("default", "", "+4930 1 5003")
	require.NoError(t, err)
	require.Equal(t, "5003", got.DN.Number)
}

func TestDialFindsEmergencyBehindRewrite(t *testing.T) {
	t.Parallel()
	cfg := site()
	cfg.DialRules.Normalise = []config.Rewrite{{Prefix: "9", Replace: ""}, {Prefix: "1", Replace: "+491"}}
	p := plan(t, cfg)
	for _, number := range []string{"112", "9112"} {
		got, err := p.Dial("inside", "", number)
		require.NoError(t, err)
		require.True(t, got.Emergency)
		require.Equal(t, "112", got.Number)
	}
}

func TestDialRefuses(t *testing.T) {
	t.Parallel()
	p := plan(t, site())
	const digits = "is not a number: write digits, * and #, with an optional + in front"
	const country = "is not an international number: a country code has no 0 in front"
	const service = "does not allow this service code: the code itself must be among the allowed prefixes"
	tests := map[string]struct {
		class, number string
		rule          numbering.Rule
		want          string
	}{
		"denied prefix":            {"default", "0900 5", numbering.RuleDeny, `"0900 5": class default denies numbers that start with +49900`},
		"denied in another form":   {"boss", "00979123", numbering.RuleDeny, `"00979123": class boss denies numbers that start with +979`},
		"not allowed":              {"default", "+33123", numbering.RuleAllow, `"+33123": class default does not allow this number; it allows +49, +491371`},
		"nothing allowed":          {"inside", "+49301", numbering.RuleAllow, `"+49301": class inside does not allow this number; it allows none`},
		"unknown class":            {"vip", "+49301", numbering.RuleClass, `"+49301": the caller's class "vip" is not defined, outside calls need one`},
		"own DN":                   {"default", "5001", numbering.RuleSelf, `"5001": is the caller's own DN`},
		"service code by any":      {"boss", "*21*0979#", numbering.RuleAllow, `"*21*0979#": class boss ` + service},
		"service code by a prefix": {"default", "+4930#1", numbering.RuleAllow, `"+4930#1": class default ` + service},
		"empty":                    {"default", "", numbering.RuleFormat, `"": is empty: write a DN or a number`},
		"only marks":               {"default", " -() ", numbering.RuleFormat, `" -() ": is empty: write a DN or a number`},
		"lone plus":                {"default", "+", numbering.RuleFormat, `"+": is empty: write a DN or a number`},
		"only a prefix":            {"default", "00", numbering.RuleFormat, `"00": is only a prefix: write the number behind it`},
		"zero country":             {"boss", "+00979", numbering.RuleFormat, `"+00979": ` + country},
		"zero country by rewrite":  {"boss", "0000979", numbering.RuleFormat, `"0000979": ` + country},
		"two pluses":               {"boss", "++49", numbering.RuleFormat, `"++49": ` + digits},
		"letters":                  {"default", "sales", numbering.RuleFormat, `"sales": ` + digits},
		"too long":                 {"default", "123456789012345678901234567890123", numbering.RuleFormat, `"123456789012345678901234567890123": is too long: a number has at most 32 digits`},
		"newline":                  {"default", "5002\n", numbering.RuleFormat, `"5002\n": ` + digits},
		"null":                     {"default", "5002\x00", numbering.RuleFormat, `"5002\x00": ` + digits},
		"another host":             {"default", "5001@evil", numbering.RuleFormat, `"5001@evil": ` + digits},
		"second channel":           {"default", "5002&PJSIP", numbering.RuleFormat, `"5002&PJSIP": ` + digits},
		"second argument":          {"default", "5002,30", numbering.RuleFormat, `"5002,30": ` + digits},
		"SIP parameter":            {"default", "5002;transport=tcp", numbering.RuleFormat, `"5002;transport=tcp": ` + digits},
		"dialplan expression":      {"default", "${EXTEN}", numbering.RuleFormat, `"${EXTEN}": ` + digits},
		"digits of another script": {"default", "٥٠٠٢", numbering.RuleFormat, `"٥٠٠٢": ` + digits},
		"plus in the middle":       {"default", "49+30", numbering.RuleFormat, `"49+30": ` + digits},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := p.Dial(tt.class, "5001", tt.number)
			requireRefused(t, err, tt.rule, tt.want)
		})
	}
}

func TestDialDenyWinsATie(t *testing.T) {
	t.Parallel()
	cfg := site()
	cfg.DialRules.Classes["default"] = config.DialClass{Allow: []string{"+49"}, Deny: []string{"+49"}}
	_, err := plan(t, cfg).Dial("default", "", "+49301")
	requireRefused(t, err, numbering.RuleDeny, `"+49301": class default denies numbers that start with +49`)
}

func TestDialDeniesEveryNumber(t *testing.T) {
	t.Parallel()
	cfg := site()
	cfg.DialRules.Classes["default"] = config.DialClass{Allow: []string{"+49"}, Deny: []string{"*"}}
	p := plan(t, cfg)
	_, err := p.Dial("default", "", "+49301")
	require.NoError(t, err, "the longer prefix decides")
	_, err = p.Dial("default", "", "+33301")
	requireRefused(t, err, numbering.RuleDeny, `"+33301": class default denies every number`)
}

func TestDialRefusesWithoutTrunk(t *testing.T) {
	t.Parallel()
	p := plan(t, config.Default())
	_, err := p.Dial("default", "5001", "+49301")
	requireRefused(t, err, numbering.RuleNoTrunk, `"+49301": is not a DN, and no trunk carries outside calls of class default`)
	_, err = p.Dial("default", "5001", "112")
	requireRefused(t, err, numbering.RuleNoTrunk, `"112": no trunk carries emergency calls: name one in dial_rules.default_trunk`)
}

func TestDialRefusesWhatTheTrunkStripsAway(t *testing.T) {
	t.Parallel()
	cfg := site()
	cfg.Trunks[1].Strip, cfg.Trunks[1].Prepend = "+49", ""
	_, err := plan(t, cfg).Dial("default", "", "+49")
	requireRefused(t, err, numbering.RuleFormat, `"+49": nothing is left of it for trunk carrier, which strips +49`)
}

func TestRefusedNumberIsClipped(t *testing.T) {
	t.Parallel()
	_, err := plan(t, site()).Dial("default", "", string(make([]byte, 10000)))
	require.Less(t, len(err.Error()), 500)
}

func TestDNAndClasses(t *testing.T) {
	t.Parallel()
	p := plan(t, site())
	dn, ok := p.DN("5900")
	require.True(t, ok)
	require.Equal(t, "phone", dn.Owner)
	_, ok = p.DN("5999")
	require.False(t, ok)
	require.Equal(t, "boss", p.ClassFor("5900"))
	require.Equal(t, "default", p.ClassFor("5001"))
	require.Empty(t, p.ClassFor("5999"))
	require.Equal(t, "boss", p.ClassForRole("supervisor"))
	require.Empty(t, p.ClassForRole("admin"))
}

func TestResolve(t *testing.T) {
	t.Parallel()
	p := plan(t, site())
	got, err := p.Resolve(config.Target{Kind: config.TargetVoicemail, Value: "5001"})
	require.NoError(t, err)
	require.Equal(t, numbering.Target{Kind: config.TargetVoicemail, Name: "5001"}, got)
	_, err = p.Resolve(config.Target{Kind: config.TargetDN, Value: "4711"})
	requireRefused(t, err, numbering.RuleUnknown, `"4711": is not a DN`)
	_, err = p.Resolve(config.Target{})
	requireRefused(t, err, numbering.RuleUnknown, `"": the route has no destination`)
}

func TestNewRefusesUnknownSchedule(t *testing.T) {
	t.Parallel()
	cfg := site()
	cfg.Schedules = nil
	_, err := numbering.New(cfg, nil)
	require.ErrorIs(t, err, config.ErrInvalid)
	require.ErrorContains(t, err, `routes[1].schedule: "office"`)
}

func queue() numbering.Target {
	return numbering.Target{Kind: config.TargetQueue, Name: "sales", Number: "6000", Dialled: "6000"}
}

func TestTheNumberOfARoutePointLeadsToItsQueue(t *testing.T) {
	t.Parallel()
	p := plan(t, site())
	got, err := p.Dial("inside", "5001", "60 00")
	require.NoError(t, err)
	require.Equal(t, queue(), got)
	got, err = p.Inbound("carrier", "6000", time.Now())
	require.NoError(t, err)
	require.Equal(t, queue(), got)
	got, err = p.Resolve(config.Target{Kind: config.TargetQueue, Value: "sales"})
	require.NoError(t, err)
	require.Equal(t, queue(), got)
	_, err = p.Resolve(config.Target{Kind: config.TargetQueue, Value: "support"})
	require.ErrorIs(t, err, numbering.ErrRefused)
	require.ErrorContains(t, err, `"support": is not a queue`)
}
