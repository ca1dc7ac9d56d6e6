// Package config owns the daemon's settings: their structure, their defaults, where each value came from
// (default, file, environment) and the rules they must obey. It also keeps the secrets that are made once in
// the data directory.
//
// It never acts on a setting: other packages are handed the part that concerns them.
package config
