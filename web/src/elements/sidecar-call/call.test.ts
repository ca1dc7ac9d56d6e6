import { expect, it } from "vitest";
import { all, button, drawn, expectAccessible, heard, line, mount, one, type, words } from "../testing.ts";
import type { CallAction } from "./call.ts";
import "./index.ts";

it.each([
    ["incoming", line({ state: "incoming" }), ["Answer", "Reject"]],
    ["calling", line({ state: "dialing" }), ["Hang up"]],
    ["talking", line(), ["Hold", "Mute", "Keypad", "Transfer", "Hang up"]],
    ["not told by the server yet", line({ call: null }), ["Hold", "Mute", "Keypad", "Hang up"]],
    ["muted", line({}, { muted: true }), ["Hold", "Unmute", "Keypad", "Transfer", "Hang up"]],
    ["held", line({ state: "held" }), ["Retrieve", "Transfer", "Hang up"]],
    ["on another phone", line({ leg: null }), ["Transfer", "Hang up"]],
    ["ringing on another phone", line({ leg: null, state: "incoming" }), ["Hang up"]],
])("offers what can be done: %s", async (_, shown, want) => {
    const call = await mount("sidecar-call", { line: shown, now: 66_000 });
    expect(words(call, ".actions button")).toEqual(want);
    await expectAccessible(call);
});

it("tells who it is, for how long, and with what data", async () => {
    const call = await mount("sidecar-call", { line: line({ userData: { Segment: "Gold" } }, { heldByOther: true }), now: 66_000 });
    expect(words(call, "h3, time, .quiet, dt, dd, .warn")).toEqual(
        ["5002", "1:05", "Talking", "Ben", "Held by the other side", "dialled", "8000", "Segment", "Gold"]);
    call.now = 1000 + 3_725_000;
    await drawn(call);
    expect(words(call, "time")).toEqual(["1:02:05"]);
});

it("shows data of the caller as text, whatever it is", async () => {
    const call = await mount("sidecar-call", { line: line({ number: "<img src=x onerror=alert(1)>", userData: { "<b>": "<script>" } }) });
    expect(all(call, "img, script, b")).toEqual([]);
    expect(words(call, "h3")).toEqual(["<img src=x onerror=alert(1)>"]);
});

it("sends what the agent wants", async () => {
    const call = await mount("sidecar-call", { line: line() });
    const wanted = heard<CallAction>(call, "sidecar-call-action");
    for (const text of ["Hold", "Mute", "Hang up", "Keypad"]) {
        button(call, text).click();
    }
    await drawn(call);
    button(call, "5").click();
    button(call, "Transfer").click();
    await drawn(call);
    expect(call.shadowRoot?.activeElement, "the number can be typed at once").toBe(one(call, "form input"));
    type(call, "form input", "5003");
    await drawn(call);
    await expectAccessible(call);
    one(call, "form button.primary").click();
    await drawn(call);
    expect(all(call, "form")).toEqual([]);
    expect(wanted.map((action) => ("value" in action ? `${action.verb} ${action.value}` : action.verb)))
        .toEqual(["hold", "mute", "hangUp", "dtmf 5", "transfer 5003"]);
});
