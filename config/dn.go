package config

// DN is one directory number with everything that its group, its override and the defaults say.
type DN struct {
	Number string
	DNSettings
}
