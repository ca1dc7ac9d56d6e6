// Package numbering owns the numbering plan at run time: which destination a number that a trunk delivers has, and
// whether and how a number that somebody dials is called.
//
// It answers questions about its configuration and the moment it is given. It never places a call, counts calls or
// looks at a clock.
package numbering
