package recording

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

// block is how many samples of each side are in memory at once.
const block = 4096

// merged is the size of a file that merge has written.
type merged struct {
	rate   int
	frames int64 // samples of each side
}

// merge writes one stereo WAV file of two mono ones; a nil side is silent, and the shorter one is silent at its end. It
// fails with ErrFormat when a side can't be used, or with the error of a reader or of w.
func merge(w io.WriteSeeker, left, right io.Reader) (merged, error) {
	l, err := open(left, "left")
	if err != nil {
		return merged{}, err
	}
	r, err := open(right, "right")
	if err != nil {
		return merged{}, err
	}
	m := merged{rate: max(l.rate, r.rate)}
	if l.rate != 0 && r.rate != 0 && l.rate != r.rate {
		return merged{}, fmt.Errorf("%w: %w, not %d and %d Hz", ErrFormat, errRates, l.rate, r.rate)
	}
	out := bufio.NewWriter(w)
	if _, err = out.Write(wavHeader(m.rate, 0)); err != nil {
		return merged{}, err
	}
	if m.frames, err = interleave(out, l, r); err != nil {
		return merged{}, err
	}
	if err = out.Flush(); err != nil {
		return merged{}, err
	}
	if _, err = w.Seek(0, io.SeekStart); err != nil { // the length is known now
		return merged{}, err
	}
	_, err = w.Write(wavHeader(m.rate, m.frames))
	return m, err
}

func open(side io.Reader, name string) (*wavReader, error) {
	if side == nil {
		return &wavReader{r: nothing{}}, nil
	}
	r, err := newWAVReader(side)
	if err != nil {
		return nil, fmt.Errorf("%s side: %w", name, err)
	}
	return r, nil
}

func interleave(out io.Writer, left, right *wavReader) (frames int64, err error) {
	var ls, rs [block]int16
	bytes := make([]byte, 0, block*stereo*bytesPer)
	for {
		l, err := left.read(ls[:])
		if err != nil {
			return 0, fmt.Errorf("left side: %w", err)
		}
		r, err := right.read(rs[:])
		if err != nil {
			return 0, fmt.Errorf("right side: %w", err)
		}
		n := max(l, r)
		if n == 0 {
			return frames, nil
		}
		clear(ls[l:])
		clear(rs[r:])
		bytes = bytes[:0]
		for i := range n {
			bytes = binary.LittleEndian.AppendUint16(bytes, uint16(ls[i])) //nolint:gosec // the bits of a sample
			bytes = binary.LittleEndian.AppendUint16(bytes, uint16(rs[i])) //nolint:gosec // as above
		}
		if _, err = out.Write(bytes); err != nil {
			return 0, err
		}
		frames += int64(n)
	}
}

// nothing is a side without sound.
type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, io.EOF }
