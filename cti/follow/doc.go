// Package follow gives a reader of the feed one unbroken story.
//
// It owns where a reader goes on: after the cursor that it names, or else with a snapshot; and what becomes of it when the
// feed has cut it off. It never knows who the reader is, nor how it is reached.
//
// # What a reader gets
//
// Events in the order of the feed, each with the cursor to come back with. A reader without a cursor begins with a
// snapshot, which [NameComplete] ends. When its place is lost (another incarnation of the feed, events no longer kept, a
// gap), it gets a Reset, by which it forgets what it knows, and a snapshot. The messages of a snapshot have no cursor of
// their own until it is complete: who breaks off in the middle and comes back gets the whole again.
package follow
