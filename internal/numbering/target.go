package numbering

import "sidecar/config"

// Target is where a call goes, and how.
type Target struct {
	Kind config.TargetKind // dn, number, queue, voicemail, message or hangup

	DN       config.DN     // of a dn
	Number   string        // of a dn or queue; for an outside number what is sent to the trunk
	Dialled  string        // the number normalised, before the trunk's prefixes: what people are shown
	Trunk    string        // that carries an outside number
	CallerID string        // number shown there; empty: the caller's own
	Fallback config.Target // while the destination can't be reached
	Name     string        // of a queue, a voicemail box or a sound

	Class     string // of dial rules; Cap counts the outside calls of this class together
	Cap       int    // outside calls at once, 0: no limit
	TrunkCap  int    // calls at once on the trunk, 0: no limit
	Emergency bool   // no cap counts
	Closed    bool   // the route's closed target was taken
}
