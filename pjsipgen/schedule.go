package pjsipgen

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

func (b *builder) schedules() []Schedule {
	schedules := make([]Schedule, 0, len(b.cfg.Schedules))
	for _, name := range slices.Sorted(maps.Keys(b.cfg.Schedules)) {
		s := b.cfg.Schedules[name]
		field := "schedules." + name
		b.check.name(field, name)
		b.check.of(nameChars+"/+", field+".timezone", s.Timezone, "must be an IANA name such as Europe/Berlin")
		if _, err := time.LoadLocation(s.Timezone); err != nil {
			b.check.refuse(field+".timezone", s.Timezone, "must be an IANA name such as Europe/Berlin")
		}
		out := Schedule{Name: name, Timezone: s.Timezone, Holidays: s.Holidays}
		for i, day := range s.Holidays {
			if _, err := time.Parse(time.DateOnly, day); err != nil {
				b.check.refuse(fmt.Sprintf("%s.holidays[%d]", field, i), day, "must be a date such as 2026-12-25")
			}
		}
		for i, text := range s.Weekly {
			hours, ok := parseHours(text, s.Timezone)
			if !ok {
				b.check.refuse(fmt.Sprintf("%s.weekly[%d]", field, i), text, "must be days and times such as mon-fri 08:00-18:00")
			}
			out.Hours = append(out.Hours, hours...)
		}
		schedules = append(schedules, out)
	}
	return schedules
}

// parseHours reads "mon-fri 08:00-18:00". A time of GotoIfTime includes its last minute, one of the configuration does
// not, so 18:00 becomes 17:59. Hours over midnight become two ranges.
func parseHours(text, zone string) ([]Hours, bool) {
	days, times, ok := strings.Cut(text, " ")
	if !ok {
		return nil, false
	}
	firstDay, lastDay, _ := strings.Cut(days, "-")
	if lastDay == "" {
		lastDay = firstDay
	}
	first, last := dayIndex(firstDay), dayIndex(lastDay)
	fromText, toText, _ := strings.Cut(times, "-")
	from, okFrom := minuteOf(fromText)
	to, okTo := minuteOf(toText)
	if first < 0 || last < 0 || !okFrom || !okTo || from == to || from == 24*60 {
		return nil, false
	}
	if from < to {
		return []Hours{hours(from, to, first, last, zone)}, true
	}
	ranges := []Hours{hours(from, 24*60, first, last, zone)}
	if to > 0 {
		ranges = append(ranges, hours(0, to, (first+1)%7, (last+1)%7, zone))
	}
	return ranges, true
}

func hours(from, to, first, last int, zone string) Hours {
	to--
	days := dayNames()[first]
	if last != first {
		days += "-" + dayNames()[last]
	}
	return Hours{Times: fmt.Sprintf("%02d:%02d-%02d:%02d", from/60, from%60, to/60, to%60), Days: days, Zone: zone}
}

func dayNames() []string { return []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"} }

func dayIndex(name string) int { return slices.Index(dayNames(), name) }

func minuteOf(text string) (int, bool) {
	if text == "24:00" {
		return 24 * 60, true
	}
	t, err := time.Parse("15:04", text)
	return t.Hour()*60 + t.Minute(), err == nil
}
