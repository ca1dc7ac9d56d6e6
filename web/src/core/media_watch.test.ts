import { expect, it } from "vitest";
import { MediaWatch } from "./media_watch.ts";
import type { LegStats } from "./phone_ports.ts";
import { FakeClock } from "./testing.ts";

const stats = (change: Partial<LegStats>): LegStats =>
    ({ connection: "connected", received: 0, sent: 0, lost: 0, jitter: 0, roundTrip: 0, ...change });

it("tells how the media is, once a second", async () => {
    const clock = new FakeClock();
    const watch = new MediaWatch(clock);
    const seen: string[] = [];
    watch.on("report", ({ state, loss }) => seen.push(loss === 0 ? state : `${state} ${loss}`));
    let current: LegStats | null = null;
    const subject = { id: "leg-1", stats: () => Promise.resolve(current) };
    watch.watch(subject);
    for (const now of [
        null,
        stats({ connection: "connecting" }),
        stats({ received: 50 }),
        stats({ received: 95, lost: 5 }),
        stats({ received: 95, lost: 5 }),
        stats({ connection: "disconnected", received: 95, lost: 5 }),
    ]) {
        current = now;
        await clock.pass(1000);
    }
    expect(seen).toEqual(["connecting", "connecting", "flowing", "flowing 0.1", "silent", "lost"]);
    watch.watch({ ...subject }); // the same leg
    watch.watch(null);
    await clock.pass(5000);
    expect(seen.slice(6)).toEqual(["idle"]);
    expect(clock.waiting).toBe(0);
});

it("ignores what a leg says that is no longer watched, and a leg that fails", async () => {
    const clock = new FakeClock();
    const watch = new MediaWatch(clock);
    let tell: (answer: LegStats) => void = () => undefined;
    watch.watch({ id: "leg-1", stats: () => new Promise((resolve) => (tell = resolve)) });
    await clock.pass(1000);
    watch.watch({ id: "leg-2", stats: () => Promise.reject(new Error("gone")) });
    tell(stats({ received: 50 }));
    await clock.pass(2000);
    expect(watch.report.state).toBe("connecting");
});
