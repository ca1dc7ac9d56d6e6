package main

import (
	"context"
	"fmt"
	"sync"

	"sidecar/internal/phone"
)

// perform is the call: answered, transferred, hung up. It stops at the first thing
// that is wrong, because what comes after would only repeat it.
func (d *demo) perform(ctx context.Context) error {
	d.screen.step("the customer dials %s", d.settings.number)
	customer, first, err := d.answered(ctx)
	if err != nil {
		return err
	}
	if err = d.talk(ctx, customer, first, d.first.User(), firstTone); err != nil {
		return err
	}
	id, second, err := d.transferred(ctx, customer, first)
	if err != nil {
		return err
	}
	if err = d.talk(ctx, customer, second, d.second.User(), secondTone); err != nil {
		return err
	}
	if err = d.prove(ctx, "audio: the customer does not hear "+d.first.User()+" any more", func(ctx context.Context) error {
		return customer.WaitNoTone(ctx, firstTone)
	}); err != nil {
		return err
	}
	return d.hungUp(ctx, id, customer, second)
}

func (d *demo) answered(ctx context.Context) (customer, agent *phone.Call, err error) {
	if customer, err = d.customer.Dial(ctx, d.settings.number); err != nil {
		return nil, nil, fmt.Errorf("dial: %w", err)
	}
	if agent, err = d.rings(ctx, d.first, customer); err != nil {
		return nil, nil, err
	}
	err = d.prove(ctx, "SIP: "+d.first.User()+" answers and the customer is connected", func(ctx context.Context) error {
		if answerErr := agent.Answer(ctx); answerErr != nil {
			return fmt.Errorf("answer: %w", answerErr)
		}
		return customer.WaitState(ctx, phone.Established)
	})
	if err != nil {
		return nil, nil, err
	}
	return customer, agent, d.events(ctx, d.first, "Ringing", "Established")
}

// rings waits for the phone to ring. A caller that was refused meanwhile says why it does not.
func (d *demo) rings(ctx context.Context, p *phone.Phone, caller *phone.Call) (agent *phone.Call, err error) {
	err = d.prove(ctx, "SIP: "+p.User()+" rings", func(ctx context.Context) error {
		ctx, cancel := context.WithCancelCause(ctx)
		var watch sync.WaitGroup
		watch.Go(func() {
			select {
			case <-caller.Done():
				cancel(fmt.Errorf("%w %s", phone.ErrEnded, caller.EndCause()))
			case <-ctx.Done():
			}
		})
		agent, err = p.WaitCall(ctx)
		cancel(nil)
		watch.Wait()
		return err
	})
	return agent, err
}

// transferred lets REST move the call from the first DN to the second and returns its id and the second's call.
func (d *demo) transferred(ctx context.Context, customer, first *phone.Call) (id string, second *phone.Call, err error) {
	if err = d.prove(ctx, "REST: the call is listed with "+d.first.User(), func(ctx context.Context) error {
		id, err = d.rest.callOf(ctx, d.first.User())
		return err
	}); err != nil {
		return "", nil, err
	}
	d.screen.step("transferring call %s from %s to %s", id, d.first.User(), d.second.User())
	if err = d.prove(ctx, "REST: the transfer is accepted", func(ctx context.Context) error {
		return d.rest.transfer(ctx, id, d.first.User(), d.second.User())
	}); err != nil {
		return "", nil, err
	}
	if second, err = d.rings(ctx, d.second, customer); err != nil {
		return "", nil, err
	}
	if err = d.prove(ctx, "SIP: "+d.second.User()+" answers", second.Answer); err != nil {
		return "", nil, err
	}
	if err = d.prove(ctx, "SIP: the call of "+d.first.User()+" ends", func(ctx context.Context) error {
		return first.WaitState(ctx, phone.Ended)
	}); err != nil {
		return "", nil, err
	}
	if err = d.events(ctx, d.first, "Ringing", "Established", "Released"); err != nil {
		return "", nil, err
	}
	return id, second, d.events(ctx, d.second, "Ringing", "Established")
}

func (d *demo) hungUp(ctx context.Context, id string, customer, second *phone.Call) error {
	d.screen.step("hanging up call %s", id)
	if err := d.prove(ctx, "REST: the hang-up is accepted", func(ctx context.Context) error {
		return d.rest.hangup(ctx, id)
	}); err != nil {
		return err
	}
	if err := d.prove(ctx, "SIP: both sides are hung up", func(ctx context.Context) error {
		if err := customer.WaitState(ctx, phone.Ended); err != nil {
			return fmt.Errorf("customer: %w", err)
		}
		return second.WaitState(ctx, phone.Ended)
	}); err != nil {
		return err
	}
	return d.events(ctx, d.second, "Ringing", "Established", "Released")
}

// talk proves by tone that customer and agent hear one another.
func (d *demo) talk(ctx context.Context, customer, agent *phone.Call, name string, agentTone float64) error {
	if err := d.prove(ctx, fmt.Sprintf("audio: the customer hears %s (%g Hz)", name, agentTone), func(ctx context.Context) error {
		return customer.WaitTone(ctx, agentTone)
	}); err != nil {
		return err
	}
	return d.prove(ctx, fmt.Sprintf("audio: %s hears the customer (%d Hz)", name, customerTone), func(ctx context.Context) error {
		return agent.WaitTone(ctx, customerTone)
	})
}

func (d *demo) events(ctx context.Context, p *phone.Phone, names ...string) error {
	return d.prove(ctx, fmt.Sprintf("feed: %s saw %v", p.User(), names), func(ctx context.Context) error {
		return d.feed.wait(ctx, p.User(), names...)
	})
}
