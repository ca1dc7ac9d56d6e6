package cti_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"sidecar/cti"
)

// The page is written from the catalogue and the encoder's cases, so that it can't tell anything else than they do.
func TestDocsPage(t *testing.T) {
	t.Parallel()
	var page bytes.Buffer
	page.WriteString(strings.TrimPrefix(docsHead, "\n"))
	writeTable(&page)
	page.WriteString(docsFields)
	page.WriteString("\n## Examples\n")
	for _, c := range encodeCases() {
		fmt.Fprintf(&page, "\n### %s\n\n`%s`\n\n```json\n%s```\n", c.name, cti.Line(c.event), pretty(t, c.event))
	}
	golden(t, filepath.Join("..", "docs", "cti-events.md"), page.Bytes())
}

func writeTable(page *bytes.Buffer) {
	page.WriteString("\n## The events\n\n| `event` | `messageType` | `messageId` | channel | what it means |\n|---|---|---|---|---|\n")
	for _, kind := range cti.Kinds() {
		name, channel := "`"+kind.Name+"`", "`/user/agent/events`"
		if kind.Name == "" {
			name = "`Dialing`, `Ringing`, `Established`, `Held`"
		}
		if kind.Topic == cti.TopicCall {
			channel = "`/call/state`"
		}
		fmt.Fprintf(page, "| %s | `%s` | %d | %s | %s |\n", name, kind.MessageType, kind.MessageID, channel, kind.Meaning)
	}
	page.WriteString("| `Reset` | `Reset` | | both | forget what you know of this channel, a snapshot follows (see \"Coming back\") |\n")
}

const docsHead = `
# CTI events

<!-- Generated from package cti: go test ./cti -run Docs -update -->

What happens to calls and DNs, in the words of a Genesys T-Server. The events come over CometD (Bayeux 1.0, by
WebSocket or long-polling) at ` + "`/cometd`" + `; names and numbers of the messages are those of T-Library.

## Channels

| channel | what comes | who sees it |
|---|---|---|
| ` + "`/user/agent/events`" + ` | what happens to a DN: its calls, whether its phone is registered, and the agent who works there | an agent: the own DNs; a supervisor: the team's too |
| ` + "`/call/state`" + ` | a call as a whole, one message for each change; ` + "`event`" + ` is the call's new state | whoever sees one of the DNs in the call |

Both are subscribed to by name; patterns (` + "`/**`" + `) are refused, and so is publishing (403). Who sees what is decided anew for
every event.

## Token

The handshake needs the token of a login, in one of three places, looked at in this order:

1. the header ` + "`Authorization: Bearer <token>`" + `,
2. the handshake's ` + "`ext`" + `: ` + "`{\"auth\": {\"token\": \"<token>\"}}`" + `,
3. the cookie ` + "`SIDECAR_SESSION`" + `.

A WebSocket needs it with its first request, by header or cookie. Without, it is refused (401), and the client goes on by long-polling: so does a
page that has its token for the ` + "`ext`" + ` only, or for a header, which a page can't add to a WebSocket.

A client that used the header or the cookie sends it with every request; it may go on with a newer token of the same user. A
handshake without a good token is refused with 403 and the advice not to come back. When the token expires or is revoked, the
session ends: the client gets a ` + "`/meta/disconnect`" + ` that it did not ask for, a later request gets 401, both with the advice
not to come back. Log in and shake hands anew.

## Order, repetition

- The events of one call and of one DN come in the order in which they happened. ` + "`seq`" + ` (the same number as the attribute
  ` + "`EventSequenceNumber`" + `) grows by the feed's events, of which you see only your own: holes are normal, going back is not.
- Every event carries the whole call or DN after it. Put it in the place of what you had.
- ` + "`eventId`" + ` is unique. After a break an event may come twice: drop an ` + "`eventId`" + ` that you have seen.
- ` + "`/user/agent/events`" + ` and ` + "`/call/state`" + ` travel independently of each other.

## Snapshot

The answer to a subscription is how things stand, in messages that carry ` + "`\"snapshot\": true`" + `. For ` + "`/user/agent/events`" + `: for each DN
its own state (` + "`InService`" + ` or ` + "`OutOfService`" + `, with the number of its calls in ` + "`dnState.calls`" + `), if an agent is logged in there one named by
the agent's state (` + "`Ready`, `NotReady` or `AfterCallWork`" + `), then a message for each call that it is in, named by the state it has there. For ` + "`/call/state`" + `: one message for each living call. A call that is not in the snapshot has ended; for calls that ended in the last
two minutes their ` + "`Released`" + ` or ` + "`Abandoned`" + ` comes before the snapshot, under its old ` + "`eventId`" + `, since a client without a
cursor may have missed it. Whatever
changes after the snapshot comes as an event; a change that happens while it is taken may come twice, in the
snapshot and as an event.

## Coming back

Every message has a ` + "`cursor`" + `: an opaque text that stands for everything up to this message. Keep the last one of each channel. When the
session was lost (402), name them in the new handshake:

` + "```json" + `
{"ext": {"cursor": {"/user/agent/events": "9f2c41d07a:10236", "/call/state": "9f2c41d07a:10231"}}}
` + "```" + `

A client of one channel may give a string instead of the object. The first subscription to a channel then brings the events after the cursor,
and no snapshot, after a restart of the sidecar, too. If they are no longer kept, or the event log was made anew or may have lost its end (see
[event-log.md](event-log.md#what-survives-what)), the channel begins with a ` + "`Reset`" + `: forget what you know of it, the snapshot follows. A ` + "`Reset`" + ` may
also come in the middle of a session, when the feed itself could not keep up.
`

const docsFields = `
A party that is being called, but whose phone does not ring yet, counts as ` + "`Dialing`" + ` and is told nothing. So does the phone that rings first in a
click-to-dial.

## The fields

| field | meaning |
|---|---|
| ` + "`event`, `messageType`, `messageId`" + ` | see the table above |
| ` + "`eventId`" + ` | unique; the same event has the same id when it is repeated |
| ` + "`cursor`, `seq`" + ` | position in the feed |
| ` + "`timestamp`" + ` | when it happened, UTC |
| ` + "`snapshot`" + ` | true: not an event, but how things stand |
| ` + "`dn`, `agentId`" + ` | whom it concerns; not for ` + "`/call/state`" + ` |
| ` + "`call.id`" + ` | CallUUID, the same for as long as the call lives; ` + "`call.connId`" + ` may change by a transfer or conference (` + "`PreviousConnID`" + `) |
| ` + "`call.state`" + ` | of the DN in the call, for ` + "`/call/state`" + ` of the call: ` + "`Dialing`, `Ringing`, `Established`, `Held`, `Released`" + ` |
| ` + "`call.direction`" + ` | ` + "`in` or `out`" + ` seen from the DN; a call as a whole can be ` + "`internal`" + ` too |
| ` + "`call.participants`" + ` | the others, for ` + "`/call/state`" + ` everybody, each with a ` + "`state`" + ` |
| ` + "`monitorMode`, `monitoredDn`" + ` | of a participant who is a supervisor (` + "`RoleObserver`" + `): how he takes part, and whose call he supervises |
| ` + "`call.capabilities`" + ` | what the DN may do now; ` + "`answer`, `hold` and `retrieve`" + ` only while its phone can be told to; not for ` + "`/call/state`" + ` |
| ` + "`call.duration`" + ` | seconds since ` + "`startedAt`" + ` |
| ` + "`dnState`" + ` | in place of ` + "`call`" + `: the DN's own state; ` + "`activity`" + ` is what it does in its calls |
| ` + "`agent`" + ` | beside ` + "`dnState`" + `: the agent who works at the DN, in ` + "`LoggedOut`" + ` the one who did. ` + "`state`" + ` is ` + "`LoggedOut`, `NotReady`, `Ready` or `AfterCallWork`" + `, ` + "`workMode`" + ` as in ` + "`AgentWorkMode`" + ` |
| ` + "`attributes`" + ` | T-Library's attributes; those that do not apply are left out |

Rules of the attributes: ` + "`ThisDNRole`" + ` is how the DN came into the call, so ` + "`Held` and `Retrieved`" + ` repeat that of ` + "`Ringing`" + `. A
` + "`PartyChanged`" + ` by a transfer always has ` + "`OtherDN`" + `, the new partner, and ` + "`ThirdPartyDN`" + `, who transferred. ` + "`CallState`" + ` says why an event came to be, above all
a ` + "`Released`" + `. ` + "`Cause`" + ` is the Q.850 cause. ` + "`ReferenceID`" + ` names the command that caused the event. ` + "`ErrorMessage`" + ` belongs to ` + "`Error`" + `; error numbers
are not given.

Supervision: all its events are named ` + "`Monitoring`" + `, ` + "`messageType`" + ` tells them apart. ` + "`EventMonitoringNextCall`" + ` tells a supervisor that the order is taken; it is about no call, so it has no ` + "`call`" + `. At the call the
supervisor's DN has the role ` + "`RoleObserver`" + ` and the ` + "`CallState` `Bridged`" + `; its ` + "`OtherDN`" + ` is the partner of the supervised DN. That one is told of it by
` + "`PartyAdded` and `PartyDeleted`" + `, the call's other DNs only while the supervisor can be heard by them (` + "`connect`" + `), and nobody when
` + "`supervision.visible_to_agents`" + ` is off. ` + "`EventPrivateInfo`" + ` has a new mode in ` + "`Extensions.MonitorMode`" + `: ` + "`mute`" + ` (listens), ` + "`coach`" + ` (the supervised one
hears), ` + "`connect`" + ` (all hear).
`
