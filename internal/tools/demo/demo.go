package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"sidecar/internal/phone"
)

// The tones by which the parties know each other.
const (
	customerTone = 1010
	firstTone    = 450
	secondTone   = 620
)

// patience is how long one thing may take.
const patience = 15 * time.Second

var errStep = errors.New("it did not happen in time")

// demo is one performance.
type demo struct {
	settings settings
	screen   *screen
	rest     *rest
	feed     *feed

	customer, first, second *phone.Phone
}

// play performs everything and cleans up after itself.
func (d *demo) play(ctx context.Context) error {
	d.rest = &rest{base: d.settings.api, http: &http.Client{Transport: &http.Transport{}}}
	defer d.rest.http.CloseIdleConnections()
	d.screen.step("logging in at %s as %s", d.settings.api, d.settings.user)
	if err := d.prove(ctx, "REST: the login gives a token", func(ctx context.Context) error {
		return d.rest.login(ctx, d.settings.user, d.settings.password)
	}); err != nil {
		return err
	}

	d.feed = newFeed(d.screen)
	listener := &cometd{rest: d.rest}
	if err := d.prove(ctx, "feed: the CometD session is open and subscribed to /user/agent/events", func(ctx context.Context) error {
		return listener.open(ctx, "/user/agent/events")
	}); err != nil {
		return err
	}
	polling, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := listener.poll(polling, d.feed.take); err != nil {
			d.screen.step("the feed ended: %v", err)
		}
	})
	err := d.withPhones(ctx)
	stop()
	wg.Wait()
	return err
}

func (d *demo) withPhones(ctx context.Context) error {
	defer d.closePhones() //nolint:contextcheck // the phones say goodbye also when ctx has ended
	if err := d.registerPhones(ctx); err != nil {
		return err
	}
	return d.perform(ctx)
}

func (d *demo) registerPhones(ctx context.Context) error {
	for _, p := range []struct {
		phone **phone.Phone
		opts  phone.Options
	}{
		{&d.customer, phone.Options{User: "0401112233", DisplayName: "Customer", Bind: d.settings.customer, Tone: customerTone}},
		{&d.first, phone.Options{User: d.settings.first.number, Password: d.settings.first.password, Tone: firstTone}},
		{&d.second, phone.Options{User: d.settings.second.number, Password: d.settings.second.password, Tone: secondTone}},
	} {
		p.opts.Server = d.settings.sip
		started, err := phone.New(ctx, p.opts)
		if err != nil {
			return fmt.Errorf("start the phone of %s: %w", p.opts.User, err)
		}
		*p.phone = started
	}
	d.screen.step("registering %s and %s at %s; the customer calls from %s", d.first.User(), d.second.User(), d.settings.sip, d.customer.Addr())
	for _, p := range []*phone.Phone{d.first, d.second} {
		if err := d.prove(ctx, "SIP: "+p.User()+" is registered", func(ctx context.Context) error {
			return p.Register(ctx, time.Minute)
		}); err != nil {
			return err
		}
		if err := d.prove(ctx, "feed: "+p.User()+" is in service", func(ctx context.Context) error {
			return d.feed.wait(ctx, p.User(), "InService")
		}); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) closePhones() {
	var wg sync.WaitGroup
	for _, p := range []*phone.Phone{d.customer, d.first, d.second} {
		if p != nil {
			wg.Go(func() {
				if err := p.Close(); err != nil {
					d.screen.step("closing the phone of %s: %v", p.User(), err)
				}
			})
		}
	}
	wg.Wait()
}

// prove runs one check with its own deadline and prints how it went.
func (d *demo) prove(ctx context.Context, what string, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errStep)
	defer cancel()
	return d.screen.prove(what, check(ctx))
}
