package config

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// field is a setting of a section, under the name that files use.
type field struct {
	name  string
	index []int
	typ   reflect.Type
}

// fieldsOf lists the settings of a section type in the order of its declaration; squashed sections are laid flat.
func fieldsOf(t reflect.Type) []field {
	fields := make([]field, 0, t.NumField())
	for i := range t.NumField() {
		f := t.Field(i)
		name, option, _ := strings.Cut(f.Tag.Get("mapstructure"), ",")
		if option == "squash" {
			for _, inner := range fieldsOf(f.Type) {
				inner.index = append([]int{i}, inner.index...)
				fields = append(fields, inner)
			}
			continue
		}
		fields = append(fields, field{name: name, index: []int{i}, typ: f.Type})
	}
	return fields
}

func fieldNamed(t reflect.Type, name string) (field, bool) {
	for _, f := range fieldsOf(t) {
		if f.name == name {
			return f, true
		}
	}
	return field{}, false
}

func fieldNames(t reflect.Type) []string {
	fields := fieldsOf(t)
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	return names
}

// isSection tells a group of settings from a single value: a Target is a struct, but one value in the file.
func isSection(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t != reflect.TypeFor[Target]()
}

func isSecret(t reflect.Type) bool { return t == reflect.TypeFor[Secret]() }

// startValue is what an element of a list, or an entry of a named map, holds before its settings are read.
func startValue(t reflect.Type) reflect.Value {
	v := reflect.New(t).Elem()
	switch t {
	case reflect.TypeFor[Asterisk]():
		v.Set(reflect.ValueOf(defaultAsterisk()))
	case reflect.TypeFor[AutoRecord]():
		v.Set(reflect.ValueOf(defaultAutoRecord()))
	case reflect.TypeFor[Trunk]():
		v.Set(reflect.ValueOf(defaultTrunk()))
	case reflect.TypeFor[Queue]():
		v.Set(reflect.ValueOf(DefaultQueue()))
	}
	return v
}

var (
	errDuration = errors.New("not a duration: write for example 500ms, 5s or 2m")
	errInteger  = errors.New("not a whole number")
	errBool     = errors.New("must be true or false")
	errShape    = errors.New("a single value can't stand here")
)

// setText puts one written value into a setting.
func setText(dst reflect.Value, text string) error {
	switch {
	case dst.Type() == reflect.TypeFor[Target]():
		target, err := ParseTarget(text)
		if err != nil {
			return ErrTarget
		}
		dst.Set(reflect.ValueOf(target))
	case dst.Type() == reflect.TypeFor[time.Duration]():
		d, err := time.ParseDuration(text)
		if err != nil {
			return errDuration
		}
		dst.SetInt(int64(d))
	case dst.Kind() == reflect.Int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return errInteger
		}
		dst.SetInt(int64(n))
	case dst.Kind() == reflect.Bool:
		if text != "true" && text != "false" {
			return errBool
		}
		dst.SetBool(text == "true")
	case dst.Kind() == reflect.String:
		dst.SetString(text)
	default:
		return fmt.Errorf("%s: %w", dst.Type(), errShape)
	}
	return nil
}

// join writes the path of a setting below a section.
func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func indexed(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }
