package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

var (
	errNotUTF8  = errors.New("not valid UTF-8")
	errTrailing = errors.New("something follows the value")
)

// decodeJSON reads a request body and says where it is wrong. A name given twice is refused: which of the two
// counts would depend on the reader (RFC 8259, section 4).
func decodeJSON(data []byte, v any) error {
	if generic, ok := v.(*any); ok {
		return decodeAny(data, generic)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("invalid JSON: %w", err)
	}
	return nil
}

func decodeAny(data []byte, v *any) error {
	if !utf8.Valid(data) {
		return fmt.Errorf("invalid JSON: %w", errNotUTF8)
	}
	if err := json.Unmarshal(data, v); err != nil {
		offset := int64(len(data))
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			offset = syntax.Offset
		}
		return fmt.Errorf("invalid JSON at %s: %w", position(data, offset), err)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	if err := uniqueNames(decoder); err != nil {
		return fmt.Errorf("invalid JSON at %s: %w", position(data, decoder.InputOffset()), err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("invalid JSON at %s: %w", position(data, decoder.InputOffset()), errTrailing)
	}
	return nil
}

// duplicateError is a name that an object has twice, with or without regard to case.
type duplicateError struct{ name string }

func (e *duplicateError) Error() string { return fmt.Sprintf("the name %q is given twice", e.name) }

// uniqueNames reads one value.
func uniqueNames(d *json.Decoder) error {
	first, err := d.Token()
	if err != nil {
		return err
	}
	open, ok := first.(json.Delim)
	if !ok {
		return nil
	}
	seen := map[string]bool{}
	for d.More() {
		if open == '{' {
			key, keyErr := d.Token()
			if keyErr != nil {
				return keyErr
			}
			name, _ := key.(string)
			if seen[strings.ToLower(name)] {
				return &duplicateError{name: name}
			}
			seen[strings.ToLower(name)] = true
		}
		if err = uniqueNames(d); err != nil {
			return err
		}
	}
	_, err = d.Token() // the closing delimiter
	return err
}

// position counts lines and columns (in bytes) from 1; offset is that of the byte after the bad one.
func position(data []byte, offset int64) string {
	before := data[:min(max(offset-1, 0), int64(len(data)))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - (bytes.LastIndexByte(before, '\n') + 1) + 1
	return fmt.Sprintf("line %d, column %d", line, column)
}

func indent(text []byte) ([]byte, error) {
	var out bytes.Buffer
	if err := json.Indent(&out, text, "", "  "); err != nil {
		return nil, fmt.Errorf("indent JSON: %w", err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}
