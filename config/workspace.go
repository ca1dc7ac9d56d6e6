package config

// Workspace is the Workspace API v3 for desktops and programs written for it.
type Workspace struct {
	APIKeys    []Secret `mapstructure:"api_keys"`    // of which requests must bring one as x-api-key; none: no key is needed
	SwitchName string   `mapstructure:"switch_name"` // what DNs and targets say they belong to
}

func (c *checker) workspace() {
	for i, key := range c.cfg.Workspace.APIKeys {
		if len(key) < minAPIKey {
			c.add(indexed("workspace.api_keys", i), key.String(), "must have 16 characters at least: whoever has it may try to log in")
		}
	}
	if c.cfg.Workspace.SwitchName == "" {
		c.add("workspace.switch_name", "", "must not be empty: it is the name of the switch in DNs and targets")
	}
}

const minAPIKey = 16
