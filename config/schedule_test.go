package config_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/config"
)

func TestHoursOpen(t *testing.T) {
	t.Parallel()
	office := config.Schedule{
		Timezone: "Europe/Berlin",
		Weekly:   []string{"mon-fri 8:00-18:00", "sat,sun 10:00-12:00"},
		Holidays: []string{"2026-12-25"},
	}
	night := config.Schedule{Timezone: "Europe/Berlin", Weekly: []string{"fri-sat 22:00-06:00"}, Holidays: []string{"2026-12-25"}}
	always := config.Schedule{Timezone: "UTC", Weekly: []string{"Mon-Sun 00:00-24:00"}}
	midnight := config.Schedule{Timezone: "UTC", Weekly: []string{"sun-mon 20:00-00:00"}}
	tests := map[string]struct {
		schedule config.Schedule
		utc      string
		want     bool
	}{
		"first minute":                      {office, "2026-11-23 07:00", true},
		"before the first minute":           {office, "2026-11-23 06:59", false},
		"last minute":                       {office, "2026-11-23 16:59", true},
		"after the last minute":             {office, "2026-11-23 17:00", false},
		"second line":                       {office, "2026-11-22 09:30", true},
		"weekend afternoon":                 {office, "2026-11-21 15:00", false},
		"holiday":                           {office, "2026-12-25 09:00", false},
		"holiday begins by local time":      {office, "2026-12-24 16:30", true},
		"summer time":                       {office, "2026-07-01 06:00", true},
		"before opening in summer":          {office, "2026-07-01 05:59", false},
		"day that summer begins":            {office, "2026-03-29 08:00", true},
		"day that summer begins, too early": {office, "2026-03-29 07:59", false},
		"day that summer ends":              {office, "2026-10-25 09:00", true},
		"day that summer ends, too early":   {office, "2026-10-25 08:59", false},
		"evening of the night":              {night, "2026-11-20 21:00", true},
		"morning after":                     {night, "2026-11-21 04:59", true},
		"morning after ends":                {night, "2026-11-21 05:00", false},
		"morning after the last night":      {night, "2026-11-22 04:59", true},
		"evening of no night":               {night, "2026-11-22 21:00", false},
		"morning of the first day":          {night, "2026-11-20 04:00", false},
		"night that summer begins":          {night, "2026-03-29 03:59", true},
		"night that summer begins, over":    {night, "2026-03-29 04:00", false},
		"repeated hour of the night":        {night, "2026-10-25 01:30", true},
		"night that summer ends, over":      {night, "2026-10-25 05:00", false},
		"night that begins on a holiday":    {night, "2026-12-26 03:00", false},
		"always at midnight":                {always, "2026-11-21 00:00", true},
		"always before midnight":            {always, "2026-11-21 23:59", true},
		"whole days":                        {config.Schedule{Timezone: "UTC", Weekly: []string{"sun 00:00-00:00"}}, "2026-11-22 23:59", true},
		"until midnight":                    {midnight, "2026-11-22 23:59", true},
		"past midnight":                     {midnight, "2026-11-24 00:00", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hours, err := tt.schedule.Hours()
			require.NoError(t, err)
			now, err := time.Parse("2006-01-02 15:04", tt.utc)
			require.NoError(t, err)
			require.Equal(t, tt.want, hours.Open(now))
		})
	}
}

func TestHoursRefusesBadSchedule(t *testing.T) {
	t.Parallel()
	_, err := config.Schedule{Timezone: "Mars", Weekly: []string{"mon"}}.Hours()
	require.ErrorIs(t, err, config.ErrInvalid)
	require.ErrorContains(t, err, `timezone: "Mars"`)
	require.ErrorContains(t, err, `weekly[0]: "mon"`)
}
