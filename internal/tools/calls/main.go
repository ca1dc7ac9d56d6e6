package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

var (
	errOption = errors.New("bad option")
	errFailed = errors.New("calls failed")
	errEarly  = errors.New("it went on too early")
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "calls:", err)
		os.Exit(1)
	}
}

type options struct {
	api, sip, customer string // addresses
	credentials        string // file
	sidecar, asterisk  int    // process ids
	first, dns         int
	rate               float64
	length, talk       time.Duration
	rtp                bool
	answer             int // how many answers by REST
}

func parse(args []string, log io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("calls", flag.ContinueOnError)
	flags.SetOutput(log)
	flags.StringVar(&o.api, "api", "", "the sidecar's REST, as http://127.0.0.1:8090")
	flags.StringVar(&o.sip, "sip", "", "Asterisk's SIP, as 127.0.0.1:5060")
	flags.StringVar(&o.customer, "customer", "", "address of the trunk's far end, which is ours")
	flags.StringVar(&o.credentials, "credentials", "", "file with the sidecar's first users")
	flags.IntVar(&o.sidecar, "sidecar", 0, "the sidecar's process id")
	flags.IntVar(&o.asterisk, "asterisk", 0, "Asterisk's process id")
	flags.IntVar(&o.first, "first", 20000, "the first DN; passwords are load-test-DN")
	flags.IntVar(&o.dns, "dns", 300, "number of DNs")
	flags.Float64Var(&o.rate, "rate", 20, "calls begun a second")
	flags.DurationVar(&o.length, "for", 5*time.Minute, "how long calls are begun")
	flags.DurationVar(&o.talk, "talk", 500*time.Millisecond, "pause between the steps of a call")
	flags.BoolVar(&o.rtp, "rtp", false, "phones send audio")
	flags.IntVar(&o.answer, "answer", 0, fmt.Sprintf("then answer so many calls at browsers by REST, %d a second; the %d DNs after those of the phones are the browsers'", answersASecond, browsers))
	if err = flags.Parse(args); err != nil {
		return o, fmt.Errorf("%w: %w", errOption, err)
	}
	if o.rate <= 0 || o.length < time.Second || o.dns < 2 || o.answer < 0 || o.sidecar == 0 || o.asterisk == 0 {
		return o, fmt.Errorf("%w: rate must be above 0, for at least 1s, dns at least 2, answer not below 0, and both process ids given", errOption)
	}
	return o, nil
}

func run(ctx context.Context, args []string, out, log io.Writer) (err error) {
	o, err := parse(args, log)
	if err != nil {
		return err
	}
	l, err := newLoad(ctx, &o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }() //nolint:contextcheck // see close
	fmt.Fprintf(log, "calls: %d phones registered, %g calls a second for %s\n", o.dns, o.rate, o.length)
	r, err := l.run(ctx)
	if err != nil {
		return err
	}
	r.print(out)
	if r.failed > 0 || r.done < r.begun {
		err = fmt.Errorf("%w: %d of %d", errFailed, r.begun-r.done, r.begun)
	}
	if o.answer > 0 {
		err = errors.Join(err, l.answers(ctx, out))
	}
	return err
}
