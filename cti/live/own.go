package live

import (
	"slices"

	"sidecar/agent"
	"sidecar/bridge"
)

// Own is how things stand at this sidecar alone: what those of all sidecars together make the whole, each thing once.
type Own struct{ state *State }

// Own gives this sidecar's part. It implements cti.Snapshotter.
func (s *State) Own() Own { return Own{s} }

// Calls are those that this sidecar runs.
func (o Own) Calls() []bridge.CallView { return o.state.o.Local.Calls() }

// DNs are those that no other sidecar has to tell of: where several know a DN, one has its phone or its agent; where none
// has, it is the first by name.
func (o Own) DNs() []agent.View {
	s := o.state
	s.await()
	views := s.o.Local.DNs()
	s.mu.Lock()
	defer s.mu.Unlock()
	names := s.livingLocked()
	return slices.DeleteFunc(views, func(own agent.View) bool {
		return slices.ContainsFunc(names, func(name string) bool {
			v, ok := s.others[name].dns[own.Number]
			return ok && (weight(&v) > weight(&own) || weight(&v) == weight(&own) && name < s.o.Node)
		})
	})
}
