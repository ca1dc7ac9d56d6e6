package pjsipgen

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// reloads gives the modules that read a file anew. Files that are not here need a restart of Asterisk.
func reloads() map[string][]string {
	return map[string][]string{
		"ari.conf":         {"res_ari.so"},
		"extensions.conf":  {"pbx_config.so"},
		"musiconhold.conf": {"res_musiconhold.so"},
		// The modules beside res_pjsip keep objects of their own: algorithms, addresses of trunks, registrations.
		"pjsip.conf": {
			"res_pjsip.so", "res_pjsip_authenticator_digest.so", "res_pjsip_endpoint_identifier_ip.so",
			"res_pjsip_outbound_registration.so",
		},
		"rtp.conf":              {"res_rtp_asterisk.so"},
		"voicemail.conf":        {"app_voicemail.so"},
		"websocket_client.conf": {"res_websocket_client.so"},
	}
}

// changedFiles are those which differ in what Asterisk reads.
func changedFiles(old, wanted FileSet) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(union(old, wanted))) {
		if strings.HasSuffix(name, ".conf") && !strings.Contains(name, "/") && effective(old[name].Data) != effective(wanted[name].Data) {
			names = append(names, name)
		}
	}
	return names
}

// restartNeeds says what of the difference a reload can't apply.
func restartNeeds(old, wanted FileSet) []string {
	needs := transportNeeds(old, wanted)
	for _, name := range changedFiles(old, wanted) {
		switch {
		case name == "modules.conf":
			needs = append(needs, moduleNeeds(old, wanted)...)
		case reloads()[name] == nil:
			needs = append(needs, optionNeeds(strings.TrimSuffix(name, ".conf"), parseConf(old[name].Data), parseConf(wanted[name].Data))...)
		}
	}
	return needs
}

// transportNeeds leaves out new transports: a reload opens them.
func transportNeeds(old, wanted FileSet) []string {
	var needs []string
	have, want := sipSections(old, "transport"), sipSections(wanted, "transport")
	for _, name := range slices.Sorted(maps.Keys(have)) {
		label := "transport " + strings.TrimPrefix(name, "transport-")
		if _, stays := want[name]; !stays {
			needs = append(needs, label+" removed")
			continue
		}
		needs = append(needs, optionNeeds(label, []section{have[name]}, []section{want[name]})...)
	}
	return needs
}

// optionNeeds names each option that differs, section by section.
func optionNeeds(label string, old, wanted []section) []string {
	flat := func(sections []section) map[string][]string {
		values := map[string][]string{}
		for _, s := range sections {
			for _, o := range s.options {
				values[o.key] = append(values[o.key], o.value)
			}
		}
		return values
	}
	have, want := flat(old), flat(wanted)
	keys := maps.Clone(have)
	maps.Copy(keys, want)
	var needs []string
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if !slices.Equal(have[key], want[key]) {
			needs = append(needs, fmt.Sprintf("%s %s %s -> %s", label, key, shown(have[key]), shown(want[key])))
		}
	}
	return needs
}

func shown(values []string) string {
	if len(values) == 0 {
		return "(none)"
	}
	return strings.Join(values, ",")
}

func moduleNeeds(old, wanted FileSet) []string {
	modules := func(files FileSet) map[string]bool {
		set := map[string]bool{}
		for _, s := range parseConf(files["modules.conf"].Data) {
			for _, o := range s.options {
				set[o.value] = true
			}
		}
		return set
	}
	have, want := modules(old), modules(wanted)
	var needs []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if !have[name] {
			needs = append(needs, "module "+name+" added")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(have)) {
		if !want[name] {
			needs = append(needs, "module "+name+" removed")
		}
	}
	return needs
}
