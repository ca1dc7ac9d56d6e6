// Package cti says what happens on the switch in the words of a T-Server, and hands it out in order.
//
// It owns the event catalogue (T-Library names, message ids and attributes), the encoding of what packages
// bridge and agent publish, and the feed: one sequence of events with replay, from which every transport and
// dialect serves its clients. It keeps no call or DN state of its own and knows no transport.
//
// # Order and delivery
//
// The feed gives every event one sequence number, in the order of publication. Since an interaction and a DN
// each publish from one goroutine, the feed keeps the order of a call and of a DN; events of different calls
// have an order too, but nothing may be concluded from it. A subscriber sees the events it may see, each once,
// in order, without a hole; when that can't be kept up, its subscription ends with the reason and it comes back
// with the last cursor that it has seen.
//
// # Snapshot and events
//
// Subscribe fixes the position first, the snapshot is taken afterwards. A [Snapshotter] shows every change whose
// event has been published before it was asked, so nothing falls between the two. A change that happens in
// between shows in the snapshot and comes as an event too; events carry the whole state of their call or DN, so
// that whoever applies them in order ends where the switch is.
package cti
