// Package live tells all sidecars that share a feed how things stand at each of them: the calls, the DNs and their agents.
//
// It owns the copy of what other sidecars have told, and the pace at which this one tells. It decides nothing about
// calls, and keeps no state of its own: what this sidecar tells is what engine and registry have published.
package live
