// Package recording keeps the recordings of calls: it fetches what the switch has recorded of each side, makes one stereo
// file of both (left: what the customer says, right: what the customer hears), keeps it with its metadata below the data
// directory for as long as the settings say, and finds it again.
//
// The directory is the index: YYYY/MM/DD (UTC) of the day on which the recording began, and in it for each recording a
// file ID.wav and a file ID.json, which is written last. The id begins with the day, so it leads to the file by itself.
//
// It never decides what is recorded, and never talks to a switch but through its port.
package recording
