// Package store keeps what must outlive the process, under the data directory: users in SQLite (DB), and the
// journal of the call engine in append-only files.
//
// It is the only package that knows SQL. It never decides anything: rules about users are in auth, rules about
// calls in bridge.
package store
