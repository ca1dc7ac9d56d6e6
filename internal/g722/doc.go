// Package g722 converts between 16 kHz linear samples and the 64 kbit/s mode of ITU-T Recommendation G.722 (G722 in RTP,
// RFC 3551 section 4.5.2: one octet stands for two samples, the upper sub-band in its two high bits).
//
// It owns the two sub-band ADPCM coders and the quadrature mirror filters and nothing else: no RTP, no buffers, no clock.
// The arithmetic is the recommendation's: 16-bit values that saturate, shifts that round down.
package g722
