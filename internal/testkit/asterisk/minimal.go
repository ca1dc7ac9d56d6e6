package asterisk

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	// ARIUser is the user of a minimal configuration's ARI.
	ARIUser = "sidecar"
	// App is the Stasis application that a minimal configuration's dialplan hands every call to.
	App = "sidecar"
)

// Phone is a SIP endpoint that registers with a digest password and calls into the context from-agents.
type Phone struct {
	User     string
	Password string
}

// Trunk is a SIP peer without registration, known by its address 127.0.0.1:Port. Its calls enter the context from-trunk.
type Trunk struct {
	Name string
	Port int
}

// Minimal is a small hand-written configuration for tests that don't need a generated one.
type Minimal struct {
	Ports       Ports
	ARIPassword string
	Phones      []Phone
	Trunks      []Trunk
}

// MinimalConf writes the configuration into a directory of the test and returns it.
func MinimalConf(t testing.TB, m Minimal) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"ari.conf":         m.ari(),
		"extensions.conf":  extensionsConf,
		"http.conf":        fmt.Sprintf("[general]\nenabled = yes\nbindaddr = 127.0.0.1\nbindport = %d\n", m.Ports.HTTP),
		"modules.conf":     modulesConf(),
		"pjsip.conf":       m.pjsip(),
		"rtp.conf":         fmt.Sprintf("[general]\nrtpstart = %d\nrtpend = %d\nstrictrtp = yes\n", m.Ports.RTPStart, m.Ports.RTPEnd),
		"musiconhold.conf": "[default]\nmode = files\ndirectory = moh\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}

// ARIURL is where the ARI of a configuration with these ports answers.
func (p Ports) ARIURL() string { return fmt.Sprintf("http://127.0.0.1:%d/ari", p.HTTP) }

func (m Minimal) ari() string {
	return fmt.Sprintf("[general]\nenabled = yes\n\n[%s]\ntype = user\npassword = %s\npassword_format = plain\n", ARIUser, m.ARIPassword)
}

func (m Minimal) pjsip() string {
	var b strings.Builder
	for _, protocol := range []string{"udp", "tcp"} {
		fmt.Fprintf(&b, "[transport-%[1]s]\ntype = transport\nprotocol = %[1]s\nbind = 127.0.0.1:%[2]d\n\n", protocol, m.Ports.SIP)
	}
	for _, p := range m.Phones {
		fmt.Fprintf(&b, `[%[1]s]
type = endpoint
context = from-agents
disallow = all
allow = ulaw,alaw
direct_media = no
media_address = 127.0.0.1
bind_rtp_to_media_address = yes
aors = %[1]s
auth = %[1]s

[%[1]s]
type = aor
max_contacts = 1
remove_existing = yes

[%[1]s]
type = auth
auth_type = digest
username = %[1]s
password = %[2]s

`, p.User, p.Password)
	}
	for _, trunk := range m.Trunks {
		fmt.Fprintf(&b, `[%[1]s]
type = endpoint
context = from-trunk
disallow = all
allow = ulaw,alaw
direct_media = no
media_address = 127.0.0.1
bind_rtp_to_media_address = yes
aors = %[1]s

[%[1]s]
type = aor
contact = sip:127.0.0.1:%[2]d

[%[1]s-identify]
type = identify
endpoint = %[1]s
match = 127.0.0.1:%[2]d

`, trunk.Name, trunk.Port)
	}
	return b.String()
}

const extensionsConf = `[general]
static = yes
writeprotect = yes

[from-agents]
exten => _[+*#0-9a-zA-Z].,1,Stasis(sidecar,from-agents,${EXTEN})
 same => n,Hangup()

[from-trunk]
exten => _[+*#0-9a-zA-Z].,1,Stasis(sidecar,from-trunk,${EXTEN})
 same => n,Hangup()
`

func modulesConf() string {
	var b strings.Builder
	b.WriteString("[modules]\nautoload = yes\n")
	for _, module := range leftOut() {
		fmt.Fprintf(&b, "noload = %s.so\n", module)
	}
	return b.String()
}

// leftOut are modules that need files, hardware, databases or ports that a test doesn't have: each would log a warning.
func leftOut() []string {
	return []string{
		"app_adsiprog", "app_agent_pool", "app_alarmreceiver", "app_festival", "app_getcpeid", "app_jack", "app_minivm",
		"app_voicemail", "app_voicemail_odbc", "cdr_adaptive_odbc", "cdr_csv", "cdr_custom", "cdr_manager", "cdr_odbc",
		"cdr_pgsql", "cdr_radius", "cdr_sqlite3_custom", "cdr_tds", "cel_custom", "cel_manager", "cel_odbc", "cel_pgsql",
		"cel_radius", "cel_sqlite3_custom", "cel_tds", "chan_console", "chan_iax2", "chan_motif", "chan_unistim",
		"func_odbc", "pbx_ael", "pbx_dundi", "pbx_lua", "res_adsi", "res_ael_share", "res_calendar", "res_calendar_caldav",
		"res_calendar_ews", "res_calendar_exchange", "res_calendar_icalendar", "res_cdrel_custom", "res_config_curl",
		"res_config_ldap", "res_config_odbc", "res_config_pgsql", "res_config_sqlite3", "res_hep", "res_hep_pjsip",
		"res_hep_rtcp", "res_odbc", "res_odbc_transaction", "res_phoneprov", "res_pjsip_phoneprov_provider", "res_smdi", "res_stir_shaken", "res_pjsip_stir_shaken",
		"res_snmp", "res_xmpp",
	}
}
