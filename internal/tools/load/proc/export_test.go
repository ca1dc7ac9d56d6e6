package proc

// The parsers, for tests with text that no live process would give.
var (
	ParseStat       = parseStat
	ParseBusy       = parseBusy
	ParseRSS        = parseRSS
	ParseGoroutines = parseGoroutines
	SumDrops        = sumDrops
)
