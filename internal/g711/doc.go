// Package g711 converts between 16-bit linear samples and the two companding
// laws of ITU-T Recommendation G.711 (PCMU and PCMA in RTP, RFC 3551).
//
// It owns the arithmetic and nothing else: no RTP, no buffers, no clock.
package g711
