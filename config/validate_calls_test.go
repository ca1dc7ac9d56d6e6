package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const carrier = "trunks: [{name: carrier, host: '192.0.2.1:5060'}]\n"

func TestLoadRefusesTrunks(t *testing.T) {
	t.Parallel()
	testRefusals(t, []refusal{
		{"name", "trunks: [{name: 'a b', host: 'h:1'}]", `sidecar.yaml:1: trunks[0].name: "a b": a name has 1 to 64 letters, digits, _ and -`},
		{"name twice", "trunks: [{name: a, host: 'h:1'}, {name: a, host: 'h:1'}]\ndial_rules: {default_trunk: a}", `sidecar.yaml:1: trunks[1].name: "a": is already the name of trunks[0]`},
		{"name of a section", "trunks: [{name: global, host: 'h:1'}]", `sidecar.yaml:1: trunks[0].name: "global": Asterisk uses this section name itself`},
		{"name of a DN", "trunks: [{name: 5001, host: 'h:1'}]", `sidecar.yaml:1: trunks[0].name: "5001": is a DN already: both would be the same endpoint in Asterisk`},
		{"kind", carrierWith("kind: isdn"), `sidecar.yaml:1: trunks[0].kind: "isdn": must be one of genesys, peer, provider`},
		{"no port", "trunks: [{name: a, host: 192.0.2.1}]", `sidecar.yaml:1: trunks[0].host: "192.0.2.1": write host:port, such as 127.0.0.1:5060`},
		{"port too high", "trunks: [{name: a, host: 'h:70000'}]", `sidecar.yaml:1: trunks[0].host: "h:70000": write host:port, such as 127.0.0.1:5060, with a port from 1 to 65535`},
		{"mistyped address", "trunks: [{name: a, host: '192.0.2.300:5060'}]", `sidecar.yaml:1: trunks[0].host: "192.0.2.300:5060": write host:port, such as 127.0.0.1:5060`},
		{"host that injects", "trunks: [{name: a, host: \"h\\nx:5060\"}]", `sidecar.yaml:1: trunks[0].host: "h\nx:5060": write host:port, such as 127.0.0.1:5060`},
		{"transport", carrierWith("transport: sctp"), `sidecar.yaml:1: trunks[0].transport: "sctp": must be one of udp, tcp, tls`},
		{"transport not bound", carrierWith("transport: tcp") + "network: {transports: [udp]}", `sidecar.yaml:1: trunks[0].transport: "tcp": is not among network.transports`},
		{"no TLS listener", carrierWith("transport: tls"), `sidecar.yaml:1: trunks[0].transport: "tls": needs network.tls.listen`},
		{"match", carrierWith("match: ['1.2.3.4;x']"), `sidecar.yaml:1: trunks[0].match[0]: "1.2.3.4;x": write an address, a network or a host name, without port`},
		{"user name", carrierWith("username: 'a;b'"), `sidecar.yaml:1: trunks[0].username: "a;b": a user name has 1 to 64 letters, digits and _ . + ~ * ! -`},
		{"password", carrierWith(`username: a, password: "x\ny"`), `sidecar.yaml:1: trunks[0].password: "********": a password has no line breaks, control characters, spaces or letters outside ASCII`},
		{"password without user", carrierWith("password: secret99"), `sidecar.yaml:1: trunks[0].username: a password needs a user name`},
		{"provider without user", carrierWith("kind: provider"), `sidecar.yaml:1: trunks[0].username: a provider needs the user name to register with`},
		{"provider without password", carrierWith("kind: provider, username: a"), `sidecar.yaml:1: trunks[0].password: a provider needs the password to register with`},
		{"caller id", carrierWith("caller_id: me"), `sidecar.yaml:1: trunks[0].caller_id: "me": a number has 1 to 32 digits, * or #, and may start with +`},
		{"strip", carrierWith("strip: x"), `sidecar.yaml:1: trunks[0].strip: "x": a number has 1 to 32 digits, * or #, and may start with +`},
		{"prepend", carrierWith("prepend: '9,'"), `sidecar.yaml:1: trunks[0].prepend: "9,": a number has 1 to 32 digits, * or #, and may start with +`},
		{"no codecs", carrierWith("codecs: []"), `sidecar.yaml:1: trunks[0].codecs: at least one codec is needed: ulaw, alaw, g722, opus`},
		{"max calls", carrierWith("max_calls: -1"), `sidecar.yaml:1: trunks[0].max_calls: "-1": must be 0, for no limit, or more`},
	})
}

const twoTrunks = "trunks: [{name: a, host: '192.0.2.1:5060'}, {name: b, host: '192.0.2.2:5060'}]\n"

func carrierWith(settings string) string {
	return "trunks: [{name: carrier, host: '192.0.2.1:5060', " + settings + "}]\n"
}

func TestLoadRefusesRoutes(t *testing.T) {
	t.Parallel()
	testRefusals(t, []refusal{
		{"number", "routes: [{number: sales, to: 'dn:5001'}]", `sidecar.yaml:1: routes[0].number: "sales": write a number with up to 32 digits, the start of numbers with a closing *, or * for every number`},
		{"trunk", "routes: [{number: 49, trunk: isdn, to: 'dn:5001'}]", `sidecar.yaml:1: routes[0].trunk: "isdn": no trunk of this name is defined`},
		{"trunk among others", carrier + "routes: [{number: 49, trunk: isdn, to: 'dn:5001'}]", `sidecar.yaml:2: routes[0].trunk: "isdn": no trunk of this name is defined; there are carrier`},
		{"no destination", "routes: [{number: 49}]", `sidecar.yaml:1: routes[0].to: a route needs a destination: dn:5001, queue:NAME or number:+4930123456`},
		{"unknown DN", "routes: [{number: 49, to: 'dn:5021'}]", `sidecar.yaml:1: routes[0].to: "dn:5021": no DN of this number is defined under dns`},
		{"message as destination", "routes: [{number: 49, to: 'message:x'}]", `sidecar.yaml:1: routes[0].to: "message:x": must go to one of dn, queue, number`},
		{"queue name", "routes: [{number: 49, to: 'queue:a b'}]", `sidecar.yaml:1: routes[0].to: "queue:a b": a name has 1 to 64 letters, digits, _ and -`},
		{"outside number", carrier + "routes: [{number: 49, to: 'number:+49 30'}]", `sidecar.yaml:2: routes[0].to: "number:+49 30": a number has 1 to 32 digits, * or #, and may start with +`},
		{"schedule", "routes: [{number: 49, to: 'dn:5001', schedule: day, closed: hangup}]", `sidecar.yaml:1: routes[0].schedule: "day": no schedule of this name is defined`},
		{"never closed", "routes: [{number: 49, to: 'dn:5001', closed: hangup}]", `sidecar.yaml:1: routes[0].closed: "hangup": is never used: the route names no schedule`},
		{"closed without target", weekdays + "routes: [{number: 49, to: 'dn:5001', schedule: day}]", `sidecar.yaml:2: routes[0].closed: a route with a schedule says what happens while closed, such as message:SOUND or hangup`},
		{"fallback that is away too", "routes: [{number: 49, to: 'dn:5001', fallback: 'dn:5002'}]", `sidecar.yaml:1: routes[0].fallback: "dn:5002": this DN is owned by the sidecar and away together with it: name a DN with owner phone`},
		{"twice", "routes: [{number: 49, to: 'dn:5001'}, {number: 49, to: 'dn:5002'}]", `sidecar.yaml:1: routes[1].number: "49": is never reached: routes[0] matches first; put the narrower route before it`},
		{"shadowed by a prefix", carrier + "routes: [{number: '4*', to: 'dn:5001'}, {number: '49*', trunk: carrier, to: 'dn:5002'}]", `sidecar.yaml:2: routes[1].number: "49*": is never reached: routes[0] matches first; put the narrower route before it`},
	})
}

const weekdays = "schedules: {day: {timezone: Europe/Berlin, weekly: [mon-fri 08:00-18:00]}}\n"

func TestLoadRefusesSchedules(t *testing.T) {
	t.Parallel()
	const rule = "write days and hours, such as mon-fri 08:00-18:00 or sat,sun 10:00-14:00"
	weekly := func(name, text string) refusal {
		return refusal{name, "schedules: {day: {timezone: UTC, weekly: ['" + text + "']}}", `sidecar.yaml:1: schedules.day.weekly[0]: "` + text + `": ` + rule}
	}
	testRefusals(t, []refusal{
		{"zone", "schedules: {day: {timezone: Berlin, weekly: [mon 08:00-18:00]}}", `sidecar.yaml:1: schedules.day.timezone: "Berlin": write a zone of the IANA list, such as Europe/Berlin`},
		{"no zone", "schedules: {day: {weekly: [mon 08:00-18:00]}}", `sidecar.yaml:1: schedules.day.timezone: write a zone of the IANA list, such as Europe/Berlin`},
		{"no hours", "schedules: {day: {timezone: UTC}}", `sidecar.yaml:1: schedules.day.weekly: at least one line of opening hours is needed, such as mon-fri 08:00-18:00`},
		{"holiday", "schedules: {day: {timezone: UTC, weekly: [mon 08:00-18:00], holidays: [2026-02-30]}}", `sidecar.yaml:1: schedules.day.holidays[0]: "2026-02-30": write a day as 2026-12-25`},
		{"name", "schedules: {'a b': {timezone: UTC, weekly: [mon 08:00-18:00]}}", `sidecar.yaml:1: schedules.a b: "a b": a name has 1 to 64 letters, digits, _ and -`},
		weekly("unknown day", "mo-fr 08:00-18:00"),
		weekly("no day", "08:00-18:00"),
		weekly("no hours of a line", "mon"),
		weekly("one time", "mon 08:00"),
		weekly("no length", "mon 08:00-08:00"),
		weekly("hour too high", "mon 08:00-24:01"),
		weekly("minute too high", "mon 08:60-09:00"),
		weekly("signed hour", "mon +8:00-09:00"),
		weekly("begins at the end", "mon 24:00-09:00"),
		weekly("trailing words", "mon 08:00-09:00 only"),
	})
}

func TestLoadRefusesDialRules(t *testing.T) {
	t.Parallel()
	const number = "a number has 1 to 32 digits, * or #, and may start with +"
	testRefusals(t, []refusal{
		{"rewrite prefix", "dial_rules: {normalise: [{prefix: x}]}", `sidecar.yaml:1: dial_rules.normalise[0].prefix: "x": ` + number},
		{"rewrite without prefix", "dial_rules: {normalise: [{replace: 1}]}", `sidecar.yaml:1: dial_rules.normalise[0].prefix: ` + number},
		{"rewrite to letters", "dial_rules: {normalise: [{prefix: 0, replace: x}]}", `sidecar.yaml:1: dial_rules.normalise[0].replace: "x": ` + number},
		{"rewrite never reached", "dial_rules: {normalise: [{prefix: 0}, {prefix: '00', replace: +}]}", `sidecar.yaml:1: dial_rules.normalise[1].prefix: "00": is never reached: dial_rules.normalise[0] matches first; put the longer prefix before it`},
		{"allow", "dial_rules: {classes: {a: {allow: [x]}}}", `sidecar.yaml:1: dial_rules.classes.a.allow[0]: "x": write the start of a number, such as +49, or * for every number`},
		{"deny", "dial_rules: {classes: {a: {deny: ['0 9']}}}", `sidecar.yaml:1: dial_rules.classes.a.deny[0]: "0 9": write the start of a number, such as +49, or * for every number`},
		{"cap", "dial_rules: {classes: {a: {max_concurrent: -1}}}", `sidecar.yaml:1: dial_rules.classes.a.max_concurrent: "-1": must be 0, for no limit, or more`},
		{"trunk of a class", carrier + "dial_rules: {classes: {a: {trunk: b}}}", `sidecar.yaml:2: dial_rules.classes.a.trunk: "b": no trunk of this name is defined; there are carrier`},
		{"class name", "dial_rules: {classes: {'a b': {}}}", `sidecar.yaml:1: dial_rules.classes.a b: "a b": a name has 1 to 64 letters, digits, _ and -`},
		{"role", "dial_rules: {roles: {boss: default}}", `sidecar.yaml:1: dial_rules.roles.boss: "boss": must be one of supervisor, admin`},
		{"role without a class", "dial_rules: {roles: {agent: default}}", `sidecar.yaml:1: dial_rules.roles.agent: "agent": must be one of supervisor, admin`},
		{"class of a role", "dial_rules: {roles: {admin: vip}}", `sidecar.yaml:1: dial_rules.roles.admin: "vip": no class of this name is defined; there are default`},
		{"emergency", "dial_rules: {emergency: [help]}", `sidecar.yaml:1: dial_rules.emergency[0]: "help": ` + number},
		{"emergency without a way", twoTrunks, `dial_rules.default_trunk: with several trunks, emergency calls need the one that carries them: name one of a, b`},
		{"default trunk", "dial_rules: {default_trunk: carrier}", `sidecar.yaml:1: dial_rules.default_trunk: "carrier": no trunk of this name is defined`},
	})
}

func TestLoadTakesSeveralTrunksWithAWayForEmergencies(t *testing.T) {
	t.Parallel()
	for name, rules := range map[string]string{
		"default trunk":        "dial_rules: {default_trunk: b}\n",
		"no emergency numbers": "dial_rules: {emergency: []}\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := load(t, twoTrunks+rules)
			require.NoError(t, err)
		})
	}
}
