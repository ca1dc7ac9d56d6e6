package config

import (
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // slim images have no zone files
)

const (
	ruleWeekly  = "write days and hours, such as mon-fri 08:00-18:00 or sat,sun 10:00-14:00"
	minutesHour = 60
	minutesDay  = 24 * minutesHour
	daysWeek    = 7
)

// Hours is a schedule in a form that can be asked.
type Hours struct {
	Location *time.Location
	Spans    []Span
	Holidays map[string]bool // closed days, as 2026-12-25
}

// Span is one line of opening hours: the days on which it begins, and minutes of the local day. An end before the
// start lies on the following day.
type Span struct {
	Days  [daysWeek]bool // by time.Weekday
	Start int
	End   int
}

// Hours reads the schedule. The error is a *ValidationError whose keys are those of a schedule.
func (s Schedule) Hours() (Hours, error) {
	hours, problems := s.parse("")
	return hours, problemsError(problems)
}

func (s Schedule) parse(key string) (Hours, []Problem) {
	hours := Hours{Holidays: map[string]bool{}}
	var problems []Problem
	add := func(name, value, rule string) {
		problems = append(problems, Problem{Key: join(key, name), Value: value, Rule: rule})
	}
	location, err := time.LoadLocation(s.Timezone)
	if err != nil || s.Timezone == "" || s.Timezone == "Local" {
		add("timezone", s.Timezone, "write a zone of the IANA list, such as Europe/Berlin")
	}
	hours.Location = location
	if len(s.Weekly) == 0 {
		add("weekly", "", "at least one line of opening hours is needed, such as mon-fri 08:00-18:00")
	}
	for i, text := range s.Weekly {
		span, ok := parseSpan(text)
		if !ok {
			add(indexed("weekly", i), text, ruleWeekly)
			continue
		}
		hours.Spans = append(hours.Spans, span)
	}
	for i, day := range s.Holidays {
		if _, err := time.Parse(time.DateOnly, day); err != nil {
			add(indexed("holidays", i), day, "write a day as 2026-12-25")
			continue
		}
		hours.Holidays[day] = true
	}
	return hours, problems
}

// Open reports whether the schedule is open at that moment. The clock on the wall decides: on the day that daylight
// saving begins or ends, 08:00 stays 08:00.
func (h Hours) Open(now time.Time) bool {
	local := now.In(h.Location)
	if h.Holidays[local.Format(time.DateOnly)] {
		return false
	}
	minute := local.Hour()*minutesHour + local.Minute()
	// Day arithmetic on the calendar, because a local day may have 23 or 25 hours.
	yesterday := time.Date(local.Year(), local.Month(), local.Day()-1, 12, 0, 0, 0, h.Location)
	for _, span := range h.Spans {
		overnight := span.End < span.Start
		today := span.Days[local.Weekday()] && minute >= span.Start && (overnight || minute < span.End)
		late := overnight && span.Days[yesterday.Weekday()] && minute < span.End && !h.Holidays[yesterday.Format(time.DateOnly)]
		if today || late {
			return true
		}
	}
	return false
}

func parseSpan(text string) (Span, bool) {
	fields := strings.Fields(text)
	if len(fields) != 2 {
		return Span{}, false
	}
	from, to, ok := strings.Cut(fields[1], "-")
	if !ok {
		return Span{}, false
	}
	start, okStart := parseMinute(from)
	end, okEnd := parseMinute(to)
	if end == 0 {
		end = minutesDay
	}
	if !okStart || !okEnd || start == end || start == minutesDay {
		return Span{}, false
	}
	span := Span{Start: start, End: end}
	for part := range strings.SplitSeq(strings.ToLower(fields[0]), ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		day, okFirst := weekday(first)
		until, okLast := weekday(last)
		if !okFirst || !okLast {
			return Span{}, false
		}
		for ; day != until; day = (day + 1) % daysWeek {
			span.Days[day] = true
		}
		span.Days[until] = true
	}
	return span, true
}

func weekday(name string) (int, bool) {
	for day := range daysWeek {
		if strings.ToLower(time.Weekday(day).String()[:3]) == name {
			return day, true
		}
	}
	return 0, false
}

// parseMinute reads H:MM or HH:MM; 24:00 is the end of a day.
func parseMinute(text string) (int, bool) {
	hour, minute, ok := strings.Cut(text, ":")
	h, errHour := strconv.Atoi(hour)
	m, errMinute := strconv.Atoi(minute)
	if !ok || !isDN(hour) || !isDN(minute) || len(hour) > 2 || len(minute) != 2 || errHour != nil || errMinute != nil || m >= minutesHour {
		return 0, false
	}
	total := h*minutesHour + m
	return total, total <= minutesDay
}
