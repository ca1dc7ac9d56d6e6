package g722

// PayloadType is what RFC 3551 section 6 assigns to G722.
const PayloadType = 9

const (
	// highDecision parts the two magnitudes of the higher sub-band (table 19, times the scale factor by 2^12).
	highDecision = 564
	taps         = 24
)

// Encoder turns samples into octets. It is not safe for use by several goroutines.
type Encoder struct {
	t             *tables
	lower, higher band
	history       [taps]int32
}

// NewEncoder returns an encoder in its initial state.
func NewEncoder() *Encoder {
	return &Encoder{t: newTables(), lower: band{det: lowerStart}, higher: band{det: higherStart}}
}

// Encode appends one octet for each two samples at 16 kHz; an odd last sample is left out.
func (e *Encoder) Encode(octets []byte, samples []int16) []byte {
	for i := 0; i+1 < len(samples); i += 2 {
		copy(e.history[:], e.history[2:])
		e.history[taps-2], e.history[taps-1] = int32(samples[i]), int32(samples[i+1])
		var odd, even int32
		for k, c := range e.t.qmf {
			odd += e.history[2*k] * c
			even += e.history[2*k+1] * e.t.qmf[11-k]
		}
		octets = append(octets, e.encode((even+odd)>>14, (even-odd)>>14))
	}
	return octets
}

// EncodeNarrow appends one octet for each sample at 8 kHz. The samples are the lower sub-band, so neither a filter nor
// resampling is needed; the higher one is silent.
func (e *Encoder) EncodeNarrow(octets []byte, samples []int16) []byte {
	for _, s := range samples {
		octets = append(octets, e.encode(int32(s)>>1, 0))
	}
	return octets
}

func (e *Encoder) encode(low, high int32) byte {
	return byte(e.encodeHigh(high)<<6 | e.encodeLow(low)) //nolint:gosec // 2 and 6 bits
}

func (e *Encoder) encodeLow(x int32) int {
	b := &e.lower
	diff := saturate(x - b.s)
	magnitude := diff
	if diff < 0 {
		magnitude = -(diff + 1)
	}
	level := 1
	for level < 30 && magnitude >= e.t.q6[level]*b.det>>12 {
		level++
	}
	// The codes of table 15: positive ones count down from 61; negative ones from 31, but for the two nearest to zero.
	code := 62 - level
	if diff < 0 {
		code = 34 - level
		if level < 3 {
			code = 64 - level
		}
	}
	d := b.det * e.t.qm4[code>>2] >> 15
	b.scaleTo(e.t.wl[e.t.rl4[code>>2]], lowerMax, 8, e.t)
	b.adapt(d)
	return code
}

func (e *Encoder) encodeHigh(x int32) int {
	b := &e.higher
	diff := saturate(x - b.s)
	magnitude, code := diff, 3
	if diff < 0 {
		magnitude, code = -(diff + 1), 1
	}
	if magnitude >= highDecision*b.det>>12 {
		code--
	}
	d := b.det * e.t.qm2[code] >> 15
	b.scaleTo(e.t.wh[e.t.rh2[code]], higherMax, 10, e.t)
	b.adapt(d)
	return code
}

// Decoder turns octets into samples. It is not safe for use by several goroutines.
type Decoder struct {
	t             *tables
	lower, higher band
	history       [taps]int32
}

// NewDecoder returns a decoder in its initial state.
func NewDecoder() *Decoder {
	return &Decoder{t: newTables(), lower: band{det: lowerStart}, higher: band{det: higherStart}}
}

// Decode appends two samples at 16 kHz for each octet.
func (d *Decoder) Decode(samples []int16, octets []byte) []int16 {
	for _, octet := range octets {
		low, high := d.decodeLow(int(octet&0x3f)), d.decodeHigh(int(octet>>6))
		copy(d.history[:], d.history[2:])
		d.history[taps-2], d.history[taps-1] = low+high, low-high
		var first, second int32
		for k, c := range d.t.qmf {
			second += d.history[2*k] * c
			first += d.history[2*k+1] * d.t.qmf[11-k]
		}
		samples = append(samples, int16(saturate(first>>11)), int16(saturate(second>>11))) //nolint:gosec // saturated
	}
	return samples
}

// DecodeNarrow appends one sample at 8 kHz for each octet: the lower sub-band alone, which is telephone quality.
func (d *Decoder) DecodeNarrow(samples []int16, octets []byte) []int16 {
	for _, octet := range octets {
		samples = append(samples, int16(d.decodeLow(int(octet&0x3f))<<1)) //nolint:gosec // limited to 15 bits
	}
	return samples
}

func (d *Decoder) decodeLow(code int) int32 {
	b := &d.lower
	out := limit(b.s + b.det*d.t.qm6[code]>>15)
	diff := b.det * d.t.qm4[code>>2] >> 15
	b.scaleTo(d.t.wl[d.t.rl4[code>>2]], lowerMax, 8, d.t)
	b.adapt(diff)
	return out
}

func (d *Decoder) decodeHigh(code int) int32 {
	b := &d.higher
	diff := b.det * d.t.qm2[code] >> 15
	out := limit(b.s + diff)
	b.scaleTo(d.t.wh[d.t.rh2[code]], higherMax, 10, d.t)
	b.adapt(diff)
	return out
}
