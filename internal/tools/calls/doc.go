// Command calls loads a running sidecar and its Asterisk with whole calls: click-to-dial by REST, answer, hold, retrieve,
// transfer, hang-up, so many a second. It reports every failure, what REST and the phones took, and what both processes
// used of CPU and memory.
//
// It starts and configures nothing: scripts/bench-calls.sh does.
package main
