import { expect, it } from "vitest";
import { agentChannel, callChannel } from "../../core/feed.ts";
import type { FeedEvent } from "../../core/feed_event.ts";
import { button, drawn, expectAccessible, heard, line, mount, one, words } from "../testing.ts";
import "./index.ts";

const event = (change: Partial<FeedEvent>): FeedEvent => ({
    channel: agentChannel, name: "Ringing", id: "1", cursor: "", seq: 1, time: Date.parse("2026-11-20T21:00:02Z"), snapshot: false, dn: "5001",
    call: null, dnState: null, cause: 0, error: "", reference: "", ...change,
});

it("shows events as they come", async () => {
    const events = await mount("sidecar-events");
    const cleared = heard(events, "sidecar-clear");
    expect(words(events, ".list")).toEqual(["Nothing has happened yet."]);
    expect(button(events, "Clear").disabled).toBe(true);
    events.events = [
        event({ id: "2", name: "Error", error: "no such number", cause: 1 }),
        event({ id: "1", call: line().call }),
        event({ id: "1", channel: callChannel, call: { ...line().call, otherDn: "" } as FeedEvent["call"], snapshot: true }),
    ];
    await drawn(events);
    expect(words(events, ".name")).toEqual(["Error", "Ringing", "Ringing"]);
    expect(words(events, ".dn")).toEqual(["DN 5001", "DN 5001", "Call"]);
    expect(words(events, ".detail")).toEqual(["no such number · Q.850 1", "5002 · Inbound · C1", "5002 → 8000 · Inbound · C1 · as of now"]);
    expect(one(events, "time").getAttribute("datetime")).toBe("2026-11-20T21:00:02.000Z");
    button(events, "Clear").click();
    expect(cleared).toHaveLength(1);
    await expectAccessible(events);
});
