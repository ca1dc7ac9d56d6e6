package asteriskproc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	// A socket address holds 108 bytes with the closing zero (unix(7)).
	maxSocketPath = 107
	fullLogName   = "full"
)

// layout is an instance's own set of directories. Only the program, its modules and its read-only data are shared.
type layout struct {
	conf   string // the caller's .conf files
	state  string
	etc    string // what Asterisk reads: links to conf and to the samples
	run    string
	ownRun bool // run lies outside state, because state's path is too long for a socket
}

func (l layout) asteriskConf() string { return filepath.Join(l.etc, "asterisk.conf") }
func (l layout) socket() string       { return filepath.Join(l.run, "asterisk.ctl") }
func (l layout) fullLog() string      { return filepath.Join(l.state, "log", fullLogName) }
func (l layout) console() string      { return filepath.Join(l.state, "log", "console") }

func newLayout(conf, state string) (layout, error) {
	conf, err := filepath.Abs(conf)
	if err != nil {
		return layout{}, fmt.Errorf("resolve the configuration directory: %w", err)
	}
	if state, err = filepath.Abs(state); err != nil {
		return layout{}, fmt.Errorf("resolve the state directory: %w", err)
	}
	l := layout{conf: conf, state: state, etc: filepath.Join(state, "etc"), run: filepath.Join(state, "run")}
	// fill empties etc before it links anew: that must never be the caller's directory.
	if conf == l.etc || strings.HasPrefix(conf, l.etc+string(filepath.Separator)) {
		return layout{}, fmt.Errorf("%w: %s", ErrConfDir, conf)
	}
	for _, dir := range stateDirs() {
		if err = os.MkdirAll(filepath.Join(state, dir), 0o750); err != nil {
			return layout{}, fmt.Errorf("make a directory for asterisk: %w", err)
		}
	}
	if len(l.socket()) <= maxSocketPath {
		return l, nil
	}
	if l.run, err = os.MkdirTemp("", "asterisk-"); err != nil {
		return layout{}, fmt.Errorf("make a run directory with a short path: %w", err)
	}
	l.ownRun = true
	if len(l.socket()) > maxSocketPath {
		return layout{}, errors.Join(fmt.Errorf("%w: %s", ErrSocketPath, l.socket()), os.Remove(l.run))
	}
	return l, nil
}

// stateDirs are what Asterisk writes to. It makes few of them by itself, and a package would have brought them: call files,
// recordings and mailboxes need theirs below the spool.
func stateDirs() []string {
	return []string{
		"etc", "run", "log", "lib", "db", "keys/keys", "cache", "data",
		"spool/monitor", "spool/outgoing", "spool/recording", "spool/system", "spool/tmp", "spool/voicemail",
	}
}

// fill writes what Asterisk reads. It is done before every start, so that files which the caller added meanwhile are seen.
func (l layout) fill(root Root) error {
	if err := l.linkData(root); err != nil {
		return err
	}
	if err := l.linkConf(); err != nil {
		return err
	}
	if err := l.addSamples(root); err != nil {
		return err
	}
	if err := l.writeLogger(); err != nil {
		return err
	}
	return writeFile(l.asteriskConf(), l.asteriskConfText(root))
}

func (l layout) asteriskConfText(root Root) string {
	data := filepath.Join(l.state, "data")
	return fmt.Sprintf(`[directories]
astcachedir = %[1]s/cache
astetcdir = %[2]s
astmoddir = %[3]s
astvarlibdir = %[1]s/lib
astdbdir = %[1]s/db
astkeydir = %[1]s/keys
astdatadir = %[4]s
astagidir = %[4]s/agi-bin
astspooldir = %[1]s/spool
astrundir = %[5]s
astlogdir = %[1]s/log
astsbindir = %[6]s/usr/sbin

[options]
nocolor = yes
verbose = 3
`, l.state, l.etc, root.modules, data, l.run, root.dir)
}

// linkData makes an astdatadir that shares the tree's sounds, music and documentation.
func (l layout) linkData(root Root) error {
	entries, err := os.ReadDir(root.shareDir())
	if err != nil {
		return fmt.Errorf("list the data of asterisk: %w", err)
	}
	for _, e := range entries {
		if err := link(filepath.Join(root.shareDir(), e.Name()), filepath.Join(l.state, "data", e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// linkConf links the caller's files by name: one that is replaced atomically is seen by the next reload.
func (l layout) linkConf() error {
	old, err := os.ReadDir(l.etc)
	if err != nil {
		return fmt.Errorf("list the configuration of asterisk: %w", err)
	}
	for _, e := range old {
		if err = os.RemoveAll(filepath.Join(l.etc, e.Name())); err != nil {
			return fmt.Errorf("clear the configuration of asterisk: %w", err)
		}
	}
	entries, err := os.ReadDir(l.conf)
	if err != nil {
		return fmt.Errorf("list the configuration: %w", err)
	}
	for _, e := range entries {
		if e.Name() == "asterisk.conf" || e.Name() == "logger.conf" {
			continue
		}
		if err := link(filepath.Join(l.conf, e.Name()), filepath.Join(l.etc, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// sampleConfs are files without which some module of a default build declines to load or warns. Samples that would open
// ports, define dialplan or need a database are not among them. (What Asterisk 22.10 says about 'minimum_size' of stasis is
// a gap in its own documentation, whatever stasis.conf holds; without the file it says two things more.)
func sampleConfs() []string {
	return []string{
		"acl.conf", "aeap.conf", "amd.conf", "ccss.conf", "cdr.conf", "cel.conf", "chan_websocket.conf", "cli.conf",
		"cli_aliases.conf", "cli_permissions.conf", "codecs.conf", "confbridge.conf", "dnsmgr.conf", "dsp.conf", "enum.conf",
		"features.conf", "followme.conf", "geolocation.conf", "indications.conf", "pjproject.conf",
		"pjsip_notify.conf", "pjsip_wizard.conf", "prometheus.conf", "queuerules.conf", "queues.conf", "res_curl.conf", "res_fax.conf",
		"res_http_media_cache.conf", "res_parking.conf", "res_stun_monitor.conf", "resolver_unbound.conf", "say.conf",
		"sorcery.conf", "stasis.conf", "statsd.conf", "stir_shaken.conf", "udptl.conf", "websocket_client.conf",
		"http.conf", "modules.conf", "musiconhold.conf", "rtp.conf",
	}
}

// ownDefaults stand in for samples that won't do: the manager's includes an empty directory, which Asterisk calls an error,
// and the voice mail's has mailboxes with known passwords.
func ownDefaults() map[string]string {
	return map[string]string{
		"manager.conf":   "[general]\nenabled = no\n",
		"voicemail.conf": "[general]\nformat = wav\n\n[default]\n",
	}
}

func (l layout) addSamples(root Root) error {
	for name, text := range ownDefaults() {
		if to := filepath.Join(l.etc, name); !exists(to) {
			if err := writeFile(to, text); err != nil {
				return err
			}
		}
	}
	for _, name := range sampleConfs() {
		to := filepath.Join(l.etc, name)
		if exists(to) {
			continue
		}
		// Copied, not linked: an instance must not be able to change the tree that others share.
		text, err := os.ReadFile(filepath.Join(root.SampleDir(), name)) //nolint:gosec // a fixed name in our own tree
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read a sample: %w", err)
		}
		if err := writeFile(to, string(text)); err != nil {
			return err
		}
	}
	return nil
}

// writeLogger adds one complete log file to whatever the caller's logger.conf says: warnings while the configuration
// loads are what a test wants to see, and they come before the command line could add a log channel.
func (l layout) writeLogger() error {
	const section = "[logfiles]"
	full := fullLogName + " => notice,warning,error,verbose(3)"
	text := section + "\n" + full + "\n"
	own, err := os.ReadFile(filepath.Join(l.conf, "logger.conf"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("read logger.conf: %w", err)
	case strings.Contains(string(own), section):
		text = strings.Replace(string(own), section, section+"\n"+full, 1)
	default:
		text = string(own) + "\n" + text
	}
	return writeFile(filepath.Join(l.etc, "logger.conf"), text)
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

func link(target, name string) error {
	if err := os.Symlink(target, name); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("link a file for asterisk: %w", err)
	}
	return nil
}

func writeFile(name, text string) error {
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil { //nolint:gosec // our own state directory
		return fmt.Errorf("write a file for asterisk: %w", err)
	}
	return nil
}
