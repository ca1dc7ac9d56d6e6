package numbering_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sidecar/config"
	"sidecar/internal/numbering"
)

func bare(t require.TestingT, class config.DialClass) *numbering.Plan {
	cfg := config.Default()
	cfg.DNs = nil
	cfg.DialRules = config.DialRules{Classes: map[string]config.DialClass{"default": class}}
	cfg.Trunks = []config.Trunk{{Name: "carrier"}}
	p, err := numbering.New(cfg, nil)
	require.NoError(t, err)
	return p
}

// Marks between digits carry no meaning: with or without them, and once more, a number is the same.
func TestNormaliseIsIdempotentAndBlindToMarks(t *testing.T) {
	t.Parallel()
	p := bare(t, config.DialClass{})
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.StringMatching(`\+?[1-9][0-9*#]{0,30}`).Draw(t, "number")
		var marked strings.Builder
		for _, digit := range number {
			marked.WriteString(rapid.StringMatching(`[ ()./-]{0,2}`).Draw(t, "mark"))
			marked.WriteRune(digit)
		}
		once, err := p.Normalise(marked.String())
		require.NoError(t, err)
		require.Equal(t, number, once)
		twice, err := p.Normalise(once)
		require.NoError(t, err)
		require.Equal(t, once, twice)
	})
}

// Nothing but digits, * and # with one + in front ever reaches a trunk, whatever somebody dials.
func TestDialSendsNothingButNumbers(t *testing.T) {
	t.Parallel()
	p := bare(t, config.DialClass{Allow: []string{"*", "*1", "#1"}})
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.OneOf(rapid.String(), rapid.StringMatching(`[0-9+*#@&;,$ -]{0,12}`)).Draw(t, "number")
		target, err := p.Dial("default", "", number)
		if err != nil {
			require.ErrorIs(t, err, numbering.ErrRefused)
			return
		}
		require.Regexp(t, `^\+?[0-9*#]{1,32}$`, target.Number)
	})
}

// The longest matching prefix of both lists decides, and deny wins when both have it.
func TestDialFollowsTheLongestPrefix(t *testing.T) {
	t.Parallel()
	prefix := rapid.StringMatching(`[12]{1,4}`)
	rapid.Check(t, func(t *rapid.T) {
		class := config.DialClass{
			Allow: rapid.SliceOfN(prefix, 0, 5).Draw(t, "allow"),
			Deny:  rapid.SliceOfN(prefix, 0, 5).Draw(t, "deny"),
		}
		number := rapid.StringMatching(`[12]{1,6}`).Draw(t, "number")
		_, err := bare(t, class).Dial("default", "", number)
		require.Equal(t, expected(class, number), err == nil)
	})
}

// expected asks for ever shorter starts of the number, as somebody would who reads the lists.
func expected(class config.DialClass, number string) bool {
	for length := len(number); length > 0; length-- {
		start := number[:length]
		if slices.Contains(class.Deny, start) {
			return false
		}
		if slices.Contains(class.Allow, start) {
			return true
		}
	}
	return false
}
