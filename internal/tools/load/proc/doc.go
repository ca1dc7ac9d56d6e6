// Package proc reads what Linux and a target's own metrics tell about a running process.
package proc
