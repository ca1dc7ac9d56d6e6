// Package rtpengine speaks the NG control protocol of the media relay of that name: a cookie and a bencoded dictionary in
// a datagram each way. It knows the two commands that a call needs and the one that ends it.
package rtpengine
