package userdata_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/userdata"
)

func text(key, value string) userdata.Pair {
	return userdata.Pair{Key: key, Value: userdata.Text(value)}
}

func TestAttachAddsAlsoUnderKeysThatAreThere(t *testing.T) {
	t.Parallel()
	before := userdata.Data{text("a", "1"), text("b", "2")}
	after, err := before.Attach(userdata.Data{text("a", "3")})
	require.NoError(t, err)
	require.Equal(t, userdata.Data{text("a", "1"), text("b", "2"), text("a", "3")}, after)
	value, found := after.Get("a")
	require.True(t, found)
	require.Equal(t, "3", value.String(), "the last one counts")
	_, found = after.Get("c")
	require.False(t, found)
	require.Equal(t, userdata.Data{text("a", "1"), text("b", "2")}, before)
}

func TestUpdateReplacesInPlaceOrAdds(t *testing.T) {
	t.Parallel()
	before := userdata.Data{text("a", "1"), text("b", "2"), text("a", "3"), text("c", "4"), text("a", "5")}
	after, err := before.Update(userdata.Data{{Key: "a", Value: userdata.Int(7)}, text("d", "8"), text("d", "9")})
	require.NoError(t, err)
	require.Equal(t, userdata.Data{{Key: "a", Value: userdata.Int(7)}, text("b", "2"), text("c", "4"), text("d", "9")}, after)
	require.Len(t, before, 5, "what was there is as it was")
	require.Equal(t, text("c", "4"), before[3])
}

func TestDelete(t *testing.T) {
	t.Parallel()
	d := userdata.Data{text("a", "1"), text("b", "2"), text("a", "3")}
	require.Equal(t, userdata.Data{text("b", "2")}, d.Delete("a", "none"))
	require.Empty(t, d.Delete())
	require.Len(t, d, 3)
}

func TestCloneSharesNothing(t *testing.T) {
	t.Parallel()
	inner := userdata.Data{text("k", "v")}
	d := userdata.Data{{Key: "l", Value: userdata.List(inner)}}
	inner[0] = text("k", "changed")
	c := d.Clone()
	list := d[0].Value.List()
	list[0] = text("k", "changed")
	require.True(t, c.Equal(d))
	require.Equal(t, "v", c[0].Value.List()[0].Value.String())
	require.Nil(t, userdata.Data{}.Clone())
}

func TestEqual(t *testing.T) {
	t.Parallel()
	d := userdata.Data{text("a", "1"), {Key: "l", Value: userdata.List(userdata.Data{{Key: "n", Value: userdata.Int(1)}})}}
	require.True(t, d.Equal(d.Clone()))
	for name, other := range map[string]userdata.Data{
		"shorter": d[:1], "order": {d[1], d[0]}, "key": {text("b", "1"), d[1]}, "value": {text("a", "2"), d[1]},
		"kind":   {{Key: "a", Value: userdata.Int(1)}, d[1]},
		"nested": {d[0], {Key: "l", Value: userdata.List(userdata.Data{{Key: "n", Value: userdata.Int(2)}})}},
	} {
		require.False(t, d.Equal(other), name)
	}
	require.True(t, userdata.Data(nil).Equal(userdata.Data{}))
}

func TestFromMap(t *testing.T) {
	t.Parallel()
	require.Equal(t, userdata.Data{text("a", "1"), text("b", "2")}, userdata.FromMap(map[string]string{"b": "2", "a": "1"}))
	require.Nil(t, userdata.FromMap(nil))
}

func nested(depth int) userdata.Data {
	d := userdata.Data{text("k", "v")}
	for range depth - 1 {
		d = userdata.Data{{Key: "k", Value: userdata.List(d)}}
	}
	return d
}

func many(n int) userdata.Data {
	var d userdata.Data
	for i := range n {
		d = append(d, text(fmt.Sprintf("k%d", i), "v"))
	}
	return d
}

func TestLimits(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]userdata.Data{
		"pairs": many(userdata.MaxPairs), "key": {text(strings.Repeat("k", userdata.MaxKey), "")},
		"bytes": {text("k", strings.Repeat("v", userdata.MaxBytes-1))}, "depth": nested(userdata.MaxDepth), "none": nil,
	} {
		require.NoError(t, d.Check(), name)
	}
	halfList := userdata.List(many(userdata.MaxPairs / 2))
	for _, c := range []struct {
		d         userdata.Data
		key, rule string
	}{
		{many(userdata.MaxPairs + 1), "", "has 501 pairs: at most 500 are allowed"},
		{userdata.Data{{Key: "a", Value: halfList}, {Key: "b", Value: halfList}}, "", "has 502 pairs: at most 500 are allowed"},
		{userdata.Data{text("k", strings.Repeat("v", userdata.MaxBytes))}, "", "has 65537 bytes: at most 65536 are allowed"},
		{userdata.Data{text(strings.Repeat("k", 129), "")}, strings.Repeat("k", 40) + "...", "has a key of 129 bytes: at most 128 are allowed"},
		{nested(userdata.MaxDepth + 1), "k.k.k.k.k.k.k.k", "nests lists more than 8 deep"},
		{userdata.Data{{Key: "a", Value: userdata.List(userdata.Data{text("", "v")})}}, "a.", "has an empty key"},
		{userdata.Data{text("a", "\xff")}, "a", "has a text that is not valid UTF-8"},
		{userdata.Data{text("a\xff", "")}, "a\xff", "has a key that is not valid UTF-8"},
	} {
		var limit *userdata.Error
		require.ErrorAs(t, c.d.Check(), &limit)
		require.Equal(t, userdata.Error{Key: c.key, Rule: c.rule}, *limit)
		_, err := userdata.Data{}.Attach(c.d)
		require.ErrorAs(t, err, &limit, "attached as a whole or not at all")
		_, err = userdata.Data{}.Update(c.d)
		if c.rule != "has 502 pairs: at most 500 are allowed" {
			require.Error(t, err)
		}
		require.Contains(t, limit.Error(), c.rule)
	}
}

// formCase is data with its two forms in JSON.
type formCase struct{ pairs, object string }

func formCases() []formCase {
	return []formCase{
		{`[]`, `{}`},
		{`[{"key":"z","type":"str","value":"x"},{"key":"a","type":"int","value":-9223372036854775808}]`, `{"z":"x","a":-9223372036854775808}`},
		{`[{"key":"l","type":"kvlist","value":[{"key":"k","type":"kvlist","value":[]}]}]`, `{"l":{"k":{}}}`},
		{`[{"key":"quo\"te","type":"str","value":"ä\n"}]`, `{"quo\"te":"ä\n"}`},
	}
}

func TestForms(t *testing.T) {
	t.Parallel()
	for _, c := range formCases() {
		for _, form := range []string{c.pairs, c.object} {
			var d userdata.Data
			require.NoError(t, json.Unmarshal([]byte(form), &d), form)
			pairs, err := json.Marshal(d)
			require.NoError(t, err)
			require.Equal(t, c.pairs, string(pairs), "in order")
			object, err := json.Marshal(userdata.Object(d))
			require.NoError(t, err)
			require.Equal(t, c.object, string(object))
		}
	}
}

func TestObjectHasEachKeyOnce(t *testing.T) {
	t.Parallel()
	d := userdata.Data{text("a", "1"), text("b", "2"), text("a", "3")}
	object, err := json.Marshal(userdata.Object(d))
	require.NoError(t, err)
	require.Equal(t, `{"a":"3","b":"2"}`, string(object))
	pairs, err := json.Marshal(d)
	require.NoError(t, err)
	var back userdata.Data
	require.NoError(t, json.Unmarshal(pairs, &back))
	require.True(t, back.Equal(d), "pairs lose nothing: a restart finds what was attached")
}

// What the journal of an earlier version holds, and what has no data.
func TestReadsTexts(t *testing.T) {
	t.Parallel()
	var d userdata.Data
	require.NoError(t, json.Unmarshal([]byte(`{"CustomerSegment":"Gold"}`), &d))
	require.Equal(t, userdata.Data{text("CustomerSegment", "Gold")}, d)
	require.NoError(t, json.Unmarshal([]byte(`null`), &d))
	require.Nil(t, d)
	var o userdata.Object
	require.NoError(t, json.Unmarshal([]byte(`{"a":"x"}`), &o))
	require.Equal(t, userdata.Object{text("a", "x")}, o)
}

func refusals() map[string]string {
	return map[string]string{
		`"x"`:                                    `user data must be an object or an array of pairs with key, type and value`,
		`{"a":1.5}`:                              `user data "a" must be a whole number of 64 bits`,
		`{"a":1e2}`:                              `user data "a" must be a whole number of 64 bits`,
		`{"a":true}`:                             `user data "a" must be a text, a whole number or a list`,
		`{"a":{"b":null}}`:                       `user data "a.b" must be a text, a whole number or a list`,
		`{"a":1,"a":2}`:                          `user data "a" is given twice`,
		`{"":1}`:                                 `user data has an empty key`,
		`[1]`:                                    `user data must be an array of pairs with key, type and value`,
		`[{"key":"a"}]`:                          `user data "a" must have a key and a value`,
		`[{"value":"a"}]`:                        `user data must have a key and a value`,
		`[{"key":1,"value":2}]`:                  `user data key must be a text`,
		`[{"key":"a","type":5,"value":2}]`:       `user data "a" type must be a text`,
		`[{"key":"a","type":"int","value":"1"}]`: `user data "a" must have the type str, which its value is`,
		`[{"key":"a","typ":"int","value":1}]`:    `user data "a" is a pair of key, type and value, and has another member`,
		`[{"key":"a","key":"b","value":1}]`:      `user data "a" has the member "key" twice`,
		strings.Repeat(`{"k":`, 9) + `1` + strings.Repeat(`}`, 9): `user data "k.k.k.k.k.k.k.k" nests lists more than 8 deep`,
	}
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	for body, want := range refusals() {
		d := userdata.Data{text("before", "x")}
		err := json.Unmarshal([]byte(body), &d)
		require.EqualError(t, err, want, body)
		require.Equal(t, userdata.Data{text("before", "x")}, d, "nothing is half read")
	}
	for _, body := range []string{``, `{`, `{"a"`, `{"a":`, `[{"key":`, `[{"key":"a","value":1}`, `{} {}`} {
		var d userdata.Data
		require.Error(t, d.UnmarshalJSON([]byte(body)), body)
	}
}

// What is read can be written and read again; reading never panics, and never lets a limit pass.
func FuzzUnmarshal(f *testing.F) {
	for _, c := range formCases() {
		f.Add([]byte(c.pairs))
		f.Add([]byte(c.object))
	}
	for body := range refusals() {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var d userdata.Data
		if d.UnmarshalJSON(body) != nil {
			return
		}
		require.NoError(t, d.Check())
		pairs, err := json.Marshal(d)
		require.NoError(t, err)
		var back userdata.Data
		require.NoError(t, back.UnmarshalJSON(pairs))
		require.True(t, back.Equal(d))
		object, err := json.Marshal(userdata.Object(d))
		require.NoError(t, err)
		require.NoError(t, back.UnmarshalJSON(object))
		require.True(t, json.Valid(object))
	})
}
