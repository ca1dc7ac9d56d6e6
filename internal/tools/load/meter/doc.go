// Package meter measures what a load run sees: times, packets, and the stamp in each packet that ties the two. It also
// paces the sending: one goroutine for all legs, because a timer for each would cost more than the packets.
package meter
