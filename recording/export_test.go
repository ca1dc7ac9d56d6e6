package recording

import "io"

// ReadWAV reads a whole file, as merge does.
func ReadWAV(r io.Reader) (rate int, samples []int16, err error) {
	w, err := newWAVReader(r)
	if err != nil {
		return 0, nil, err
	}
	var buf [100]int16
	for {
		n, err := w.read(buf[:])
		if n == 0 || err != nil {
			return w.rate, samples, err
		}
		samples = append(samples, buf[:n]...)
	}
}
