package tap

// Code codes frames one after the other, as a stream does.
func Code(f Format, frames ...[]byte) []byte {
	c := newCoder(f)
	var out []byte
	for _, frame := range frames {
		out, _ = c.code(out, frame)
	}
	return out
}
