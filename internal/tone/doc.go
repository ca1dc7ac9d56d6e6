// Package tone makes and recognises single frequencies in telephone audio, so
// that a test can say who hears whom: every party sends a frequency of its own
// and looks for the others'.
//
// It owns the sine generator, the Goertzel measurement and the Listener that
// watches a stream of samples. It never touches RTP, sockets or codecs.
//
// Pick frequencies that are multiples of 10 Hz (the resolution of one window)
// and no musical notes, so that music on hold is not taken for a party: 450,
// 620, 830, 1010 and 1330 Hz do.
package tone
