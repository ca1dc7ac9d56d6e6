package config

// Supervision is what supervisors may do to calls of others.
type Supervision struct {
	VisibleToAgents bool `mapstructure:"visible_to_agents"` // who is supervised is told so
}
