import { describe, expect, it } from "vitest";
import { agentChannel, callChannel, Feed } from "./feed.ts";
import { readFeedEvent } from "./feed_event.ts";
import { FakeBayeux, must, wireCall, wireEvent } from "./testing.ts";

function rig() {
    const client = new FakeBayeux();
    const feed = new Feed(client, "p1");
    const states: string[] = [];
    const events: string[] = [];
    feed.on("state", (state) => states.push(state));
    feed.on("event", (event) => events.push(`${event.channel} ${event.name} ${event.id}`));
    feed.start("t-1");
    return { client, feed, states, events };
}

describe("Feed", () => {
    it("opens both channels with the token and tells how the connection is", () => {
        const { client, states } = rig();
        const options = must(client.options);
        expect(options.token).toBe("t-1");
        expect(options.channels).toEqual([agentChannel, callChannel, "/phone/p1"]);
        options.onState("up");
        options.onState("up");
        options.onState("down");
        expect(states).toEqual(["connecting", "up", "down"]);
    });

    it("drops an event that comes twice on its channel", () => {
        const { client, events } = rig();
        client.say(agentChannel, wireEvent("Ringing", { eventId: "1" }));
        client.say(agentChannel, wireEvent("Ringing", { eventId: "1" }));
        client.say(callChannel, wireEvent("Ringing", { eventId: "1" }));
        expect(events).toEqual([`${agentChannel} Ringing 1`, `${callChannel} Ringing 1`]);
    });

    it("does not grow with the events that it remembers", () => {
        const { client, events } = rig();
        for (let i = 0; i < 5000; i += 1) {
            client.say(agentChannel, wireEvent("Ringing", { eventId: `e${i}` }));
        }
        client.say(agentChannel, wireEvent("Ringing", { eventId: "e0" })); // long forgotten
        client.say(agentChannel, wireEvent("Ringing", { eventId: "e4999" }));
        expect(events).toHaveLength(5001);
    });

    it("goes on where it was, on each channel", () => {
        const { client } = rig();
        const options = must(client.options);
        expect(options.cursors()).toEqual({});
        client.say(agentChannel, wireEvent("Ringing", { cursor: "a:7" }));
        client.say(callChannel, wireEvent("Ringing", { cursor: "a:8" }));
        client.say(agentChannel, wireEvent("Reset", { cursor: "" }));
        expect(options.cursors()).toEqual({ [agentChannel]: "a:7", [callChannel]: "a:8" });
    });

    it("forgets everything with the session", () => {
        const { client, feed, states, events } = rig();
        client.say(agentChannel, wireEvent("Ringing"));
        feed.stop();
        feed.stop();
        client.say(agentChannel, wireEvent("Released"));
        expect(client.closed).toBe(1);
        expect(states).toEqual(["connecting", "off"]);
        expect(events).toHaveLength(1);
        feed.start("t-2");
        expect(must(client.options).cursors()).toEqual({});
        client.say(agentChannel, wireEvent("Ringing"));
        expect(events).toHaveLength(2);
    });

    it("stays denied", () => {
        const { client, states } = rig();
        must(client.options).onState("denied");
        must(client.options).onState("down");
        expect(states).toEqual(["connecting", "denied"]);
    });
});

describe("readFeedEvent", () => {
    it("reads an event", () => {
        const event = readFeedEvent(agentChannel, wireEvent("Released", {
            call: wireCall("C1", "Released"), attributes: { Cause: 16, ErrorMessage: "no", ReferenceID: "op-1" },
        }));
        expect(event).toMatchObject({
            name: "Released", dn: "5001", cause: 16, error: "no", reference: "op-1", snapshot: false, dnState: null,
            call: { id: "C1", state: "Released", userData: { Segment: "Gold" }, startedAt: Date.parse("2026-11-20T21:00:00.123Z") },
        });
    });

    it("takes nothing that is no event, and leaves out what has the wrong type", () => {
        for (const data of [null, 5, "x", [], {}, { event: 1 }]) {
            expect(readFeedEvent(agentChannel, data)).toBeNull();
        }
        expect(readFeedEvent(agentChannel, { event: "Held", call: { id: "C1", state: "Flying" }, dnState: 3, seq: "9" }))
            .toMatchObject({ call: null, dnState: null, seq: 0, time: 0 });
        expect(readFeedEvent(agentChannel, { event: "Held", call: { id: "C1", state: "Held", participants: [1], userData: [] } })?.call)
            .toMatchObject({ participants: [{ number: "", role: "" }], userData: {} });
    });
});
