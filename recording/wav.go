package recording

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

const (
	formatPCM    = 1
	bytesPer     = 2 // of a sample of one channel
	fmtSize      = 16
	headerSize   = 44
	stereo       = 2
	narrow, wide = 8000, 16000
	// maxChunks is how many chunks may come before the sound; Asterisk writes one.
	maxChunks = 64
)

// wavReader reads the samples of a WAV file. Lengths in the file are the writer's claim, which is wrong when it died: the
// sound ends where its chunk says or where the file ends, whichever comes first, and a length of 0 says nothing.
type wavReader struct {
	rate int
	r    io.Reader // of the sound
	buf  []byte
}

// newWAVReader reads up to the sound. It fails with ErrFormat, or with the error of r.
func newWAVReader(r io.Reader) (*wavReader, error) {
	var riff [12]byte
	if err := header(r, riff[:]); err != nil {
		return nil, err
	}
	if !bytes.Equal(riff[:4], []byte("RIFF")) || !bytes.Equal(riff[8:], []byte("WAVE")) {
		return nil, fmt.Errorf("%w: no RIFF/WAVE header", ErrFormat)
	}
	w := &wavReader{}
	for range maxChunks {
		var chunk [8]byte
		if err := header(r, chunk[:]); err != nil {
			return nil, err
		}
		size := int64(binary.LittleEndian.Uint32(chunk[4:]))
		switch string(chunk[:4]) {
		case "data":
			if w.rate == 0 {
				return nil, fmt.Errorf("%w: the sound comes before its format", ErrFormat)
			}
			w.r = r
			if size != 0 && size != math.MaxUint32 {
				w.r = io.LimitReader(r, size)
			}
			return w, nil
		case "fmt ":
			if err := w.format(r, size); err != nil {
				return nil, err
			}
		default:
			if err := skip(r, size+size%2); err != nil { // chunks begin at even places
				return nil, err
			}
		}
	}
	return nil, fmt.Errorf("%w: no sound among its first %d chunks", ErrFormat, maxChunks)
}

func (w *wavReader) format(r io.Reader, size int64) error {
	if size < fmtSize {
		return fmt.Errorf("%w: its format is cut short", ErrFormat)
	}
	var f [fmtSize]byte
	if err := header(r, f[:]); err != nil {
		return err
	}
	le := binary.LittleEndian
	tag, channels, rate, bits := le.Uint16(f[0:]), le.Uint16(f[2:]), le.Uint32(f[4:]), le.Uint16(f[14:])
	if tag != formatPCM || channels != 1 || bits != 8*bytesPer || rate != narrow && rate != wide {
		return fmt.Errorf("%w: it has format %d, %d channels, %d bits, %d Hz", ErrFormat, tag, channels, bits, rate)
	}
	w.rate = int(rate)
	return skip(r, size-fmtSize+size%2)
}

// read fills samples; fewer than asked for, or none, mean the end.
func (w *wavReader) read(samples []int16) (int, error) {
	if cap(w.buf) < len(samples)*bytesPer {
		w.buf = make([]byte, len(samples)*bytesPer)
	}
	buf := w.buf[:len(samples)*bytesPer]
	n, err := fill(w.r, buf)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	n /= bytesPer // half a sample at the end is dropped
	for i := range n {
		samples[i] = int16(binary.LittleEndian.Uint16(buf[i*bytesPer:])) //nolint:gosec // the bits of a sample
	}
	return n, nil
}

// fill reads until buf is full. Unlike io.ReadFull it gives the reader's own error: io.EOF is the end of the file, and
// io.ErrUnexpectedEOF a transfer that was cut short.
func fill(r io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var k int
		k, err = r.Read(buf[n:])
		n += k
	}
	if n == len(buf) {
		return n, nil
	}
	return n, err
}

func header(r io.Reader, buf []byte) error {
	_, err := fill(r, buf)
	return ended(err)
}

func skip(r io.Reader, n int64) error {
	_, err := io.CopyN(io.Discard, r, n)
	return ended(err)
}

// ended turns the end of a file within its header into ErrFormat.
func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: it ends before its sound", ErrFormat)
	}
	return err
}

// wavHeader is that of a stereo file with so many samples on each side. Lengths that don't fit into the format are
// written as the largest that do, as players expect of streams.
func wavHeader(rate int, frames int64) []byte {
	data := min(frames*stereo*bytesPer, math.MaxUint32-headerSize)
	h := make([]byte, 0, headerSize)
	le := binary.LittleEndian
	h = append(h, "RIFF"...)
	h = le.AppendUint32(h, uint32(headerSize-8+data)) //nolint:gosec // limited above
	h = append(h, "WAVEfmt "...)
	h = le.AppendUint32(h, fmtSize)
	h = le.AppendUint16(h, formatPCM)
	h = le.AppendUint16(h, stereo)
	h = le.AppendUint32(h, uint32(rate))                 //nolint:gosec // 8000 or 16000
	h = le.AppendUint32(h, uint32(rate*stereo*bytesPer)) //nolint:gosec // as above
	h = le.AppendUint16(h, stereo*bytesPer)
	h = le.AppendUint16(h, 8*bytesPer)
	h = append(h, "data"...)
	return le.AppendUint32(h, uint32(data)) //nolint:gosec // limited above
}
