package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"sidecar/config"
)

var (
	errColumn       = errors.New("unknown column")
	errColumnTwice  = errors.New("the column is there twice")
	errNumberColumn = errors.New("the column number is missing")
	errNoNumber     = errors.New("the number is empty")
	errMaxCalls     = errors.New("max_calls must be from 1 to " + strconv.Itoa(mostCalls))
	errIncrement    = errors.New("must be true or false")
	errJSONList     = errors.New("must be one list of objects")
)

// mostCalls is the rule of max_calls in the configuration, where a 0 is refused as well.
const mostCalls = 1000

func checkMaxCalls(n int) error {
	if n < 1 || n > mostCalls {
		return fmt.Errorf("%d: %w", n, errMaxCalls)
	}
	return nil
}

func parseMaxCalls(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("%q: %w", text, errMaxCalls)
	}
	return n, checkMaxCalls(n)
}

func readRows(r io.Reader, format string) ([]dnRow, error) {
	// Spreadsheets put a byte order mark before their UTF-8.
	in := bufio.NewReader(r)
	const mark = "\ufeff"
	if head, err := in.Peek(len(mark)); err == nil && string(head) == mark {
		_, _ = in.Discard(len(mark)) // they are there
	}
	switch format {
	case formatCSV:
		return readCSV(in)
	case formatJSON:
		return readJSON(in)
	default:
		return nil, fmt.Errorf("%q: %w", format, errFormat)
	}
}

func readCSV(r io.Reader) ([]dnRow, error) {
	in := csv.NewReader(r)
	head, err := in.Read()
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("not a CSV table: %w", err)
	}
	if err = checkHead(head); err != nil {
		return nil, fmt.Errorf("line 1: %w", err)
	}
	var rows []dnRow
	for {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, fmt.Errorf("not a CSV table: %w", err)
		}
		// A quoted value may hold a line break, so counting the records won't do.
		line, _ := in.FieldPos(0)
		row := dnRow{at: "line " + strconv.Itoa(line)}
		for j, name := range head {
			if err := row.set(name, record[j]); err != nil {
				return nil, fmt.Errorf("%s: %w", row.at, err)
			}
		}
		if row.Number == "" {
			return nil, fmt.Errorf("%s: %w", row.at, errNoNumber)
		}
		rows = append(rows, row)
	}
}

func checkHead(head []string) error {
	known := append(columns(), "increment")
	for i, name := range head {
		if !slices.Contains(known, name) {
			return fmt.Errorf("%q: %w: there are %s", name, errColumn, strings.Join(known, ", "))
		}
		if slices.Contains(head[:i], name) {
			return fmt.Errorf("%q: %w", name, errColumnTwice)
		}
	}
	if !slices.Contains(head, "number") {
		return errNumberColumn
	}
	return nil
}

func readJSON(r io.Reader) ([]dnRow, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read the list: %w", err)
	}
	var list []json.RawMessage
	if err = json.Unmarshal(text, &list); err != nil {
		if _, other := errors.AsType[*json.UnmarshalTypeError](err); other {
			return nil, fmt.Errorf("not a JSON list of DNs: %w", errJSONList)
		}
		return nil, fmt.Errorf("not a JSON list of DNs: %w", err)
	}
	rows := make([]dnRow, len(list))
	for i, entry := range list {
		at := "entry " + strconv.Itoa(i+1)
		if rows[i], err = readEntry(entry); err != nil {
			return nil, fmt.Errorf("%s: %w", at, err)
		}
		rows[i].at = at
	}
	return rows, nil
}

func readEntry(text []byte) (dnRow, error) {
	// A max_calls of 0 must not pass for one that is not there.
	given := struct {
		dnRow

		MaxCalls *int `json:"max_calls"`
	}{}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&given)
	if mismatch, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return dnRow{}, fmt.Errorf("%w", typeError(mismatch))
	}
	if err != nil {
		return dnRow{}, fmt.Errorf("not a DN: %w", err)
	}
	row := given.dnRow
	if row.Number == "" {
		return dnRow{}, errNoNumber
	}
	if given.MaxCalls != nil {
		row.MaxCalls = *given.MaxCalls
		return row, checkMaxCalls(row.MaxCalls)
	}
	return row, nil
}

// typeError says in the words of JSON what the decoder says in those of Go.
func typeError(e *json.UnmarshalTypeError) error {
	field := e.Field[strings.LastIndexByte(e.Field, '.')+1:]
	if field == "" {
		return fmt.Errorf("%w: a %s stands among them", errJSONList, e.Value)
	}
	want := map[string]string{"int": "a whole number", "bool": "true or false", "string": "a text in quotes"}[e.Type.Kind().String()]
	if field == "codecs" {
		want = `a list such as ["alaw", "ulaw"]`
	}
	return &config.ValidationError{Problems: []config.Problem{{Key: field, Rule: "must be " + want + ", not a JSON " + e.Value}}}
}

func (r *dnRow) set(column, value string) (err error) {
	switch column {
	case "number":
		r.Number = value
	case "owner":
		r.Owner = value
	case "upstream":
		r.Upstream = value
	case "context":
		r.Context = value
	case "class":
		r.Class = value
	case "fallback":
		r.Fallback = value
	case "caller_id":
		r.CallerID = value
	case "codecs":
		r.Codecs = strings.Fields(value)
	case "password":
		r.Password = value
	case "max_calls":
		if value != "" {
			r.MaxCalls, err = parseMaxCalls(value)
		}
	case "increment":
		if value != "" {
			if r.Increment, err = strconv.ParseBool(value); err != nil {
				err = fmt.Errorf("%q: %w", value, errIncrement)
			}
		}
	}
	if err != nil {
		return fmt.Errorf("column %s: %w", column, err)
	}
	return nil
}
