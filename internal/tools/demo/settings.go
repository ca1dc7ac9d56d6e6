package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sidecar/config"
)

var (
	errTooLong  = errors.New("the demo took too long")
	errArgument = errors.New("demo takes flags only")
	errMissing  = errors.New("not given")
	errNoUser   = errors.New("no supervisor or admin in the file with the credentials")
	errFailed   = errors.New("not everything was as it should be")
)

// settings are all that the demo needs to know.
type settings struct {
	api, sip, customer string
	trunk, number      string
	user, password     string
	first, second      agent
	timeout            time.Duration
}

type agent struct {
	number, password string
}

// complete fills what no flag has set, from the configuration file and the files that the sidecar writes.
func (s *settings) complete(configFile, credentials, secrets string) error {
	if configFile != "" {
		if err := s.fromConfig(configFile, &credentials, secrets == ""); err != nil {
			return err
		}
	}
	if secrets != "" {
		if err := s.readSecrets(secrets); err != nil {
			return err
		}
	}
	for _, needed := range [][2]string{
		{"--api", s.api},
		{"--sip", s.sip},
		{"--customer", s.customer},
		{"--credentials", credentials},
		{"--dn-secrets with DN " + s.first.number, s.first.password},
		{"--dn-secrets with DN " + s.second.number, s.second.password},
	} {
		if needed[1] == "" {
			return fmt.Errorf("%s: %w; give it or --config", needed[0], errMissing)
		}
	}
	return s.readCredentials(credentials)
}

func (s *settings) fromConfig(file string, credentials *string, withSecrets bool) error {
	cfg, _, err := config.Load(file, os.Environ())
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	setDefault(&s.api, "http://"+reachable(cfg.HTTP.Listen))
	setDefault(&s.sip, reachable(cfg.Network.SIPListen))
	setDefault(credentials, filepath.Join(cfg.DataDir, "credentials.txt"))
	for i := range cfg.Trunks {
		if cfg.Trunks[i].Name == s.trunk {
			setDefault(&s.customer, cfg.Trunks[i].Host)
		}
	}
	if !withSecrets {
		return nil
	}
	return s.secretsOf(cfg)
}

func (s *settings) secretsOf(cfg *config.Config) error {
	secrets, err := config.OpenSecrets(cfg.DataDir)
	if err != nil {
		return fmt.Errorf("open the secrets: %w", err)
	}
	dns, err := cfg.ExpandDNs()
	if err != nil {
		return fmt.Errorf("list the DNs: %w", err)
	}
	for _, a := range []*agent{&s.first, &s.second} {
		i := slices.IndexFunc(dns, func(dn config.DN) bool { return dn.Number == a.number })
		if i < 0 {
			return fmt.Errorf("DN %s: %w in the configuration", a.number, errMissing)
		}
		password, err := secrets.Phone(dns[i])
		if err != nil {
			return fmt.Errorf("password of DN %s: %w", a.number, err)
		}
		a.password = password.Reveal()
	}
	return nil
}

func (s *settings) readSecrets(file string) error {
	text, err := os.ReadFile(file) // #nosec G304 -- the file that the user names
	if err != nil {
		return fmt.Errorf("read the DNs' passwords: %w", err)
	}
	var list []struct {
		DN       string `json:"dn"`
		Number   string `json:"number"` // as "sidecar dn export --secrets" writes it
		Password string `json:"password"`
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return fmt.Errorf("read the DNs' passwords from %s: %w", file, err)
	}
	for _, entry := range list {
		for _, a := range []*agent{&s.first, &s.second} {
			if entry.DN == a.number || entry.Number == a.number {
				a.password = entry.Password
			}
		}
	}
	return nil
}

// readCredentials takes the first supervisor, or else the first admin: user, password and role in columns divided by tabs.
func (s *settings) readCredentials(file string) error {
	text, err := os.ReadFile(file) // #nosec G304 -- the file that the user names
	if err != nil {
		return fmt.Errorf("read the credentials: %w", err)
	}
	for _, role := range []string{"supervisor", "admin"} {
		for line := range strings.Lines(string(text)) {
			fields := strings.Split(strings.TrimRight(line, "\r\n"), "\t")
			if len(fields) >= 3 && !strings.HasPrefix(line, "#") && fields[2] == role {
				s.user, s.password = fields[0], fields[1]
				return nil
			}
		}
	}
	return fmt.Errorf("%w: %s", errNoUser, file)
}

func setDefault(s *string, value string) {
	if *s == "" {
		*s = value
	}
}

// reachable turns an address to listen on into one to connect to.
func reachable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
