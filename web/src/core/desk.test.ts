import { describe, expect, it } from "vitest";
import { CallMemory } from "./call_memory.ts";
import { Desk } from "./desk.ts";
import { Devices } from "./devices.ts";
import { agentChannel, Feed } from "./feed.ts";
import { MediaWatch } from "./media_watch.ts";
import { Phone } from "./phone.ts";
import { type PhoneSettings, readPhoneSettings, SettingsKeeper } from "./phone_settings.ts";
import { Session } from "./session.ts";
import { account, FakeAgent, FakeBayeux, FakeClock, FakeMicrophones, FakeStorage, identity, must, settle, wireCall, wireEvent } from "./testing.ts";

async function rig(told: readonly Record<string, unknown>[] = [{}], secure = true) {
    const clock = new FakeClock();
    const agent = new FakeAgent();
    const bayeux = new FakeBayeux();
    const microphones = new FakeMicrophones();
    const did: string[] = [];
    const storage = new FakeStorage();
    const command = (...words: string[]): Promise<never> => {
        did.push(words.join(" "));
        return Promise.resolve(undefined as never);
    };
    const answers = told.map(readPhoneSettings);
    const phoneSettings = (): Promise<PhoneSettings> => Promise.resolve(must(answers.length > 1 ? answers.shift() : answers[0]));
    const desk = new Desk({
        session: new Session({
            rest: { login: () => Promise.resolve(identity()), logout: () => Promise.resolve() },
            windowStorage: new FakeStorage(), storage, clock,
        }),
        feed: new Feed(bayeux, "p1"),
        phone: new Phone({ agent, microphones, clock, random: () => 1, memory: new CallMemory(new FakeStorage(), clock) }),
        settings: new SettingsKeeper({ rest: { phoneSettings }, clock, random: () => 1 }),
        secure,
        windowStorage: new FakeStorage(),
        devices: new Devices({ list: () => Promise.resolve([{ id: "m", kind: "microphone", label: "M" }]), onChange: () => undefined, ask: () => Promise.resolve() }, storage),
        media: new MediaWatch(clock),
        rest: {
            makeCall: (token, from, to) => command("call", token, from, to),
            transfer: (token, call, dn, to) => command("transfer", token, call, dn, to),
            hangup: (token, call) => command("hangup", token, call),
        },
    });
    await desk.session.logIn("anna", "secret");
    await settle();
    const say = (name: string, change: Record<string, unknown>): void => {
        bayeux.say(agentChannel, wireEvent(name, { eventId: `${name}${Math.random()}`, ...change }));
    };
    return { desk, agent, bayeux, microphones, did, say, clock };
}

const failure = (promise: Promise<unknown>): Promise<unknown> => promise.then(() => "no error", (error: unknown) => (error as { code: string }).code);

describe("Desk", () => {
    it("starts feed and phone with the login's token, and ends both with it", async () => {
        const { desk, agent, bayeux, say } = await rig();
        expect(must(bayeux.options).token).toBe("t-1");
        expect(agent.account).toEqual(account);
        say("Ringing", { call: wireCall("C1", "Ringing") });
        expect(desk.lines).toHaveLength(1);
        await desk.session.logOut();
        expect([desk.feed.state, desk.phone.registration, desk.lines.length, desk.store.log.length]).toEqual(["off", "off", 0, 0]);
    });

    it("registers the other DN when it is chosen", async () => {
        const { desk, agent } = await rig();
        desk.session.chooseDn("5002");
        expect(agent.did).toEqual(["start 5001", "stop", "start 5002"]);
    });

    it("connects each DN where its owner is, and not for a phone that is no browser", async () => {
        const dns = [{ number: "5001", owner: "phone" }, { number: "5002", owner: "asterisk-webrtc" }];
        const { desk, agent } = await rig([{ dns, registerExpires: 120 }]);
        expect([agent.did, desk.phone.registration, desk.passwordWanted]).toEqual([[], "off", false]);
        desk.session.chooseDn("5002");
        expect([agent.did, desk.passwordWanted], "Asterisk knows no tokens").toEqual([[], true]);
        desk.usePassword("wrong");
        expect(agent.account).toEqual({ ...account, dn: "5002", path: "/asterisk-ws", registerExpires: 120, credential: { password: "wrong" } });
        agent.tell.onRegisterFailed(401);
        expect([desk.passwordWanted, desk.phone.registration]).toEqual([true, "off"]);
        desk.usePassword("right");
        agent.tell.onRegistered();
        expect([desk.passwordWanted, desk.phone.registration]).toEqual([false, "registered"]);
        desk.session.chooseDn("5001");
        desk.session.chooseDn("5002");
        expect(desk.phone.registration).toBe("connecting");
        await desk.session.logOut();
        await desk.session.logIn("anna", "secret");
        await settle();
        expect([desk.session.dn, desk.passwordWanted]).toEqual(["5002", true]);
    });

    it("leaves the DN to others when the browser gives this page no microphone", async () => {
        const { desk, agent, bayeux } = await rig([{}], false);
        expect([agent.did, desk.phone.registration, bayeux.options?.token]).toEqual([[], "off", "t-1"]);
    });

    it("takes new settings without disturbing the phone, unless it connects otherwise", async () => {
        const { agent, clock } = await rig([{ ttl: 600 }, { ttl: 600, iceServers: [{ urls: "turn:a" }] }, { ws: "/ws2" }]);
        await clock.pass(450_000);
        expect(agent.did).toEqual(["start 5001"]);
        await clock.pass(450_000);
        expect(agent.did).toEqual(["start 5001", "stop", "start 5001"]);
        expect(agent.account?.path).toBe("/ws2");
    });

    it("says that the server stops, until it is registered with the next one", async () => {
        const { desk, agent, bayeux } = await rig();
        agent.tell.onRegistered();
        bayeux.say("/phone/p1", { id: "1", verb: "drain" });
        await settle();
        expect([desk.draining, bayeux.published]).toEqual([true, [{ channel: "/service/phone", id: "1", ok: true }]]);
        agent.tell.onDisconnected();
        expect(desk.draining).toBe(true);
        agent.tell.onRegistered();
        expect(desk.draining).toBe(false);
    });

    it("is out when the feed takes the token no more", async () => {
        const { desk, bayeux } = await rig();
        must(bayeux.options).onState("denied");
        expect([desk.session.state, desk.session.failure?.code]).toEqual(["out", "expired"]);
    });

    it("shows a leg and what the server tells of it as one line", async () => {
        const { desk, agent, say } = await rig();
        agent.tell.onRegistered();
        const rung: (string | null)[] = [];
        desk.on("ringing", (line) => rung.push(line?.number ?? null));
        const leg = agent.ring("+49301234567");
        say("Ringing", { call: wireCall("C1", "Ringing") });
        say("Established", { call: wireCall("C9", "Established", { otherDn: "5009", participants: [] }) });
        expect(desk.lines.map((line) => [line.number, line.leg?.id, line.call?.id, line.dnis])).toEqual([
            ["+49301234567", "leg-1", "C1", "8000"], ["5009", undefined, "C9", "8000"],
        ]);
        leg.tell.onEnded({ by: "there", status: 487 });
        expect(rung).toEqual(["+49301234567", null]);
    });

    it("matches by CallUUID before number, and the only ones left", async () => {
        const { desk, agent, say } = await rig();
        agent.ring("8000", { callUuid: "C2" });
        agent.ring("8000", { callUuid: "C1" });
        agent.ring("anonymous");
        for (const id of ["C1", "C2", "C3"]) {
            say("Ringing", { call: wireCall(id, "Ringing") });
        }
        expect(desk.lines.map((line) => line.call?.id)).toEqual(["C2", "C1", "C3"]);
    });

    it("dials from this phone, else lets the DN's other phone ring", async () => {
        const { desk, agent, did, say } = await rig();
        expect(await failure(desk.dial("5002")), "no phone at all").toBe("not_registered");
        say("InService", { dnState: { number: "5001", inService: true } });
        await desk.dial("50 02");
        expect(await failure(desk.dial("?"))).toBe("no_number");
        expect(did).toEqual(["call t-1 5001 5002"]);
        agent.tell.onRegistered();
        await desk.dial("5003");
        expect(agent.did.at(-1)).toBe("call 5003");
        expect(did).toHaveLength(1);
    });

    it("transfers by the server, once it has told of the call", async () => {
        const { desk, agent, did, say } = await rig();
        agent.ring("+49301234567");
        expect(await failure(desk.transfer(must(desk.lines[0]), "5003"))).toBe("no_such_call");
        say("Ringing", { call: wireCall("C1", "Ringing") });
        await desk.transfer(must(desk.lines[0]), "5003");
        expect(await failure(desk.transfer(must(desk.lines[0]), ""))).toBe("no_number");
        expect(did).toEqual(["transfer t-1 C1 5001 5003"]);
    });

    it("hangs up its own leg, or another phone's call", async () => {
        const { desk, agent, did, say } = await rig();
        const leg = agent.ring("5002");
        await desk.hangUp(must(desk.lines[0]));
        expect(leg.did).toEqual(["reject"]);
        say("Established", { call: wireCall("C1", "Established") });
        await desk.hangUp(must(desk.lines[0]));
        expect(did).toEqual(["hangup t-1 C1"]);
    });

    it("tells when nobody could be reached", async () => {
        const { desk, agent } = await rig();
        agent.tell.onRegistered();
        const failed: unknown[] = [];
        desk.on("callFailed", (call) => failed.push(call));
        await desk.dial("5002");
        agent.lastLeg.tell.onEnded({ by: "there", status: 486 });
        await desk.dial("5003");
        desk.phone.hangUp("leg-2");
        await desk.dial("5004");
        agent.lastLeg.tell.onConnected();
        agent.lastLeg.tell.onEnded({ by: "there", status: 0 });
        expect(failed).toEqual([{ number: "5002", status: 486 }]);
    });

    it("watches the media of the call that talks", async () => {
        const { desk, agent, clock } = await rig();
        agent.tell.onRegistered();
        await desk.dial("5002");
        expect(desk.media.report.state).toBe("idle");
        agent.lastLeg.current = { connection: "connected", received: 10, sent: 1, lost: 0, jitter: 0, roundTrip: 0 };
        agent.lastLeg.tell.onConnected();
        await clock.pass(1000);
        expect(desk.media.report.state).toBe("flowing");
        await desk.phone.hold("leg-1");
        expect(desk.media.report.state, "silence is as it should be").toBe("idle");
        await desk.phone.retrieve("leg-1");
        expect(desk.media.report.state).toBe("connecting");
        desk.phone.hangUp("leg-1");
        expect(desk.media.report.state).toBe("idle");
    });

    it("takes the newly chosen microphone into the call", async () => {
        const { desk, agent } = await rig();
        agent.tell.onRegistered();
        await desk.devices.refresh();
        await desk.dial("5002");
        desk.devices.choose("microphone", "m");
        await settle();
        expect(agent.lastLeg.did).toContain("replace microphone");
    });
});
