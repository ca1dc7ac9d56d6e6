package cti

// RecordOf is what the log would keep of an event.
func RecordOf(node string, e Event) (Record, error) { return record(node, &e) }
