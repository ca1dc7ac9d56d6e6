package media

import "time"

// Quality is how a leg's media fares, both ways.
type Quality struct {
	Received uint64        // RTP packets that were accepted
	Lost     uint32        // that never came
	Loss     float64       // part of what was expected, 0 to 1
	Jitter   time.Duration // of what arrives
	RTT      time.Duration // 0 until the other side has reported

	Sent       uint32
	FarLost    uint32        // of ours, as the other side reports
	FarLoss    float64       // in its last interval, 0 to 1
	FarJitter  time.Duration //
	FarReports uint64

	MOS float64 // of what arrives, estimated; 0 before the first packet

	UnknownPayload uint64 // packets of payload types that nobody negotiated, comfort noise among them
	ComfortNoise   uint64 // thereof payload type 13
	Strangers      uint64 // packets from addresses that are none of this call's
	Malformed      uint64
	Unsent         uint64 // packets that were not sent: socket errors, packets too late to have a place, and what a digit took the place of
}

// Constants of ITU-T G.107 with its default values, and of G.113 appendix I for G.711 with packet loss concealment.
const (
	ratingAtBest  = 93.2
	lossRobust    = 25.1
	delayKnee     = 177.3 // ms
	packetization = 20 * time.Millisecond
)

// MOS estimates the mean opinion score (1 to 4.41) by the E-model's transmission rating for random loss. All codecs are
// rated as G.711 with concealment: wideband only sounds better, and one scale makes legs comparable.
func MOS(loss float64, jitter, rtt time.Duration) float64 {
	// A jitter buffer holds about twice the jitter.
	delay := float64((rtt/2 + 2*jitter + packetization).Microseconds()) / 1000
	rating := ratingAtBest - 0.024*delay
	if delay > delayKnee {
		rating -= 0.11 * (delay - delayKnee)
	}
	percent := loss * 100
	rating -= 95 * percent / (percent + lossRobust)
	switch {
	case rating <= 0:
		return 1
	case rating >= 100:
		return 4.5
	}
	return max(1, 1+0.035*rating+rating*(rating-60)*(100-rating)*7e-6)
}
