package g722

// Initial scale factors, and the ends of their logarithms (section 6.2, INITIALIZATION and blocks 3L, 3H).
const (
	lowerStart, higherStart = 32, 8
	lowerMax, higherMax     = 18432, 22528
)

// saturate is the recommendation's 16-bit arithmetic.
func saturate(v int32) int32 { return min(max(v, -32768), 32767) }

// limit is the range of what the sub-band decoders give to the synthesis filter.
func limit(v int32) int32 { return min(max(v, -16384), 16383) }

// band is the adaptive part of one sub-band, the same in encoder and decoder: predictor and scale factor.
type band struct {
	s, sz int32    // predicted signal, and its part from the zeros
	r, p  [3]int32 // reconstructed and partially reconstructed signal
	a     [3]int32 // pole coefficients, from index 1
	b     [7]int32 // zero coefficients, from index 1
	d     [7]int32 // quantized differences
	nb    int32    // logarithm of the scale factor
	det   int32    // scale factor
}

// scaleTo adapts the scale factor: LOGSCL and SCALEL, or LOGSCH and SCALEH with their other limit and shift.
func (b *band) scaleTo(weight, top, shift int32, t *tables) {
	b.nb = min(max(b.nb*127>>7+weight, 0), top)
	mantissa, exponent := t.ilb[b.nb>>6&31], shift-b.nb>>11
	if exponent < 0 {
		b.det = mantissa << -exponent << 2
	} else {
		b.det = mantissa >> exponent << 2
	}
}

// adapt takes a quantized difference and predicts the next sample: blocks 4L and 4H.
func (b *band) adapt(d int32) {
	b.d[0] = d
	b.r[0], b.p[0] = saturate(b.s+d), saturate(b.sz+d)
	a1, a2 := b.poles()
	b.zeros()
	copy(b.d[1:], b.d[:6])
	copy(b.r[1:], b.r[:2])
	copy(b.p[1:], b.p[:2])
	b.a[1], b.a[2] = a1, a2

	poles := saturate(a1*saturate(2*b.r[1])>>15 + a2*saturate(2*b.r[2])>>15)
	var zeros int32
	for i := 6; i > 0; i-- {
		zeros += b.b[i] * saturate(2*b.d[i]) >> 15
	}
	b.sz = saturate(zeros)
	b.s = saturate(poles + b.sz)
}

// poles is UPPOL2 and UPPOL1.
func (b *band) poles() (a1, a2 int32) {
	same1, same2 := b.p[0] < 0 == (b.p[1] < 0), b.p[0] < 0 == (b.p[2] < 0)
	quadruple := saturate(4 * b.a[1])
	if same1 {
		quadruple = min(-quadruple, 32767)
	}
	a2 = quadruple>>7 + b.a[2]*32512>>15
	if same2 {
		a2 += 128
	} else {
		a2 -= 128
	}
	a2 = min(max(a2, -12288), 12288)
	a1 = b.a[1] * 32640 >> 15
	if same1 {
		a1 += 192
	} else {
		a1 -= 192
	}
	edge := saturate(15360 - a2)
	return min(max(saturate(a1), -edge), edge), a2
}

// zeros is UPZERO.
func (b *band) zeros() {
	var step int32
	if b.d[0] != 0 {
		step = 128
	}
	for i := 1; i <= 6; i++ {
		change := step
		if b.d[0] < 0 != (b.d[i] < 0) {
			change = -step
		}
		b.b[i] = saturate(change + b.b[i]*32640>>15)
	}
}
