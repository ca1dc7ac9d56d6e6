package rtpengine

import "bytes"

// Encode and Decode are the codec, for its tests.
func Encode(value any) []byte {
	var b bytes.Buffer
	encode(&b, value)
	return b.Bytes()
}

// Decode reads one value and returns the rest.
func Decode(data []byte) (value any, rest []byte, err error) { return decode(data, 0) }
