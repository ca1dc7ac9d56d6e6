package queue

import (
	"maps"
	"time"
)

const (
	recent  = 30 * time.Minute
	dayForm = time.DateOnly
)

// Figures count what became of calls.
type Figures struct {
	Entered    int           `json:"entered"`
	Answered   int           `json:"answered"`
	InTime     int           `json:"inTime"` // answered within the service level
	Abandoned  int           `json:"abandoned"`
	Overflowed int           `json:"overflowed"`
	Routed     int           `json:"routed"` // by a program, a supervisor or a transfer
	Closed     int           `json:"closed"` // came while the queue was closed
	Callbacks  int           `json:"callbacks"`
	CalledBack int           `json:"calledBack"`
	Ended      int           `json:"ended"` // by a command, or with the switch
	Waited     time.Duration `json:"waited"`
	Longest    time.Duration `json:"longest"` // wait until an answer
}

// ServiceLevel is the share of calls that were answered in time, of those that were answered or abandoned; 1 when there
// was none.
func (f Figures) ServiceLevel() float64 {
	if f.Answered+f.Abandoned == 0 {
		return 1
	}
	return float64(f.InTime) / float64(f.Answered+f.Abandoned)
}

// AverageWait is that of the calls that were answered.
func (f Figures) AverageWait() time.Duration {
	if f.Answered == 0 {
		return 0
	}
	return f.Waited / time.Duration(f.Answered)
}

func (f *Figures) add(o Figures) {
	f.Entered += o.Entered
	f.Answered += o.Answered
	f.InTime += o.InTime
	f.Abandoned += o.Abandoned
	f.Overflowed += o.Overflowed
	f.Routed += o.Routed
	f.Closed += o.Closed
	f.Callbacks += o.Callbacks
	f.CalledBack += o.CalledBack
	f.Ended += o.Ended
	f.Waited += o.Waited
	f.Longest = max(f.Longest, o.Longest)
}

// Ledger is what a queue has counted: since it is kept, since midnight, and in each of the last minutes.
type Ledger struct {
	Queue   string            `json:"queue"`
	Saved   time.Time         `json:"saved"`
	Begun   time.Time         `json:"begun"`
	Total   Figures           `json:"total"`
	Day     string            `json:"day"`
	Today   Figures           `json:"today"`
	Minutes map[int64]Figures `json:"minutes"` // by minutes since 1970

	before  time.Time // calls that came until then were counted before we were restarted
	changed bool
}

func newLedger(queue string, now time.Time) *Ledger {
	return &Ledger{Queue: queue, Begun: now, Minutes: map[int64]Figures{}}
}

func minuteOf(t time.Time) int64 { return t.Unix() / int64(time.Minute/time.Second) }

// roll forgets what is too old.
func (l *Ledger) roll(now time.Time) {
	if day := now.Format(dayForm); day != l.Day {
		l.Day, l.Today = day, Figures{}
	}
	oldest := minuteOf(now.Add(-recent))
	maps.DeleteFunc(l.Minutes, func(minute int64, _ Figures) bool { return minute <= oldest })
}

func (l *Ledger) count(now time.Time, what Figures) {
	l.roll(now)
	minute := l.Minutes[minuteOf(now)]
	minute.add(what)
	l.Minutes[minuteOf(now)] = minute
	l.Total.add(what)
	l.Today.add(what)
	l.changed = true
}

// last gives the figures of the last 30 minutes.
func (l *Ledger) last(now time.Time) Figures {
	l.roll(now)
	var sum Figures
	for _, f := range l.Minutes {
		sum.add(f)
	}
	return sum
}

// estimate is how long a caller at a position will wait if calls are answered as fast as lately, 0 if nobody knows.
func (l *Ledger) estimate(now time.Time, position int) time.Duration {
	answered := l.last(now).Answered
	if answered == 0 {
		return 0
	}
	window := min(recent, now.Sub(l.Begun))
	return window / time.Duration(answered) * time.Duration(position)
}

func (l *Ledger) copy() *Ledger {
	c := *l
	c.Minutes = maps.Clone(l.Minutes)
	return &c
}
