// Package schema describes the events of the feed as a JSON schema (2020-12), made from the types that are encoded.
//
// It owns the rules that types can't say: which attributes an event always has, and which values there are. It never looks
// at an event, and it is no part of how one is made.
package schema
