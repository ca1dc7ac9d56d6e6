package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"sidecar/internal/tools/load/meter"
)

// Beyond these a run is called saturated: what a leg costs says little then.
const (
	saturatedLoss = 0.01
	saturatedRTT  = 250  // ms, p99
	saturatedRate = 47.5 // of 50 packets a second: the generator does not get the CPU that it needs
)

// result is what one run of one target showed.
type result struct {
	Target     string `json:"target"`
	Legs       int    `json:"legs"`
	Registered int    `json:"registered"`
	Up         int    `json:"up"`
	Error      string `json:"error,omitempty"`

	RegisterTime meter.Summary `json:"register"`  // round trip of the REGISTER that succeeded
	SetUp        meter.Summary `json:"set_up"`    // INVITE to 200
	FirstRTP     meter.Summary `json:"first_rtp"` // 200 to the first packet at the far end

	Seconds     float64       `json:"seconds"`
	Sent        uint64        `json:"sent"`
	Lost        uint64        `json:"lost"`
	Drops       uint64        `json:"target_drops"`    // datagrams that did not fit into the target's receive buffers
	OwnDrops    uint64        `json:"generator_drops"` // or into ours
	RTT         meter.Summary `json:"rtt"`             // there and back through the target
	ToEcho      meter.Summary `json:"to_echo"`
	FromEcho    meter.Summary `json:"from_echo"`
	CPU         float64       `json:"cpu_ms_per_leg_second"`
	Cores       float64       `json:"cores"`
	OwnCores    float64       `json:"generator_cores"`
	Others      float64       `json:"other_cores"` // what everybody else on the machine used
	Rate        float64       `json:"packets_per_leg_second"`
	Skipped     uint64        `json:"generator_skipped_ms"`
	RSS         int           `json:"rss_kb"`
	KB          float64       `json:"kb_per_leg"`
	Goroutines  float64       `json:"goroutines_per_leg"`
	IdleRSS     int           `json:"idle_rss_kb"`
	IdleKB      float64       `json:"idle_kb_per_leg"`
	IsSaturated bool          `json:"saturated"`
}

func (r *result) fill(b *bench, before, first, last sample) {
	r.Up = len(b.up)
	r.SetUp, r.FirstRTP = b.setup.Summary(), b.arrived.Summary()
	r.Seconds = last.at.Sub(first.at).Seconds()
	r.Sent, r.Lost = b.traffic.Sent.Load(), b.traffic.Lost()
	r.Drops, r.OwnDrops = last.drops-first.drops, last.ownDrop-first.ownDrop
	r.RTT, r.ToEcho, r.FromEcho = b.traffic.All.Summary(), b.traffic.Up.Summary(), b.traffic.Down.Summary()
	r.Cores = (last.cpu - first.cpu).Seconds() / r.Seconds
	r.OwnCores = (last.own - first.own).Seconds() / r.Seconds
	r.Others = max((last.busy-first.busy).Seconds()/r.Seconds-r.Cores-r.OwnCores, 0)
	r.Rate = float64(r.Sent) / float64(r.Up) / r.Seconds
	r.CPU = r.Cores * 1000 / float64(r.Up)
	r.Skipped = b.pacer.Skipped.Load()
	r.RSS, r.KB = last.rss, perLeg(last.rss-before.rss, r.Up)
	r.Goroutines = perLeg(last.goroutines-before.goroutines, r.Up)
	r.IsSaturated = r.Rate < saturatedRate || float64(r.Lost) > saturatedLoss*float64(r.Sent) || r.RTT.P99 > saturatedRTT
	if err := b.failed(); err != nil {
		r.Error = err.Error()
	}
}

func perLeg(sum, legs int) float64 {
	if legs == 0 {
		return 0
	}
	return float64(sum) / float64(legs)
}

// bar is what the project promises at 400 legs, or of 1,000 that are only registered.
type bar struct {
	what        string
	value, most float64
}

func (b bar) String() string {
	verdict := "reached"
	if b.value > b.most {
		verdict = "missed"
	}
	return fmt.Sprintf("%s: %.1f, at most %g: %s", b.what, b.value, b.most, verdict)
}

// barLegs and idleLegs are the numbers of legs that bars are for.
const (
	barLegs  = 400
	idleLegs = 1000
)

func (r *result) bars() []bar {
	switch {
	case r.Target != sidecarName:
		return nil
	case r.Seconds == 0 && r.Legs == idleLegs:
		return []bar{{"REGISTER round trip p50, ms", r.RegisterTime.P50, 30}, {"memory of 1,000 idle DNs, MB", float64(r.IdleRSS) / 1024, 60}}
	case r.Seconds > 0 && r.Legs == barLegs:
		return []bar{
			{"CPU, ms per leg-second", r.CPU, 2.6},
			{"memory per leg, KB", r.KB, 220},
			{"goroutines per leg", r.Goroutines, 16},
			{"packets lost", float64(r.Lost), 0},
			{"200 OK to first RTP p50, ms", r.FirstRTP.P50, 60},
		}
	}
	return nil
}

type report struct {
	Machine string   `json:"machine"`
	Date    string   `json:"date"`
	Results []result `json:"results"`
}

func (r *report) json(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(r); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// text writes the tables that a person reads. Times are p50/p99 in milliseconds.
func (r *report) text(w io.Writer) error {
	fmt.Fprintf(w, "%s, %s\n\n", r.Machine, r.Date)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, strings.ReplaceAll("target|legs up|REGISTER ms|INVITE-200 ms|200-RTP ms|lost|RTT ms|CPU ms/leg-s|cores|generator|others|KB/leg|goroutines/leg|", "|", "\t"))
	for i := range r.Results {
		s := &r.Results[i]
		if s.Seconds == 0 {
			fmt.Fprintf(table, "%s\tidle %d/%d\t%s\t\t\t\t\t\t\t\t\t%.0f\t\t%.0f MB %s\n", s.Target, s.Registered, s.Legs, s.RegisterTime, s.IdleKB, float64(s.IdleRSS)/1024, s.Error)
			continue
		}
		fmt.Fprintf(table, "%s\t%d/%d\t%s\t%s\t%s\t%s\t%s\t%.2f\t%.2f\t%.2f\t%.2f\t%.0f\t%s\t%s\n", s.Target, s.Up, s.Legs, s.RegisterTime, s.SetUp, s.FirstRTP,
			s.lost(), s.RTT, s.CPU, s.Cores, s.OwnCores, s.Others, s.KB, s.goroutines(), s.notes())
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	for i := range r.Results {
		for _, b := range r.Results[i].bars() {
			fmt.Fprintln(w, b)
		}
	}
	return nil
}

func (r *result) lost() string {
	if r.Lost == 0 {
		return "0"
	}
	return fmt.Sprintf("%d (%.2f%%)", r.Lost, 100*float64(r.Lost)/float64(r.Sent))
}

func (r *result) goroutines() string {
	if r.Goroutines == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f", r.Goroutines)
}

func (r *result) notes() string {
	var notes []string
	if r.IsSaturated {
		notes = append(notes, "saturated")
	}
	if r.Drops > 0 || r.OwnDrops > 0 {
		notes = append(notes, fmt.Sprintf("dropped by the target's sockets %d, by the generator's %d", r.Drops, r.OwnDrops))
	}
	if r.Rate < saturatedRate {
		notes = append(notes, fmt.Sprintf("%.1f packets a second from each leg", r.Rate))
	}
	if r.Error != "" {
		notes = append(notes, r.Error)
	}
	return strings.Join(notes, "; ")
}
