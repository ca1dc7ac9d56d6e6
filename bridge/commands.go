package bridge

// MakeCall rings From's phone first, then calls To.
type MakeCall struct {
	From  DN
	To    string
	Class string // class of the dial rules; empty: that of From
	Op    OpID
}

// Hangup ends a call for everybody.
type Hangup struct {
	Call CallID
	Op   OpID
}

// Transfer is a single-step transfer: By leaves, To is called in its place.
type Transfer struct {
	Call  CallID
	By    DN // empty: the only DN in the call
	To    string
	Class string // class of the dial rules; empty: that of By
	Op    OpID
}
