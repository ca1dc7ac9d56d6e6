package config_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/config"
)

// refusal is a file that must be refused, with the whole message.
type refusal struct {
	name string
	yaml string
	want string
}

func testRefusals(t *testing.T, tests []refusal) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, _, err := load(t, tt.yaml)
			require.EqualError(t, err, tt.want)
			require.ErrorIs(t, err, config.ErrInvalid)
		})
	}
}

func TestLoadRefusesUnknownKeys(t *testing.T) {
	t.Parallel()
	testRefusals(t, []refusal{
		{"top level", "htpp: {}", "sidecar.yaml:1: htpp: unknown key; nearest valid key: http"},
		{"section", "http:\n  listn: 1", "sidecar.yaml:2: http.listn: unknown key; nearest valid key: http.listen"},
		{"list element", "trunks:\n- name: a\n  hots: b", "2 problems:\n" +
			"  sidecar.yaml:3: trunks[0].hots: unknown key; nearest valid key: trunks[0].host\n" +
			"  sidecar.yaml:2: trunks[0].host: write host:port, such as 127.0.0.1:5060"},
		{"squashed section", "dns:\n- numbers: [5001]\n  onwer: phone", "sidecar.yaml:3: dns[0].onwer: unknown key; nearest valid key: dns[0].owner"},
		{"override", "dns:\n- numbers: [5001]\n  overrides:\n    5001: {clas: x}", "sidecar.yaml:4: dns[0].overrides.5001.clas: unknown key; nearest valid key: dns[0].overrides.5001.class"},
		{"named map", "schedules:\n  day:\n    timezone: UTC\n    weekly: [mon 08:00-09:00]\n    holliday: []", "sidecar.yaml:5: schedules.day.holliday: unknown key; nearest valid key: schedules.day.holidays"},
		{"nothing near", "qwertyuiop: 1", "sidecar.yaml:1: qwertyuiop: unknown key"},
		{"twice", "node: a\nnode: b", "sidecar.yaml:2: node: written twice, first in line 1"},
	})
}

func TestLoadRefusesWrongShapes(t *testing.T) {
	t.Parallel()
	testRefusals(t, []refusal{
		{"text for a section", "http: yes", "sidecar.yaml:1: http: settings are expected here, each as key: value"},
		{"text for a list", "dns:\n- numbers: 5001", "sidecar.yaml:2: dns[0].numbers: \"5001\": a list is expected here: write each entry as - entry, or [one, two]"},
		{"list for a value", "node: [a]", "sidecar.yaml:1: node: a single value is expected here, not a list or a section"},
		{"empty element", "network:\n  transports:\n  -\n  - udp", "sidecar.yaml:3: network.transports[0]: an entry of a list can't be empty"},
		{"number", "node_id: one", `sidecar.yaml:1: node_id: "one": not a whole number`},
		{"duration", "calls: {ring_timeout: 30}", `sidecar.yaml:1: calls.ring_timeout: "30": not a duration: write for example 500ms, 5s or 2m`},
		{
			"target", "dns:\n- {numbers: [5001], fallback: 5002}",
			`sidecar.yaml:2: dns[0].fallback: "5002": ` + config.ErrTarget.Error(),
		},
	})
}

func TestLoadRefusesBrokenYAML(t *testing.T) {
	t.Parallel()
	_, _, err := load(t, "http: [")
	require.ErrorContains(t, err, "sidecar.yaml: not valid YAML")
}

func TestLoadRefusesSecondDocument(t *testing.T) {
	t.Parallel()
	_, _, err := load(t, "node: a\n---\nnode: b\n")
	require.ErrorContains(t, err, "one document is expected")
}

func TestLoadRefusesMissingFile(t *testing.T) {
	t.Parallel()
	_, _, err := config.Load(t.TempDir()+"/none.yaml", nil)
	require.ErrorContains(t, err, "none.yaml is not there: name an existing one with --config")
}

func TestLoadAcceptsEmptyFile(t *testing.T) {
	t.Parallel()
	cfg, _, err := load(t, "# nothing\n")
	require.NoError(t, err)
	require.Equal(t, config.Default().DNs, cfg.DNs)
}

func TestLoadRefusesUnknownVariable(t *testing.T) {
	t.Parallel()
	_, _, err := load(t, "", "SIDECAR_HTTP_LISTN=127.0.0.1:1")
	require.EqualError(t, err, "environment: SIDECAR_HTTP_LISTN: unknown key; nearest valid key: SIDECAR_HTTP_LISTEN")
}

func TestLoadRefusesVariableBeyondTheList(t *testing.T) {
	t.Parallel()
	_, _, err := load(t, "", "SIDECAR_ASTERISK_2_URL=http://127.0.0.1:1")
	require.ErrorContains(t, err, "SIDECAR_ASTERISK_2_URL: unknown key; nearest valid key: SIDECAR_ASTERISK_0_URL")
}

func TestLoadNamesVariableOfBrokenRule(t *testing.T) {
	t.Parallel()
	_, _, err := load(t, "", "SIDECAR_NODE_ID=256", "SIDECAR_CTI_HOLD_TIME=soon")
	require.EqualError(t, err, "2 problems:\n"+
		"  SIDECAR_CTI_HOLD_TIME: cti.hold_time: \"soon\": not a duration: write for example 500ms, 5s or 2m\n"+
		"  SIDECAR_NODE_ID: node_id: \"256\": must be from 0 to 255")
}

func TestLoadIgnoresVariablesOfTools(t *testing.T) {
	t.Parallel()
	_, _, err := load(t, "", "SIDECAR_CONFIG=x.yaml", "SIDECAR_CACHE=/x", "SIDECAR_VAR=/x", "SIDECARS=1",
		"SIDECAR_HOST_ADDRESS=192.0.2.1", "SIDECAR_EXTERNAL_ADDRESS=192.0.2.2", "SIDECAR_TLS_DIR=/x")
	require.NoError(t, err)
}

func TestLoadReportsAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	_, _, err := load(t, "node_id: x\nlog: {level: loud}\ndns:\n- numbers: [5020-5001]\nfoo: 1\n", "SIDECAR_BAR=1")
	var invalid *config.ValidationError
	require.ErrorAs(t, err, &invalid)
	keys := make([]string, 0, len(invalid.Problems))
	for _, p := range invalid.Problems {
		keys = append(keys, p.Key)
	}
	require.Equal(t, []string{"node_id", "foo", "SIDECAR_BAR", "log.level", "dns[0].numbers[0]"}, keys)
}

func TestLoadRefusesDNs(t *testing.T) {
	t.Parallel()
	testRefusals(t, []refusal{
		{
			"range backwards", "dns:\n- numbers: [5020-5001]",
			`sidecar.yaml:2: dns[0].numbers[0]: "5020-5001": a range goes from the lower to the higher number: write 5001-5020`,
		},
		{
			"duplicate", "dns:\n- numbers: [5001-5020]\n- numbers: [5007]",
			`sidecar.yaml:3: dns[1].numbers[0]: "5007": duplicate DN, already in dns[0].numbers[0]: a DN may be written once`,
		},
		{"none", "dns: []", "sidecar.yaml:1: dns: at least one DN is needed, such as numbers: [5001-5020]"},
		{
			"group without numbers", "dns:\n- numbers: [5001]\n- owner: phone",
			"sidecar.yaml:3: dns[1].numbers: at least one DN or range is needed, such as 5001-5020",
		},
		{"owner", "dns:\n- {numbers: [5001], owner: me}", `sidecar.yaml:2: dns[0].owner: "me": must be one of sidecar, asterisk-webrtc, phone`},
		{
			"class", "dns:\n- {numbers: [5001], class: vip}",
			`sidecar.yaml:2: dns[0].class: "vip": no class of this name is defined; there are default`,
		},
		{
			"caller id that injects a line", "dns:\n- {numbers: [5001], caller_id: \"x\\nexten => 1\"}",
			`sidecar.yaml:2: dns[0].caller_id: "x\nexten => 1": no control characters, quotes, semicolons, brackets, < > \ or $ may stand here, and at most 80 characters`,
		},
		{"context", "dns:\n- {numbers: [5001], context: 'a]b'}", `sidecar.yaml:2: dns[0].context: "a]b": a name has 1 to 64 letters, digits, _ and -`},
		{"reserved context", "dns:\n- {numbers: [5001], context: general}", `sidecar.yaml:2: dns[0].context: "general": Asterisk uses this section name itself`},
		{"codec", "dns:\n- {numbers: [5001], codecs: [g729]}", `sidecar.yaml:2: dns[0].codecs[0]: "g729": must be one of ulaw, alaw, g722, opus`},
		{"codec twice", "dns:\n- {numbers: [5001], codecs: [ulaw, ulaw]}", `sidecar.yaml:2: dns[0].codecs[1]: "ulaw": is in the list already`},
		{"max calls", "dns:\n- {numbers: [5001], max_calls: -1}", `sidecar.yaml:2: dns[0].max_calls: "-1": must be from 1 to 1000`},
		{
			"fallback to nowhere", "dns:\n- {numbers: [5001], fallback: dn:4711}",
			`sidecar.yaml:2: dns[0].fallback: "dn:4711": no DN of this number is defined under dns`,
		},
		{
			"fallback to a queue", "dns:\n- {numbers: [5001], fallback: queue:sales}",
			`sidecar.yaml:2: dns[0].fallback: "queue:sales": must go to one of dn, number, voicemail, message, hangup`,
		},
		{
			"fallback that is away too", "dns:\n- {numbers: [5001-5002], fallback: dn:5002}",
			`sidecar.yaml:2: dns[0].fallback: "dn:5002": this DN is owned by the sidecar and away together with it: name a DN with owner phone`,
		},
		{
			"fallback to itself", "dns:\n- {numbers: [5001], owner: phone, overrides: {5001: {fallback: dn:5001}}}",
			`sidecar.yaml:2: dns[0].overrides.5001.fallback: "dn:5001": a DN can't be its own fallback`,
		},
		{
			"fallback without a trunk", "dns:\n- {numbers: [5001], fallback: 'number:+49301'}",
			`sidecar.yaml:2: dns[0].fallback: "number:+49301": an outside number needs a trunk: define one and name it in dial_rules.default_trunk`,
		},
		{
			"fallback to an unsafe sound", "dns:\n- {numbers: [5001], fallback: 'message:../x'}",
			`sidecar.yaml:2: dns[0].fallback: "message:../x": write message:SOUND with the name of a sound file, without its ending`,
		},
		{
			"fallback to an unsafe mailbox", "dns:\n- {numbers: [5001], fallback: 'voicemail:1,s'}",
			`sidecar.yaml:2: dns[0].fallback: "voicemail:1,s": write voicemail:MAILBOX or voicemail:MAILBOX@CONTEXT`,
		},
		{
			"emergency number", "dns:\n- numbers: [110-113]\ndial_rules: {emergency: [112]}",
			`sidecar.yaml:3: dial_rules.emergency: "112": is also a DN: an emergency number must reach the emergency service`,
		},
	})
}

func TestLoadRefusesPasswords(t *testing.T) {
	t.Parallel()
	const characters = "a password has no line breaks, control characters, spaces or letters outside ASCII"
	const quotes = "a password has no quotes, semicolons, brackets, braces or backslashes; the only pattern is {dn}"
	const length = "a password has 8 to 128 characters"
	tests := map[string]struct{ password, want string }{
		"newline":         {"secret99\nallow=all", characters},
		"carriage return": {"secret99\r", characters},
		"tab":             {"secret\t99", characters},
		"space":           {"secret 99", characters},
		"umlaut":          {"geheimniß", characters},
		"double quote":    {`secret"99`, quotes},
		"single quote":    {"secret'99", quotes},
		"semicolon":       {"secret;99", quotes},
		"bracket":         {"secret[99]", quotes},
		"backslash":       {`secret\99`, quotes},
		"angle":           {"secret>99", quotes},
		"other pattern":   {"secret{number}", quotes},
		"equals in front": {"=secret99", "a password does not start with = or #"},
		"hash in front":   {"#include99", "a password does not start with = or #"},
		"too short":       {"secret", length},
		"short pattern":   {"x{dn}", length},
		"too long":        {strings.Repeat("x", 129), length},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config.Default()
			cfg.DNs[0].Password = config.Secret(tt.password)
			err := cfg.Validate()
			require.EqualError(t, err, `dns[0].password: "********": `+tt.want)
			require.NotContains(t, err.Error(), tt.password)
		})
	}
}

func TestValidateRefusesPasswordFileWithoutName(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	cfg.DNs[0].Password = "file:"
	require.EqualError(t, cfg.Validate(), `dns[0].password: "********": write file:PATH with the path of a file`)
}

func TestValidateAcceptsPasswords(t *testing.T) {
	t.Parallel()
	for _, password := range []config.Secret{"random", "GenesysAgent{dn}!", "file:secrets/dns.csv", "correct-horse$1", ""} {
		cfg := config.Default()
		cfg.DNs[0].Password = password
		require.NoError(t, cfg.Validate(), password.Reveal())
	}
}
