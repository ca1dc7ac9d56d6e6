import { describe, expect, it } from "vitest";
import { CallMemory } from "./call_memory.ts";
import { dialable } from "./numbers.ts";
import { Phone } from "./phone.ts";
import { account, FakeAgent, FakeClock, FakeMicrophones, FakeStorage, must, settle } from "./testing.ts";

function rig(registered = true, storage = new FakeStorage()) {
    const agent = new FakeAgent();
    const microphones = new FakeMicrophones();
    const clock = new FakeClock();
    const phone = new Phone({ agent, microphones, clock, random: () => 1, memory: new CallMemory(storage, clock) });
    const registrations: string[] = [];
    const calls: string[] = [];
    phone.on("registration", ({ state, status }) => registrations.push(status === 0 ? state : `${state} ${status}`));
    phone.on("call", (call) => calls.push(`${call.id} ${call.state}`));
    phone.start(account);
    if (registered) {
        agent.tell.onRegistered();
    }
    const state = (id: string): string | undefined => phone.calls.find((call) => call.id === id)?.state;
    /** A call that talks. */
    const talk = async (number: string): Promise<string> => {
        const id = await phone.dial(number);
        agent.lastLeg.tell.onConnected();
        return id;
    };
    return { agent, microphones, clock, phone, registrations, calls, state, talk, storage };
}

const failure = (promise: Promise<unknown>): Promise<unknown> => promise.then(() => "no error", (error: unknown) => (error as { code: string }).code);

describe("registration", () => {
    it("follows the agent", () => {
        const { agent, registrations, phone } = rig(false);
        agent.tell.onConnected();
        agent.tell.onRegistered();
        agent.tell.onDisconnected();
        agent.tell.onRegisterFailed(503);
        agent.tell.onRegisterFailed(0);
        agent.tell.onRegisterFailed(403);
        phone.register();
        expect(registrations).toEqual(["connecting", "registered", "down", "down 503", "down", "refused 403", "connecting"]);
        expect(agent.did).toEqual(["start 5001", "register"]);
    });

    it("tries again ever more slowly while the server fails, but not after a refusal", async () => {
        const { agent, phone, clock } = rig(false);
        const registers = (): number => agent.did.filter((did) => did === "register").length;
        agent.tell.onRegisterFailed(503);
        await clock.pass(1999);
        expect(registers()).toBe(0);
        await clock.pass(1);
        expect(registers()).toBe(1);
        agent.tell.onRegisterFailed(503);
        await clock.pass(3999);
        expect(registers()).toBe(1);
        await clock.pass(1);
        expect(registers()).toBe(2);
        for (let i = 0; i < 20; i += 1) {
            agent.tell.onRegisterFailed(0);
            await clock.pass(60_000);
        }
        expect(registers()).toBe(22);
        agent.tell.onRegisterFailed(503);
        agent.tell.onDisconnected();
        expect(clock.waiting, "the agent comes back by itself").toBe(0);
        agent.tell.onRegisterFailed(503);
        agent.tell.onRegistered();
        agent.tell.onRegisterFailed(403);
        phone.stop();
        expect(clock.waiting).toBe(0);
    });

    it("ends every call when it stops, and says nothing afterwards", async () => {
        const { agent, phone, registrations, calls, talk, microphones } = rig();
        await talk("5002");
        phone.stop();
        phone.stop();
        agent.tell.onRegistered();
        phone.register();
        expect(registrations.at(-1)).toBe("off");
        expect(calls.at(-1)).toBe("leg-1 ended");
        expect(agent.did.filter((did) => did === "stop")).toHaveLength(1);
        expect(microphones.opened.every((microphone) => microphone.closed)).toBe(true);
    });
});

describe("dialling", () => {
    it("goes through ringing to talking", async () => {
        const { agent, phone, calls, clock } = rig();
        const id = await phone.dial(" +49 (30) 123-45 ");
        expect(agent.did.at(-1)).toBe("call +493012345");
        agent.lastLeg.tell.onProgress();
        await clock.pass(3000);
        agent.lastLeg.tell.onConnected();
        agent.lastLeg.tell.onConnected();
        expect(calls).toEqual(["leg-1 dialing", "leg-1 ringing", "leg-1 talking", "leg-1 talking"]);
        expect(phone.calls[0]).toMatchObject({ id, answeredAt: clock.now(), startedAt: clock.now() - 3000 });
    });

    it("makes one call of a double click, also while the microphone opens", async () => {
        const { agent, phone } = rig();
        const first = phone.dial("5002");
        expect(await failure(phone.dial("5002"))).toBe("already_dialling");
        await first;
        expect(await failure(phone.dial("5002"))).toBe("already_dialling");
        expect(agent.legs).toHaveLength(1);
    });

    it("refuses what can't work", async () => {
        const { phone, microphones } = rig();
        expect(await failure(phone.dial(" "))).toBe("no_number");
        expect(await failure(phone.dial("sip:a@b"))).toBe("no_number");
        microphones.denied = true;
        expect(await failure(phone.dial("5002"))).toBe("microphone_denied");
        microphones.denied = false;
        expect(await phone.dial("5002"), "a refusal is no lasting harm").toBe("leg-1");
        expect(await failure(rig(false).phone.dial("5002"))).toBe("not_registered");
    });

    it("only listens without a microphone", async () => {
        const { phone, microphones } = rig();
        microphones.missing = true;
        await phone.dial("5002");
        expect(phone.calls[0]?.listenOnly).toBe(true);
    });

    it("tells why a call failed", async () => {
        const { agent, phone } = rig();
        const ends: unknown[] = [];
        phone.on("call", (call) => call.end !== null && ends.push(call.end));
        await phone.dial("5002");
        agent.lastLeg.tell.onEnded({ by: "there", status: 486 });
        agent.lastLeg.tell.onEnded({ by: "there", status: 487 });
        agent.lastLeg.tell.onConnected();
        expect(ends).toEqual([{ by: "there", status: 486 }]);
        expect(phone.calls).toEqual([]);
    });
});

describe("answering", () => {
    it("answers once", async () => {
        const { agent, phone, calls } = rig();
        const leg = agent.ring("5002", { callUuid: "U1" });
        const both = Promise.all([failure(phone.answer("leg-1")), failure(phone.answer("leg-1"))]);
        expect(await both).toEqual(["no error", "wrong_state"]);
        leg.tell.onConnected();
        expect(leg.did).toEqual(["answer"]);
        expect(calls.at(-1)).toBe("leg-1 talking");
        expect(phone.calls[0]?.callUuid).toBe("U1");
    });

    it("still rings when the microphone is refused", async () => {
        const { agent, phone, microphones, state } = rig();
        agent.ring("5002");
        microphones.denied = true;
        expect(await failure(phone.answer("leg-1"))).toBe("microphone_denied");
        expect(state("leg-1")).toBe("incoming");
        microphones.denied = false;
        expect(await failure(phone.answer("leg-1"))).toBe("no error");
    });

    it("closes the microphone when the caller gave up while it opened", async () => {
        const { agent, phone, microphones } = rig();
        const leg = agent.ring("5002");
        let open = (): void => undefined;
        microphones.wait = new Promise((resolve) => (open = resolve));
        const answered = failure(phone.answer("leg-1"));
        leg.tell.onEnded({ by: "there", status: 487 });
        open();
        expect(await answered).toBe("no_such_call");
        expect(microphones.opened.map(({ closed }) => closed)).toEqual([true]);
        expect(leg.did).toEqual([]);
    });

    it("rejects what rings and hangs up what talks", async () => {
        const { agent, phone, talk } = rig();
        const ringing = agent.ring("5002");
        phone.hangUp("leg-1");
        expect(ringing.did).toEqual(["reject"]);
        const id = await talk("5003");
        phone.hangUp(id);
        expect(agent.lastLeg.did).toEqual(["hang up"]);
        expect(() => {
            phone.hangUp(id);
        }).toThrow("no_such_call");
    });
});

describe("in a call", () => {
    it("holds the first call for the second, and alternates", async () => {
        const { agent, phone, state, talk } = rig();
        const first = await talk("5002");
        agent.ring("5003");
        await phone.answer("leg-2");
        agent.lastLeg.tell.onConnected();
        expect([state(first), state("leg-2")]).toEqual(["held", "talking"]);
        await phone.retrieve(first);
        expect([state(first), state("leg-2")]).toEqual(["talking", "held"]);
    });

    it("holds the first call before it dials the second", async () => {
        const { agent, phone, state, talk } = rig();
        const first = await talk("5002");
        const second = await phone.dial("5003");
        expect([state(first), state(second)]).toEqual(["held", "dialing"]);
        agent.lastLeg.tell.onConnected();
        expect([state(first), state(second)]).toEqual(["held", "talking"]);
    });

    it("stays as it was when the other side refuses a hold", async () => {
        const { agent, phone, state, talk } = rig();
        const id = await talk("5002");
        agent.lastLeg.refuses = true;
        expect(await failure(phone.hold(id))).toBe("refused_by_other");
        expect(state(id)).toBe("talking");
        agent.lastLeg.refuses = false;
        const both = Promise.all([failure(phone.hold(id)), failure(phone.hold(id))]);
        expect(await both, "a second click joins the first").toEqual(["no error", "no error"]);
        expect(agent.lastLeg.did).toEqual(["hold", "hold"]);
    });

    it("mutes, and sends digits only while it talks", async () => {
        const { agent, phone, talk } = rig();
        const id = await talk("5002");
        phone.mute(id, true);
        expect(phone.calls[0]?.muted).toBe(true);
        phone.dtmf(id, "12,#*");
        expect(agent.lastLeg.did).toEqual(["mute", "dtmf 12,#*"]);
        expect(() => {
            phone.dtmf(id, "x");
        }).toThrow("wrong_state");
        await phone.hold(id);
        expect(() => {
            phone.dtmf(id, "1");
        }).toThrow("wrong_state");
    });

    it("tells that the other side holds", async () => {
        const { agent, phone, talk } = rig();
        await talk("5002");
        agent.lastLeg.tell.onHeldByOther(true);
        expect(phone.calls[0]).toMatchObject({ heldByOther: true, state: "talking" });
    });

    it("connects anew when the sound breaks, and finds it a new way once registered", async () => {
        const { agent, phone, talk } = rig();
        const ringing = agent.ring("5003");
        await talk("5002");
        const leg = agent.lastLeg;
        leg.tell.onMediaLost();
        expect(agent.did.at(-1)).toBe("reconnect");
        agent.tell.onDisconnected();
        agent.tell.onConnected();
        expect(leg.did).toEqual([]);
        agent.tell.onRegistered();
        expect([leg.did, ringing.did]).toEqual([["restart ice"], []]);
        agent.tell.onDisconnected();
        agent.tell.onRegistered();
        expect(leg.did, "its sound was not in question").toEqual(["restart ice"]);
        agent.tell.onRegisterFailed(403);
        phone.reconnect();
        expect(agent.did.filter((did) => did === "reconnect")).toHaveLength(1);
    });

    it("changes the microphone in mid-call and stays muted", async () => {
        const { agent, phone, microphones, talk } = rig();
        const id = await talk("5002");
        phone.mute(id, true);
        await phone.changeMicrophone();
        await settle();
        expect(agent.lastLeg.did).toEqual(["mute", "replace microphone", "mute"]);
        expect(microphones.opened.map(({ closed }) => closed)).toEqual([true, false]);
        phone.hangUp(id);
        expect(must(microphones.opened[1]).closed).toBe(true);
    });
});

describe("a page that was loaded again", () => {
    /** Talks to 5002, as "old", and is loaded again 5 s later, when 3 s have passed. */
    async function reloaded(before: (phone: Phone, id: string) => Promise<void> | void = () => undefined) {
        const first = rig();
        const id = await first.talk("5002");
        await before(first.phone, id);
        await first.clock.pass(5000);
        const again = rig(true, first.storage);
        await again.clock.pass(8000);
        return { ...again, answeredAt: first.phone.calls[0]?.answeredAt };
    }

    it("goes on with its call without ringing, and with the same time", async () => {
        const { agent, phone, calls, answeredAt, storage } = await reloaded();
        const leg = agent.ring("5002", { callId: "new", resumes: "to-5002" });
        await settle();
        expect([calls, leg.did]).toEqual([["leg-1 answering", "leg-1 answering"], ["answer"]]);
        leg.tell.onConnected();
        expect(phone.calls[0]).toMatchObject({ direction: "out", number: "5002", answeredAt, callId: "new", state: "talking" });
        expect(Object.keys(JSON.parse(must(storage.read("sidecar.calls"))) as object)).toEqual(["new"]);
        phone.hangUp("leg-1");
        expect(storage.read("sidecar.calls")).toBeNull();
    });

    it("goes on with its call when the server was killed", async () => {
        const { agent, phone, clock, talk } = rig();
        await talk("5002");
        phone.mute("leg-1", true);
        const { answeredAt } = must(phone.calls[0]);
        agent.tell.onDisconnected();
        agent.tell.onRegistered();
        await clock.pass(4000);
        const other = agent.ring("5003");
        const leg = agent.ring("4711", { callId: "new", resumes: "*" });
        await settle();
        leg.tell.onConnected();
        expect(must(agent.legs[0]).did).toContain("hang up");
        expect(leg.did).toEqual(["answer", "mute"]);
        expect(phone.calls.map(({ number, state }) => [number, state])).toEqual([["5003", "incoming"], ["5002", "talking"]]);
        expect(phone.calls[1]).toMatchObject({ answeredAt, callId: "new" });
        expect(other.did).toEqual([]);
        agent.ring("5003");
        expect(phone.calls).toHaveLength(3); // both ring on this connection
        agent.tell.onDisconnected();
        agent.tell.onRegistered();
        agent.ring("5003");
        expect(phone.calls).toHaveLength(3); // the one that rang before is dead
    });

    it("goes on after a reload behind a killed server", async () => {
        const { agent, phone, answeredAt } = await reloaded();
        const leg = agent.ring("5002", { callId: "new", resumes: "*" });
        await settle();
        leg.tell.onConnected();
        expect(phone.calls[0]).toMatchObject({ direction: "out", number: "5002", answeredAt, state: "talking" });
    });

    it("goes on muted and held", async () => {
        const { agent, phone } = await reloaded(async (before, id) => {
            before.mute(id, true);
            await before.hold(id);
        });
        const other = agent.ring("5009", { callId: "new2", resumes: "unknown" });
        await settle();
        other.tell.onConnected();
        const leg = agent.ring("5002", { callId: "new", resumes: "to-5002" });
        await settle();
        leg.tell.onConnected();
        await settle();
        expect(leg.did).toEqual(["answer", "mute", "hold"]);
        expect(phone.calls.map(({ state, muted }) => [state, muted])).toEqual([["talking", false], ["held", true]]);
    });

    it("rings when the microphone can't be opened", async () => {
        const { agent, microphones, state } = await reloaded();
        microphones.denied = true;
        agent.ring("5002", { callId: "new", resumes: "to-5002" });
        await settle();
        expect(state("leg-1")).toBe("incoming");
    });

    it("forgets a call that nobody took up again", async () => {
        const { agent, clock, phone, storage } = await reloaded();
        await clock.pass(120_000);
        agent.ring("5003");
        expect(storage.read("sidecar.calls")).toBeNull();
        expect(phone.calls).toHaveLength(1);
    });
});

describe("a DN that another phone took", () => {
    it("is not taken back before the agent wants it", async () => {
        const { agent, phone, registrations, clock, talk, state } = rig();
        const id = await talk("5002");
        phone.handleTaken();
        expect([phone.registration, state(id)], "the call goes on").toEqual(["taken", "talking"]);
        agent.tell.onDisconnected();
        agent.tell.onConnected();
        agent.tell.onRegisterFailed(0);
        phone.reconnect();
        await clock.pass(600_000);
        expect([phone.registration, agent.did]).toEqual(["taken", ["start 5001", "call 5002", "unregister"]]);
        phone.register();
        agent.tell.onRegistered();
        expect(agent.did.at(-1)).toBe("register");
        expect(registrations.slice(-3)).toEqual(["taken", "connecting", "registered"]);
        phone.handleTaken();
        phone.start(account);
        expect(phone.registration).toBe("connecting");
    });
});

it.each([
    ["5002", "5002"], ["+49 (30) 12/34-5.6", "+493012345" + "6"], ["tel:+4930", "+4930"], ["*31#", "*31#"], ["support", "support"],
    ["", ""], ["+", ""], ["a@b", ""], ["5002;x", ""], ["<script>", ""],
])("dials %j as %j", (typed, number) => {
    expect(dialable(typed)).toBe(number);
});
