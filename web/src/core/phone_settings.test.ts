import { expect, it } from "vitest";
import { defaultSettings, doorOf, type PhoneSettings, SettingsKeeper } from "./phone_settings.ts";
import { RestError } from "./rest.ts";
import { FakeClock, settle } from "./testing.ts";

function rig(...answers: (PhoneSettings | RestError)[]) {
    const clock = new FakeClock();
    const asked: string[] = [];
    const phoneSettings = (token: string): Promise<PhoneSettings> => {
        asked.push(token);
        const answer = answers.shift() ?? defaultSettings;
        return answer instanceof RestError ? Promise.reject(answer) : Promise.resolve(answer);
    };
    const keeper = new SettingsKeeper({ rest: { phoneSettings }, clock, random: () => 1 });
    const told: PhoneSettings[] = [];
    keeper.on("change", (settings) => told.push(settings));
    return { keeper, clock, asked, told };
}

const unreachable = new RestError("unreachable", 0, "");
const missing = new RestError("not_found", 404, "");

it("goes without an older server's settings", async () => {
    const { keeper, clock, told } = rig(missing);
    keeper.start("t");
    await settle();
    expect([told, clock.waiting]).toEqual([[defaultSettings], 0]);
});

it("asks ever more slowly while the server can't be reached", async () => {
    const { keeper, clock, asked, told } = rig(unreachable, new RestError("", 503, ""), unreachable, { ...defaultSettings, path: "/x" });
    keeper.start("t");
    await settle();
    await clock.pass(999);
    expect(asked).toHaveLength(1);
    await clock.pass(1 + 2000);
    expect(asked).toHaveLength(3);
    await clock.pass(3999);
    expect([asked.length, keeper.current]).toEqual([3, null]);
    await clock.pass(1);
    expect([told.length, keeper.current?.path]).toEqual([1, "/x"]);
});

it("renews what ends, and keeps the old until it has the new", async () => {
    const { keeper, clock, told } = rig({ ...defaultSettings, ttl: 600 }, unreachable, { ...defaultSettings, ttl: 600, path: "/x" });
    keeper.start("t");
    await settle();
    await clock.pass(450_000);
    expect([told.length, keeper.current?.path]).toEqual([1, "/ws"]);
    await clock.pass(1000);
    expect([told.length, keeper.current?.path]).toEqual([2, "/x"]);
    keeper.stop();
    expect([keeper.current, clock.waiting]).toEqual([null, 0]);
});

it("forgets the answer to another user", async () => {
    const { keeper, told } = rig();
    keeper.start("t");
    keeper.stop();
    await settle();
    expect([told, keeper.current]).toEqual([[], null]);
});

it.each([
    ["5001", { path: "/ws", byPassword: false }], ["5002", { path: "/asterisk-ws", byPassword: true }], ["5003", null],
    ["5004", { path: "/ws", byPassword: false }],
])("connects %s at %j", (dn, door) => {
    const dns = [{ number: "5001", owner: "sidecar" }, { number: "5002", owner: "asterisk-webrtc" }, { number: "5003", owner: "phone" }];
    expect(doorOf({ ...defaultSettings, dns }, dn)).toEqual(door);
});
