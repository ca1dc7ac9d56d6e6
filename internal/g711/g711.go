package g711

import "math/bits"

// Payload types that RFC 3551 section 6 assigns to the two laws.
const (
	PayloadTypePCMU = 0
	PayloadTypePCMA = 8
)

const (
	// ulawBias is the 33 of G.711 table 2a, which counts in 14 bits, moved to 16.
	ulawBias = 33 << 2
	// ulawClip is the largest magnitude that still fits once the bias is added.
	ulawClip = 32767 - ulawBias
	// alawInvert flips every even bit, as G.711 table 1a note 2 asks.
	alawInvert = 0x55
	signBit    = 0x80
)

// EncodeULaw returns the PCMU octet nearest to a linear sample.
func EncodeULaw(sample int16) byte {
	magnitude, sign := int(sample), byte(0)
	if magnitude < 0 {
		magnitude, sign = -magnitude, signBit
	}
	magnitude = min(magnitude, ulawClip) + ulawBias
	segment := bits.Len16(uint16(magnitude>>7)) - 1 //nolint:gosec // at most 32767 by the clip above
	step := magnitude >> (segment + 3) & 0x0f
	return ^(sign | byte(segment<<4|step)) //nolint:gosec // 7 bits: segment 0-7, step 0-15
}

// DecodeULaw returns the linear sample of a PCMU octet.
func DecodeULaw(octet byte) int16 {
	octet = ^octet
	segment := octet >> 4 & 0x07
	magnitude := (int16(octet&0x0f)<<3+ulawBias)<<segment - ulawBias
	if octet&signBit != 0 {
		return -magnitude
	}
	return magnitude
}

// EncodeALaw returns the PCMA octet nearest to a linear sample.
func EncodeALaw(sample int16) byte {
	// A-law has no zero: positive values carry the sign bit, negative ones are
	// counted from -1, so that both halves have the same steps.
	magnitude, sign := int(sample>>3), byte(signBit)
	if magnitude < 0 {
		magnitude, sign = -magnitude-1, 0
	}
	segment := bits.Len16(uint16(magnitude >> 5)) //nolint:gosec // 12 bits after the shift by 3
	step := magnitude >> max(segment, 1) & 0x0f
	return (sign | byte(segment<<4|step)) ^ alawInvert //nolint:gosec // 7 bits: segment 0-7, step 0-15
}

// DecodeALaw returns the linear sample of a PCMA octet.
func DecodeALaw(octet byte) int16 {
	octet ^= alawInvert
	segment := octet >> 4 & 0x07
	magnitude := int16(octet&0x0f)<<4 + 8
	if segment > 0 {
		magnitude = (magnitude + 0x100) << (segment - 1)
	}
	if octet&signBit == 0 {
		return -magnitude
	}
	return magnitude
}
