package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"sidecar/internal/phone"
	"sidecar/internal/tools/load/browser"
	"sidecar/internal/tools/load/meter"
)

const (
	browsers       = 20
	answersASecond = 5
)

// answering is calls from phones to browsers' DNs, which REST answers.
type answering struct {
	l       *load
	factory *browser.Factory
	phones  []*browser.Phone
	free    chan int // index of a browser that no call uses

	told, reply meter.Times

	mu   sync.Mutex
	errs []error
}

// answers registers browsers, and has REST answer so many calls at them.
func (l *load) answers(ctx context.Context, out io.Writer) (err error) {
	a := &answering{l: l, free: make(chan int, browsers)}
	if a.factory, err = browser.NewFactory(); err != nil {
		return err
	}
	defer func() {
		for _, p := range a.phones {
			err = errors.Join(err, p.Close())
		}
	}()
	for i := range browsers {
		if err = a.register(ctx, i); err != nil {
			return err
		}
	}
	var calls sync.WaitGroup
	ticker := time.NewTicker(time.Second / answersASecond)
	defer ticker.Stop()
	begun := 0
	for begun < l.o.answer && ctx.Err() == nil {
		<-ticker.C
		begun++
		calls.Go(func() {
			if errCall := a.call(ctx); errCall != nil {
				a.mu.Lock()
				defer a.mu.Unlock()
				a.errs = append(a.errs, errCall)
			}
		})
	}
	calls.Wait()
	return a.print(out, begun)
}

func (a *answering) dn(i int) string { return strconv.Itoa(a.l.o.first + a.l.o.dns + i) }

func (a *answering) register(ctx context.Context, i int) error {
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	host := strings.TrimPrefix(a.l.o.api, "http://")
	p, err := browser.Connect(ctx, browser.Line{URL: "ws://" + host + "/ws", Origin: a.l.o.api, DN: a.dn(i), Password: "load-test-" + a.dn(i)})
	if err != nil {
		return err
	}
	a.phones = append(a.phones, p)
	if _, err = p.Register(ctx); err != nil {
		return err
	}
	a.free <- i
	return a.l.inService(ctx, a.dn(i))
}

// inService waits until calls reach a DN.
func (l *load) inService(ctx context.Context, dn string) error {
	for {
		var list struct {
			DNs []struct {
				Number    string
				InService bool
			} `json:"dns"`
		}
		if _, err := l.rest.do(ctx, "GET", "/dns", nil, &list); err != nil {
			return err
		}
		for _, d := range list.DNs {
			if d.Number == dn && d.InService {
				return nil
			}
		}
		if err := pause(ctx, pollTime); err != nil {
			return fmt.Errorf("%s is not in service: %w", dn, err)
		}
	}
}

// call lets a browser ring, be answered by REST, and be up. What has failed gets no call again.
func (a *answering) call(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	var i int
	var from *phone.Phone
	select {
	case i = <-a.free:
	default:
		return fmt.Errorf("no free browser: %w", errEarly)
	}
	select {
	case from = <-a.l.free:
	default:
		return fmt.Errorf("no free phone: %w", errEarly)
	}
	media, err := a.factory.NewMedia(meter.NewTraffic(1), 0)
	if err != nil {
		return err
	}
	defer func() { _ = media.Close() }() // the call has been judged by then
	var made struct{ ID string }
	if _, err = a.l.rest.do(ctx, "POST", "/calls", map[string]string{"from": from.User(), "to": a.dn(i)}, &made); err != nil {
		return err
	}
	err = a.answer(ctx, made.ID, i, media)
	_, errEnd := a.l.rest.do(context.WithoutCancel(ctx), "POST", "/calls/"+made.ID+"/hangup", nil, nil)
	if err = errors.Join(err, errEnd); err != nil {
		return err
	}
	agent, err := from.WaitCall(ctx)
	if err != nil {
		return err
	}
	if _, err = agent.WaitEnd(ctx); err != nil {
		return fmt.Errorf("the caller's phone goes on: %w", err)
	}
	a.free <- i
	a.l.free <- from
	return nil
}

func (a *answering) answer(ctx context.Context, id string, i int, media *browser.Media) error {
	ring, err := a.phones[i].Wait(ctx)
	if err != nil {
		return err
	}
	if err = a.l.shown(ctx, id, "Ringing", a.dn(i)); err != nil {
		return fmt.Errorf("%s does not ring: %w", a.dn(i), err)
	}
	var reply time.Duration
	var errReply error
	asked, replied := time.Now(), make(chan struct{})
	go func() { // joined by the channel
		defer close(replied)
		reply, errReply = a.l.rest.do(ctx, "POST", "/calls/"+id+"/answer", map[string]string{"dn": a.dn(i)}, nil)
	}()
	err = a.pickUp(ctx, ring, media, asked)
	<-replied
	if err = errors.Join(err, errReply); err != nil {
		return err
	}
	a.reply.Add(reply)
	if err = a.l.established(ctx, id, a.dn(i)); err != nil {
		return fmt.Errorf("%s is not up: %w", a.dn(i), err)
	}
	return nil
}

// pickUp is what the browser does when it is told.
func (a *answering) pickUp(ctx context.Context, ring *browser.Ring, media *browser.Media, asked time.Time) error {
	at, err := ring.Told(ctx)
	if err != nil {
		return err
	}
	a.told.Add(at.Sub(asked))
	answer, err := media.Answer(ctx, ring.Offer())
	if err != nil {
		return err
	}
	return ring.Accept(answer)
}

func (a *answering) print(out io.Writer, begun int) error {
	failed := len(a.errs)
	fmt.Fprintf(out, "answers      %d by REST at browsers' DNs, %d a second, %d without an error\n", begun, answersASecond, begun-failed)
	for _, err := range a.errs[:min(failed, 10)] {
		fmt.Fprintf(out, "  %v\n", err)
	}
	printTimes(out, "answer", map[string]*meter.Times{
		"until the phone has NOTIFY talk": &a.told, "until REST's reply": &a.reply,
	})
	if failed > 0 || begun < a.l.o.answer {
		return fmt.Errorf("%w: %d of %d answers", errFailed, a.l.o.answer-begun+failed, a.l.o.answer)
	}
	return nil
}
