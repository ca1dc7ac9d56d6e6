package config

import "time"

// Who decides where a waiting call goes.
const (
	RoutingInternal = "internal" // we: to the agent who is ready the longest
	RoutingExternal = "external" // a program, by REST
)

// Levels are skills with their levels.
type Levels map[string]int

// Queue is a route point: a number whose callers wait for an agent. Durations of 0 turn off what they are for.
type Queue struct {
	Number       string        `mapstructure:"number"`  // of the route point
	Routing      string        `mapstructure:"routing"` // internal | external
	Agents       []string      `mapstructure:"agents"`  // DNs, ranges of DNs and agent ids; empty: everybody who has the skills
	Skills       Levels        `mapstructure:"skills"`  // level that an agent needs of each
	RelaxAfter   time.Duration `mapstructure:"relax_after"`
	Priority     QueuePriority `mapstructure:"priority"`
	RingTimeout  time.Duration `mapstructure:"ring_timeout"`
	MusicClass   string        `mapstructure:"music_class"`
	Announce     QueueAnnounce `mapstructure:"announce"`
	Schedule     string        `mapstructure:"schedule"` // name in schedules; empty: always open
	Closed       Target        `mapstructure:"closed"`   // while closed: message:SOUND | number:... | dn:... | queue:... | hangup
	Overflow     QueueOverflow `mapstructure:"overflow"`
	Callback     QueueCallback `mapstructure:"callback"`
	External     QueueExternal `mapstructure:"external"`
	ServiceLevel time.Duration `mapstructure:"service_level"` // a call that is answered by then was answered in time
	Class        string        `mapstructure:"class"`         // of the dial rules, for what the queue itself calls outside
}

// QueuePriority is how urgent the calls of a queue are, among all queues: the higher goes first.
type QueuePriority struct {
	Base       int            `mapstructure:"base"`
	Numbers    map[string]int `mapstructure:"numbers"`     // added for calls to a number, as the trunk delivers it
	RaiseEvery time.Duration  `mapstructure:"raise_every"` // a call gains 1 each time it has waited this long
}

// QueueAnnounce is what waiting callers are told.
type QueueAnnounce struct {
	Every    time.Duration `mapstructure:"every"`
	Position bool          `mapstructure:"position"`
	WaitTime bool          `mapstructure:"wait_time"`
	Sounds   QueueSounds   `mapstructure:"sounds"`
}

// QueueSounds are the sound files of the announcements, without their endings.
type QueueSounds struct {
	Next         string `mapstructure:"next"`          // you are next
	ThereAre     string `mapstructure:"there_are"`     // you are number
	CallsWaiting string `mapstructure:"calls_waiting"` // waiting for an agent
	HoldTime     string `mapstructure:"hold_time"`     // the estimated wait is
	Minutes      string `mapstructure:"minutes"`
	Thanks       string `mapstructure:"thanks"`
}

// QueueOverflow sends calls elsewhere: when they have waited too long, when too many wait, or when nobody is logged in.
type QueueOverflow struct {
	After    time.Duration `mapstructure:"after"`
	Waiting  int           `mapstructure:"waiting"` // calls that wait already; 0: any number
	NoAgents bool          `mapstructure:"no_agents"`
	To       Target        `mapstructure:"to"` // queue:NAME | dn:5001 | number:+4930123
}

// QueueCallback is the offer to be called back instead of waiting.
type QueueCallback struct {
	After    time.Duration `mapstructure:"after"`  // 0: no offer
	Prompt   string        `mapstructure:"prompt"` // sound that tells of the offer and the key 1
	Accepted string        `mapstructure:"accepted"`
	Attempts int           `mapstructure:"attempts"`
	Pause    time.Duration `mapstructure:"pause"` // between attempts
	Lifetime time.Duration `mapstructure:"lifetime"`
}

// QueueExternal is what becomes of a call of an external queue when nobody decides.
type QueueExternal struct {
	Within  time.Duration `mapstructure:"within"`
	Default Target        `mapstructure:"default"` // queue:NAME | dn:5001 | number:+4930123
}

// DefaultQueue is what a queue of the file starts from.
func DefaultQueue() Queue {
	return Queue{
		Routing:     RoutingInternal,
		RingTimeout: 20 * time.Second,
		MusicClass:  "default",
		Announce: QueueAnnounce{
			Every: time.Minute, Position: true,
			// The names that Asterisk's own app_queue plays.
			Sounds: QueueSounds{
				Next: "queue-youarenext", ThereAre: "queue-thereare", CallsWaiting: "queue-callswaiting",
				HoldTime: "queue-holdtime", Minutes: "queue-minutes", Thanks: "queue-thankyou",
			},
		},
		Callback:     QueueCallback{Accepted: "auth-thankyou", Attempts: 3, Pause: 5 * time.Minute, Lifetime: 8 * time.Hour},
		ServiceLevel: 20 * time.Second,
		Class:        DefaultClass,
	}
}
