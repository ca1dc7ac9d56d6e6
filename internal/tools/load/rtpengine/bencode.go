package rtpengine

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// maxDepth bounds what a peer may nest.
const maxDepth = 16

var errBencode = errors.New("bad bencode")

// encode writes a string, an int, a []any or a map[string]any; anything else is a fault of the caller and becomes its text.
func encode(b *bytes.Buffer, value any) {
	switch v := value.(type) {
	case int:
		fmt.Fprintf(b, "i%de", v)
	case []any:
		b.WriteByte('l')
		for _, item := range v {
			encode(b, item)
		}
		b.WriteByte('e')
	case map[string]any:
		b.WriteByte('d')
		for _, key := range slices.Sorted(maps.Keys(v)) {
			encode(b, key)
			encode(b, v[key])
		}
		b.WriteByte('e')
	default:
		text := fmt.Sprint(v)
		fmt.Fprintf(b, "%d:%s", len(text), text)
	}
}

// decode reads one value and returns the rest.
func decode(data []byte, depth int) (value any, rest []byte, err error) {
	if len(data) == 0 || depth > maxDepth {
		return nil, nil, fmt.Errorf("%w: it ends early or is too deep", errBencode)
	}
	switch data[0] {
	case 'i':
		text, after, ok := bytes.Cut(data[1:], []byte{'e'})
		n, errInt := strconv.Atoi(string(text))
		if !ok || errInt != nil {
			return nil, nil, fmt.Errorf("%w: integer %q", errBencode, text)
		}
		return n, after, nil
	case 'l':
		return decodeList(data[1:], depth)
	case 'd':
		return decodeDict(data[1:], depth)
	}
	size, rest, ok := bytes.Cut(data, []byte{':'})
	n, errInt := strconv.Atoi(string(size))
	if !ok || errInt != nil || n < 0 || n > len(rest) {
		return nil, nil, fmt.Errorf("%w: string of %.8q", errBencode, size)
	}
	return string(rest[:n]), rest[n:], nil
}

func decodeList(data []byte, depth int) (list []any, rest []byte, err error) {
	for len(data) > 0 && data[0] != 'e' {
		var item any
		if item, data, err = decode(data, depth+1); err != nil {
			return nil, nil, err
		}
		list = append(list, item)
	}
	if len(data) == 0 {
		return nil, nil, fmt.Errorf("%w: a list or dictionary has no end", errBencode)
	}
	return list, data[1:], nil
}

func decodeDict(data []byte, depth int) (dict map[string]any, rest []byte, err error) {
	list, rest, err := decodeList(data, depth)
	if err != nil {
		return nil, nil, err
	}
	dict = make(map[string]any, len(list)/2)
	for i := 0; i+1 < len(list); i += 2 {
		key, ok := list[i].(string)
		if !ok {
			return nil, nil, fmt.Errorf("%w: a key is no string", errBencode)
		}
		dict[key] = list[i+1]
	}
	return dict, rest, nil
}
