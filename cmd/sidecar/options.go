package main

import (
	"os"

	"sidecar/config"
)

// options are the flags that every subcommand has.
type options struct {
	configFile string
	environ    func() []string // os.Environ; replaced by tests
}

// load reads the configuration: the file of --config, else that of SIDECAR_CONFIG, else only defaults and environment.
func (o *options) load() (*config.Config, *config.Sources, error) {
	environ := o.environ
	if environ == nil {
		environ = os.Environ
	}
	env := environ()
	path := o.configFile
	if path == "" {
		path = config.FileFromEnv(env)
	}
	return config.Load(path, env)
}

// loadWithSecrets also opens the secrets of the data directory, which makes them when they are not there.
func (o *options) loadWithSecrets() (*config.Config, *config.Secrets, error) {
	cfg, _, err := o.load()
	if err != nil {
		return nil, nil, err
	}
	secrets, err := config.OpenSecrets(cfg.DataDir)
	if err != nil {
		return nil, nil, err
	}
	return cfg, secrets, nil
}
