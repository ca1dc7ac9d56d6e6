package config

import "time"

// maxKeepDays is a hundred years.
const maxKeepDays = 36500

// Audit is the record of what users did to others' calls and states.
type Audit struct {
	KeepDays int `mapstructure:"keep_days"` // 0: for ever
}

// Keep is how long an entry is kept; 0: for ever.
func (a Audit) Keep() time.Duration { return time.Duration(a.KeepDays) * 24 * time.Hour }
