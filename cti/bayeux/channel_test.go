package bayeux_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sidecar/cti/bayeux"
)

type wildcardCase struct {
	pattern, channel string
	covers           bool
}

func wildcardCases() []wildcardCase {
	return []wildcardCase{
		{"/a/*", "/a/b", true},
		{"/a/*", "/a", false},
		{"/a/*", "/a/b/c", false},
		{"/a/*", "/ab/c", false},
		{"/a/**", "/a/b", true},
		{"/a/**", "/a/b/c", true},
		{"/a/**", "/a/b/c/d", true},
		{"/a/**", "/a", false},
		{"/a/**", "/ab/c", false},
		{"/a", "/a", true},
		{"/a", "/a/b", false},
		{"/a/b", "/a", false},
		{"/*", "/a", true},
		{"/*", "/a/b", false},
	}
}

func TestCovers(t *testing.T) {
	t.Parallel()
	for _, tc := range append(wildcardCases(),
		wildcardCase{"/**", "/a/b", true},
		wildcardCase{"/**", "/a/**", true},
		wildcardCase{"/a/**", "/a/*", true},
		wildcardCase{"/a/**", "/**", false},
		wildcardCase{"/a/*", "/a/**", false},
		wildcardCase{"/a/*", "/a/b/*", false},
		wildcardCase{"/a/**", "/a/**", true},
	) {
		require.Equal(t, tc.covers, bayeux.Covers(tc.pattern, tc.channel), "%s over %s", tc.pattern, tc.channel)
	}
}

// TestCoversAgreesWithTheIndex: asking a pattern about a channel and looking up a channel's patterns are two ways to
// the same answer.
func TestCoversAgreesWithTheIndex(t *testing.T) {
	t.Parallel()
	segments := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "ab"}), 1, 4)
	rapid.Check(t, func(t *rapid.T) {
		channel := "/" + strings.Join(segments.Draw(t, "channel"), "/")
		pattern := "/" + strings.Join(segments.Draw(t, "pattern"), "/") + rapid.SampledFrom([]string{"", "/*", "/**"}).Draw(t, "wild")
		if bayeux.Covers(pattern, channel) != slices.Contains(bayeux.PatternsOver(channel), pattern) {
			t.Fatalf("%s over %s", pattern, channel)
		}
	})
}

func TestValidChannel(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"/a": true, "/user/agent/events": true, "/a-b_c!d~e(f)g$h@i": true, "/a b.c": true,
		"": false, "/": false, "a": false, "/a/": false, "//a": false, "/a/*": false, "/a/**": false, "/meta/x": false,
		"/meta": false, "/service/x": false, "/a\n": false, "/metal": true, "/é": false,
	} {
		require.Equal(t, want, bayeux.ValidChannel(name), "%q", name)
	}
	require.True(t, bayeux.IsWild("/a/*"))
	require.False(t, bayeux.IsWild("/a"))
}
