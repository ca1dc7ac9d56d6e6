import { describe, expect, it } from "vitest";
import { CallsStore } from "./calls.ts";
import { agentChannel, callChannel } from "./feed.ts";
import { readFeedEvent } from "./feed_event.ts";
import { must, wireCall, wireEvent } from "./testing.ts";

function rig() {
    const store = new CallsStore();
    let changes = 0;
    store.on("change", () => (changes += 1));
    const say = (name: string, change: Record<string, unknown>, channel = agentChannel): void => {
        store.handleEvent(must(readFeedEvent(channel, wireEvent(name, change))));
    };
    const ids = (dn: string): string[] => store.of(dn).map((call) => `${call.id} ${call.state}`);
    return { store, say, ids, changes: () => changes };
}

describe("CallsStore", () => {
    it("keeps a DN's calls until they end, oldest first", () => {
        const { say, ids } = rig();
        say("Ringing", { call: wireCall("C2", "Ringing", { startedAt: "2026-11-20T21:00:05.000Z" }) });
        say("Established", { call: wireCall("C1", "Established") });
        expect(ids("5001")).toEqual(["C1 Established", "C2 Ringing"]);
        say("Held", { call: wireCall("C1", "Held") });
        say("Abandoned", { call: wireCall("C2", "Released") });
        expect(ids("5001")).toEqual(["C1 Held"]);
        expect(ids("5002")).toEqual([]);
    });

    it("takes a DN's snapshot in the place of what it knew", () => {
        const { store, say, ids } = rig();
        say("Established", { call: wireCall("C1", "Established") });
        say("Established", { dn: "5002", call: wireCall("C1", "Established") });
        say("InService", { snapshot: true, dnState: { number: "5001", inService: true } });
        say("Held", { snapshot: true, call: wireCall("C3", "Held") });
        expect(ids("5001")).toEqual(["C3 Held"]);
        expect(ids("5002")).toEqual(["C1 Established"]);
        expect(store.inService("5001")).toBe(true);
        expect(store.inService("5002")).toBeUndefined();
        say("OutOfService", { dnState: { number: "5001", inService: false } });
        expect(ids("5001"), "no snapshot: its calls go on").toEqual(["C3 Held"]);
        expect(store.inService("5001")).toBe(false);
    });

    it("forgets at a reset of its channel only", () => {
        const { say, ids } = rig();
        say("Established", { call: wireCall("C1", "Established") });
        say("Reset", { dn: undefined }, callChannel);
        expect(ids("5001")).toEqual(["C1 Established"]);
        say("Reset", { dn: undefined });
        expect(ids("5001")).toEqual([]);
    });

    it("logs every event, newest first, and not for ever", () => {
        const { store, say, changes } = rig();
        for (let i = 0; i < 250; i += 1) {
            say("Held", { eventId: `e${i}`, call: wireCall("C1", "Held") }, callChannel);
        }
        expect(changes(), "calls as a whole are not a DN's").toBe(0);
        expect(store.log).toHaveLength(200);
        expect(store.log[0]?.id).toBe("e249");
        store.clearLog();
        expect(store.log).toEqual([]);
    });
});
