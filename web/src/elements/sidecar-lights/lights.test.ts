import { expect, it } from "vitest";
import { all, drawn, expectAccessible, mount, words } from "../testing.ts";
import "./index.ts";

it("tells each state by word and form", async () => {
    const lights = await mount("sidecar-lights");
    const moods = (): string[] => all(lights, "li").map((item) => item.className);
    expect(words(lights, "li")).toEqual(["Phoneoff", "Eventsoff", "Soundidle"]);
    expect(moods()).toEqual(["off", "off", "off"]);
    lights.registration = "registered";
    lights.feed = "down";
    lights.media = { state: "flowing", loss: 0.015, jitter: 0.004, roundTrip: 0.02 };
    await drawn(lights);
    expect(moods()).toEqual(["good", "bad", "good"]);
    expect(all(lights, "li")[2]?.title).toBe("1.5 % · 4 ms · RTT 20 ms");
    await expectAccessible(lights);
});
