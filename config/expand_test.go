package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/config"
)

func TestExpandDNsOfTheDefault(t *testing.T) {
	t.Parallel()
	dns, err := config.Default().ExpandDNs()
	require.NoError(t, err)
	require.Len(t, dns, 20)
	require.Equal(t, config.DN{Number: "5001", DNSettings: config.DNSettings{
		Owner: "sidecar", Password: "random", CallerID: "Agent 5001", CallerIDs: []string{}, Context: "from-agents",
		Codecs: []string{"ulaw", "alaw"}, Class: "default", MaxCalls: 2, Upstream: "asterisk",
	}}, dns[0])
	require.Equal(t, "5020", dns[19].Number)
}

func TestExpandDNsLaysOverrideOverGroupOverDefaults(t *testing.T) {
	t.Parallel()
	cfg := &config.Config{DNs: []config.DNGroup{
		{Numbers: []string{"5002", "0099-0101"}},
		{
			Numbers:    []string{"999", "5000-5001"},
			DNSettings: config.DNSettings{Owner: "phone", CallerID: "Desk {dn}", Codecs: []string{"g722"}},
			Overrides:  map[string]config.DNSettings{"5001": {Class: "night", CallerID: "Boss"}},
		},
	}}
	dns, err := cfg.ExpandDNs()
	require.NoError(t, err)
	numbers := make([]string, 0, len(dns))
	byNumber := map[string]config.DN{}
	for _, dn := range dns {
		numbers = append(numbers, dn.Number)
		byNumber[dn.Number] = dn
	}
	require.Equal(t, []string{"999", "0099", "0100", "0101", "5000", "5001", "5002"}, numbers)
	require.Equal(t, "Desk 5000", byNumber["5000"].CallerID)
	require.Equal(t, "Boss", byNumber["5001"].CallerID)
	require.Equal(t, "night", byNumber["5001"].Class)
	require.Equal(t, "phone", byNumber["5001"].Owner)
	require.Equal(t, []string{"g722"}, byNumber["5001"].Codecs)
	require.Equal(t, "sidecar", byNumber["5002"].Owner)
	require.Equal(t, "default", byNumber["5000"].Class)
}

func TestExpandedDNsShareNothing(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	dns, err := cfg.ExpandDNs()
	require.NoError(t, err)
	dns[0].Codecs[0] = "opus"
	require.Equal(t, "ulaw", dns[1].Codecs[0])
	require.Equal(t, "ulaw", cfg.DNs[0].Codecs[0])
}

func TestExpandDNsRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		groups []config.DNGroup
		want   string
	}{
		"range backwards": {
			[]config.DNGroup{{Numbers: []string{"5020-5001"}}},
			`dns[0].numbers[0]: "5020-5001": a range goes from the lower to the higher number: write 5001-5020`,
		},
		"letters": {
			[]config.DNGroup{{Numbers: []string{"5001", "50a1"}}},
			`dns[0].numbers[1]: "50a1": not a DN: write 1 to 15 digits, or a range such as 5001-5020`,
		},
		"open range": {
			[]config.DNGroup{{Numbers: []string{"5001-"}}},
			`dns[0].numbers[0]: "5001-": not a DN: write 1 to 15 digits, or a range such as 5001-5020`,
		},
		"widths differ": {
			[]config.DNGroup{{Numbers: []string{"99-101"}}},
			`dns[0].numbers[0]: "99-101": both ends of a range need the same number of digits, such as 0099-0101`,
		},
		"too many in a range": {
			[]config.DNGroup{{Numbers: []string{"100000000000000-999999999999999"}}},
			`dns[0].numbers[0]: "100000000000000-999999999999999": at most 100000 DNs are possible`,
		},
		"one too many in a range": {
			[]config.DNGroup{{Numbers: []string{"100000-200000"}}},
			`dns[0].numbers[0]: "100000-200000": at most 100000 DNs are possible`,
		},
		"too many together": {
			[]config.DNGroup{{Numbers: []string{"100000-199999", "5001"}}},
			`dns[0].numbers[1]: "5001": at most 100000 DNs are possible`,
		},
		"duplicate": {
			[]config.DNGroup{{Numbers: []string{"5001-5020"}}, {Numbers: []string{"4000", "5010"}}},
			`dns[1].numbers[1]: "5010": duplicate DN, already in dns[0].numbers[0]: a DN may be written once`,
		},
		"duplicate ranges": {
			[]config.DNGroup{{Numbers: []string{"5001-5020", "5015-5030"}}},
			`dns[0].numbers[1]: "5015-5020": duplicate DN, already in dns[0].numbers[0]: a DN may be written once`,
		},
		"override of a stranger": {
			[]config.DNGroup{{Numbers: []string{"5001"}, Overrides: map[string]config.DNSettings{"5002": {}}}},
			`dns[0].overrides.5002: an override must name a DN of its own group's numbers`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := (&config.Config{DNs: tt.groups}).ExpandDNs()
			require.EqualError(t, err, tt.want)
			require.ErrorIs(t, err, config.ErrInvalid)
		})
	}
}

func BenchmarkExpandDNs(b *testing.B) {
	cfg := &config.Config{DNs: []config.DNGroup{{Numbers: []string{"10000-19999"}}}}
	for b.Loop() {
		if _, err := cfg.ExpandDNs(); err != nil {
			b.Fatal(err)
		}
	}
}
