package follow

import (
	"slices"

	"sidecar/bridge"
	"sidecar/cti"
)

// Want is what a reader asks for. An empty list is no condition; each that is not empty must be met.
type Want struct {
	DNs    []string // it concerns one of these
	Calls  []string // it is about one of these
	Types  []string // it has one of these names
	Topics []cti.Topic
	Node   string // it comes from this sidecar; empty: from any
}

// Match reports whether the event is wanted by somebody who sees what sees says.
func (w *Want) Match(e *cti.Event, sees func(bridge.DN) bool) bool {
	if w.Node != "" && e.Node != "" && e.Node != w.Node || // those of snapshots come from nobody
		len(w.Topics) > 0 && !slices.Contains(w.Topics, e.Topic) ||
		len(w.Types) > 0 && !slices.Contains(w.Types, e.Name) ||
		len(w.Calls) > 0 && (e.Call == nil || !slices.Contains(w.Calls, string(e.Call.ID))) {
		return false
	}
	return slices.ContainsFunc(e.Audience, func(dn bridge.DN) bool {
		return (len(w.DNs) == 0 || slices.Contains(w.DNs, string(dn))) && sees(dn)
	})
}

// Types lists the names that events can have, without those of snapshots and Reset, which everybody gets.
func Types() []string {
	names := []string{string(cti.StateDialing), string(cti.StateRinging), string(cti.StateEstablished), string(cti.StateHeld), string(cti.StateReleased)}
	for _, kind := range cti.Kinds() {
		if kind.Name != "" {
			names = append(names, kind.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
