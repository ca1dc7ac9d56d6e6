// Command calls loads a running sidecar and its Asterisk with whole calls: click-to-dial by REST, answer, hold, retrieve,
// transfer, hang-up, so many a second. It reports every failure, what REST and the phones took, and what both processes
// used of CPU and memory. Then, with --answer, it lets calls ring at browsers' DNs and has REST answer them: those phones
// are told by NOTIFY.
//
// It starts and configures nothing: scripts/bench-calls.sh does.
package main
