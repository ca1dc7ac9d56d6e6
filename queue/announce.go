package queue

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// fewestDigits is what a number has that can be called back; a shorter one is no caller id.
const fewestDigits = 3

// announce tells a caller what is due: how things stand, and that it may be called back.
func (b *board) announce(c *caller, now time.Time) effect {
	s := c.queue
	status := s.Announce.Every > 0 && !c.announceAt.After(now)
	offer := b.mayCallBack(c) && now.Sub(c.since) >= s.Callback.After
	if c.announcing || !status && (!offer || c.prompted) {
		return nil
	}
	var media []string
	if status {
		c.announceAt = now.Add(s.Announce.Every)
		media = b.status(c, now)
	}
	if offer {
		c.prompted = true
		media = append(media, sound(s.Callback.Prompt)...)
	}
	if len(media) == 0 {
		return nil
	}
	c.announcing = true
	return announceEffect{call: c.call.ID, media: media}
}

// status says how things stand in the words of the sounds.
func (b *board) status(c *caller, now time.Time) []string {
	a := c.queue.Announce
	position := b.position(c, now)
	var media []string
	switch {
	case !a.Position:
	case position == 1:
		media = sound(a.Next)
	default:
		media = slices.Concat(sound(a.ThereAre), number(position), sound(a.CallsWaiting))
	}
	if wait := b.ledgers[c.queue.Name].estimate(now, position); a.WaitTime && wait > 0 {
		minutes := int((wait + time.Minute - 1) / time.Minute)
		media = slices.Concat(media, sound(a.HoldTime), number(minutes), sound(a.Minutes))
	}
	if len(media) > 0 {
		media = append(media, sound(a.Thanks)...)
	}
	return media
}

// position is where a caller stands in the queue, from 1.
func (b *board) position(c *caller, now time.Time) int {
	return 1 + slices.IndexFunc(b.ordered(c.queue, now), func(o candidate) bool { return o.key == string(c.call.ID) })
}

func sound(name string) []string {
	if name == "" {
		return nil
	}
	return []string{"sound:" + name}
}

func number(n int) []string { return []string{"number:" + strconv.Itoa(n)} }

// mayCallBack reports whether a caller can be offered a callback: its number is known, and the rules allow it.
func (b *board) mayCallBack(c *caller) bool {
	digits := strings.TrimPrefix(c.call.ANI, "+")
	if c.queue.Callback.After == 0 || len(digits) < fewestDigits || strings.Trim(digits, "0123456789") != "" {
		return false
	}
	return b.dialable == nil || b.dialable(c.queue.Class, c.call.ANI)
}
