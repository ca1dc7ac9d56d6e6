package pjsipgen

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sidecar/config"
)

func (b *builder) schedules() []Schedule {
	schedules := make([]Schedule, 0, len(b.cfg.Schedules))
	for _, name := range slices.Sorted(maps.Keys(b.cfg.Schedules)) {
		field := "schedules." + name
		b.check.name(field, name)
		s := b.cfg.Schedules[name]
		b.check.of(nameChars+"/+", field+".timezone", s.Timezone, "must be an IANA name such as Europe/Berlin")
		hours, err := s.Hours()
		if invalid, ok := errors.AsType[*config.ValidationError](err); ok {
			for _, p := range invalid.Problems {
				b.check.refuse(field+"."+p.Key, p.Value, p.Rule)
			}
			continue
		}
		schedules = append(schedules, schedule(name, s.Timezone, hours))
	}
	return schedules
}

// schedule writes spans for GotoIfTime, which includes the last minute of a range; a span doesn't, so 18:00 becomes
// 17:59. A span over midnight becomes two ranges.
func schedule(name, zone string, hours config.Hours) Schedule {
	const midnight = 24 * 60
	out := Schedule{Name: name, Timezone: zone, Holidays: slices.Sorted(maps.Keys(hours.Holidays))}
	for _, span := range hours.Spans {
		if span.End > span.Start {
			out.Hours = append(out.Hours, timeRange(span.Start, span.End, span.Days, zone))
			continue
		}
		var next [7]bool
		for day, on := range span.Days {
			next[(day+1)%len(next)] = on
		}
		out.Hours = append(out.Hours, timeRange(span.Start, midnight, span.Days, zone))
		out.Late = append(out.Late, timeRange(0, span.End, next, zone))
	}
	return out
}

func timeRange(start, end int, days [7]bool, zone string) Hours {
	end--
	var names []string
	for day, on := range days {
		if on {
			names = append(names, strings.ToLower(time.Weekday(day).String()[:3]))
		}
	}
	times := fmt.Sprintf("%02d:%02d-%02d:%02d", start/60, start%60, end/60, end%60)
	return Hours{Times: times, Days: strings.Join(names, "&"), Zone: zone}
}
