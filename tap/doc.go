// Package tap gives the live sound of calls, one stream for each party, to programs that listen along, such as agent
// assist: it follows who is in the call, numbers the streams, puts time stamps on the sound, and codes it.
//
// It never holds anything up: what a slow listener does not take is dropped and counted. It has no transport, and does not
// know how sound leaves the switch.
package tap
