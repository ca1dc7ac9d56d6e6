// Command demo shows a running system at work: a customer and two agents, SIP
// phones in this process, make a call that is answered, transferred by REST and
// hung up by REST. The CTI events are printed as they come, and each thing that
// was proved has a line of its own. It ends with 1 if one of them failed.
//
// It is a client of the system like any other: SIP, REST and CometD, nothing else.
package main
