// Package agent owns the state of every DN: whether its phone is registered (in service) and how many calls it
// has. It alone decides whether a DN can take another call. It knows calls by their id only, and imports
// nothing of ours.
package agent
