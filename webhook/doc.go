// Package webhook tells programs what happens, by POSTs to the addresses that the settings name.
//
// It owns the way of the feed's events to each of these targets: in order, signed, tried again until they are taken, and kept
// as dead letters when that takes too long. It never decides what happens, knows no other address than those of the settings,
// and follows no redirect.
//
// # What a target may rely on
//
// Events come in the order of the feed, in batches, one request at a time. A batch is repeated until the target answers 2xx;
// then the next is sent. The position is stored after each batch: a sidecar that is killed sends the last batch again, under the same
// event ids. Only what became a dead letter is out of order, if somebody has it delivered later.
package webhook
