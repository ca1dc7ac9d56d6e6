package config

// Validate says everything that is wrong with a configuration, as a *ValidationError.
func (c *Config) Validate() error { return problemsError(c.check()) }

func (c *Config) check() []Problem { return nil }
