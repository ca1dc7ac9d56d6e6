//go:build e2e

package pjsipgen_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sidecar/config"
	"sidecar/internal/testkit/asterisk"
)

// TestAnyValidModelLoadsWithoutAWarning starts a real Asterisk for each of some models.
func TestAnyValidModelLoadsWithoutAWarning(t *testing.T) {
	t.Parallel()
	const models = 20
	for n := range models {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			cfg := rapid.Custom(func(rt *rapid.T) *config.Config { return anyConfig(rt, onPorts(t)) }).Example(n)
			require.NoError(t, cfg.Validate())
			dir := t.TempDir()
			set := writeSet(t, dir, cfg)
			i := asterisk.Start(t, asterisk.Options{ConfDir: dir})
			warnings := slices.DeleteFunc(i.Warnings(), func(line string) bool {
				return strings.Contains(line, "sidecar-socket: Websocket connection to") // no sidecar is there, which a long boot sees
			})
			require.Empty(t, warnings, "%s\n%s", set["pjsip.conf"].Data, set["extensions.conf"].Data)
			require.ElementsMatch(t, set.EndpointNames(), endpointsOf(i.RequireCLI("pjsip show endpoints")))
		})
	}
}

func endpointsOf(table string) []string {
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^ Endpoint:  ([^/ <]+)[/ ]`).FindAllStringSubmatch(table, -1) {
		names = append(names, m[1])
	}
	return names
}

// anyConfig draws a valid configuration over one that has its ports.
func anyConfig(t *rapid.T, cfg *config.Config) *config.Config {
	cfg.Trunks = anyTrunks(t)
	cfg.Schedules = map[string]config.Schedule{}
	for _, name := range []string{"office", "night"} {
		cfg.Schedules[name] = config.Schedule{
			Timezone: rapid.SampledFrom([]string{"Europe/Berlin", "UTC", "America/New_York"}).Draw(t, "zone"),
			Weekly:   rapid.SliceOfN(rapid.SampledFrom([]string{"mon-fri 08:00-18:00", "sat,sun 10:00-24:00", "fri-mon 22:00-06:00"}), 1, 3).Draw(t, "weekly"),
			Holidays: rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"2026-12-25", "2027-01-01"}), 0, 2, rapid.ID).Draw(t, "holidays"),
		}
	}
	if len(cfg.Trunks) > 0 {
		cfg.DialRules.DefaultTrunk = cfg.Trunks[0].Name
		cfg.Routes = anyRoutes(t)
	}
	cfg.DialRules.Classes["inside"] = config.DialClass{}
	cfg.DialRules.Classes["boss"] = config.DialClass{
		Allow: []string{config.AnyNumber, "*31#"}, Deny: rapid.SliceOfDistinct(anyNumber(), rapid.ID).Draw(t, "deny"),
		MaxConcurrent: rapid.IntRange(0, 9).Draw(t, "cap"),
	}
	cfg.DNs = []config.DNGroup{
		{Numbers: []string{"5001-5010"}, DNSettings: anySettings(t, len(cfg.Trunks) > 0)},
		{Numbers: []string{"0099-0101"}, DNSettings: anySettings(t, len(cfg.Trunks) > 0)},
		{Numbers: []string{"6000"}, DNSettings: config.DNSettings{Owner: config.OwnerPhone}}, // what fallbacks name
	}
	if rapid.Bool().Draw(t, "nat") {
		cfg.Network.ExternalAddress, cfg.Network.LocalNets = "203.0.113.7", []string{"10.0.0.0/8", "192.0.2.1"}[:1]
	}
	if rapid.Bool().Draw(t, "accept") {
		cfg.Asterisk[0].Connect = config.ConnectAccept
		cfg.Asterisk[0].User = "pbx"
		cfg.HTTP.Listen = "127.0.0.1:9" // nobody is there: Asterisk keeps trying without a warning
	}
	cfg.Calls.MusicClass = rapid.SampledFrom([]string{"default", "jazz"}).Draw(t, "music")
	return cfg
}

func anyNumber() *rapid.Generator[string] { return rapid.StringMatching(`\+?[1-9][0-9]{2,11}`) }

func anySettings(t *rapid.T, trunks bool) config.DNSettings {
	targets := []string{"", "hangup", "message:vm-goodbye", "voicemail:5001", "dn:6000"}
	if trunks {
		targets = append(targets, "number:+4930777")
	}
	fallback, err := config.ParseTarget(rapid.SampledFrom(targets).Draw(t, "fallback"))
	if err != nil {
		t.Fatal(err)
	}
	printable := rapid.RuneFrom(nil, unicode.Letter, unicode.Digit, unicode.Punct).Filter(func(r rune) bool {
		return !regexp.MustCompile(`[\\";<>{}$]`).MatchString(string(r)) && unicode.IsPrint(r)
	})
	return config.DNSettings{
		Owner:    rapid.SampledFrom([]string{config.OwnerSidecar, config.OwnerAsteriskWebRTC, config.OwnerPhone}).Draw(t, "owner"),
		Fallback: fallback,
		CallerID: rapid.StringOfN(printable, 0, 20, 60).Draw(t, "caller id"),
		Context:  rapid.SampledFrom([]string{"", "from-agents", "reception", "x_1"}).Draw(t, "context"),
		Codecs:   rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"ulaw", "alaw", "g722", "opus"}), 1, 4, rapid.ID).Draw(t, "codecs"),
		Class:    rapid.SampledFrom([]string{"default", "inside", "boss"}).Draw(t, "class"),
		MaxCalls: rapid.IntRange(1, 9).Draw(t, "calls"),
	}
}

func anyTrunks(t *rapid.T) []config.Trunk {
	trunks := make([]config.Trunk, rapid.IntRange(0, 3).Draw(t, "trunks"))
	for i := range trunks {
		trunks[i] = config.Trunk{
			Name: fmt.Sprintf("trunk_%d-a", i), Kind: rapid.SampledFrom([]string{config.TrunkGenesys, config.TrunkPeer}).Draw(t, "kind"),
			Host: fmt.Sprintf("127.0.0.%d:5060", i+2), Transport: rapid.SampledFrom([]string{"udp", "tcp"}).Draw(t, "transport"),
			Match:    rapid.SampledFrom([][]string{nil, {"192.0.2.0/24"}, {"192.0.2.1", "2001:db8::1"}}).Draw(t, "match"),
			CallerID: rapid.SampledFrom([]string{"", "+4930100"}).Draw(t, "number"),
			Strip:    rapid.SampledFrom([]string{"", "+"}).Draw(t, "strip"), Prepend: rapid.SampledFrom([]string{"", "00"}).Draw(t, "prepend"),
			Codecs: []string{"alaw", "g722"}, MaxCalls: rapid.IntRange(0, 3).Draw(t, "calls"),
		}
		if rapid.Bool().Draw(t, "login") {
			trunks[i].Username, trunks[i].Password = "user", "password-of-a-trunk"
		}
	}
	return trunks
}

func anyRoutes(t *rapid.T) []config.Route {
	routes := make([]config.Route, rapid.IntRange(0, 8).Draw(t, "routes"))
	for i := range routes {
		routes[i] = config.Route{
			Number:   anyNumber().Draw(t, "route") + rapid.SampledFrom([]string{"", config.AnyNumber}).Draw(t, "prefix"),
			To:       rapid.SampledFrom([]config.Target{{Kind: config.TargetDN, Value: "5001"}, {Kind: config.TargetNumber, Value: "+4930888"}}).Draw(t, "to"),
			Schedule: rapid.SampledFrom([]string{"", "office", "night"}).Draw(t, "schedule"),
		}
		if routes[i].Schedule != "" {
			routes[i].Closed = config.Target{Kind: config.TargetMessage, Value: "vm-goodbye"}
		}
	}
	return routes
}

// TestEveryApplicationAndFunctionIsKnown asks the real Asterisk itself.
func TestEveryApplicationAndFunctionIsKnown(t *testing.T) {
	t.Parallel()
	cfg, _ := site(t)
	dir := t.TempDir()
	text := string(writeSet(t, dir, cfg)["extensions.conf"].Data)
	i := asterisk.Start(t, asterisk.Options{ConfDir: dir})
	apps, functions := map[string]bool{}, map[string]bool{"PJSIP_TRANSFER_HANDLING": true}
	for _, m := range regexp.MustCompile(`(?m)^(?:exten =>.*?,1| same => n(?:\([a-z0-9]+\))?),(\w+)\(`).FindAllStringSubmatch(text, -1) {
		apps[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`\?(Set)\(`).FindAllStringSubmatch(text, -1) {
		apps[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`(?:\$\{|Set\()([A-Z_]+)\(`).FindAllStringSubmatch(text, -1) {
		functions[m[1]] = true
	}
	require.Contains(t, apps, "Stasis")
	require.Contains(t, functions, "FILTER")
	for name := range apps {
		require.NotContains(t, i.RequireCLI("core show application "+name), "(are) not registered", name)
	}
	for name := range functions {
		require.NotContains(t, i.RequireCLI("core show function "+name), "No function by that name registered", name)
	}
}
