import { expect, it } from "vitest";
import { button, drawn, expectAccessible, heard, mount, one, type, words } from "../testing.ts";
import "./index.ts";

it("dials what was typed and what was tapped, once", async () => {
    const dialer = await mount("sidecar-dialer", { route: "here" });
    const dialled = heard<string>(dialer, "sidecar-dial");
    expect(button(dialer, "Call").disabled).toBe(true);
    type(dialer, "input", "50");
    await drawn(dialer);
    button(dialer, "0").click();
    button(dialer, "2").click();
    await drawn(dialer);
    expect(one<HTMLInputElement>(dialer, "input").value).toBe("5002");
    button(dialer, "Call").click();
    await drawn(dialer);
    button(dialer, "Call").click();
    expect(dialled).toEqual(["5002"]);
    await expectAccessible(dialer);
});

it("says when another phone will ring, and when there is none", async () => {
    const dialer = await mount("sidecar-dialer", { route: "other" });
    expect(words(dialer, ".hint")).toEqual(["Your other phone rings first."]);
    dialer.route = "none";
    type(dialer, "input", "5002");
    await drawn(dialer);
    expect(words(dialer, ".hint")).toEqual(["No phone is registered for this DN."]);
    expect(button(dialer, "Call").disabled).toBe(true);
});
