import { expect, it } from "vitest";
import { CallMemory } from "./call_memory.ts";
import { Commands } from "./commands.ts";
import { Feed } from "./feed.ts";
import { Phone } from "./phone.ts";
import { account, FakeAgent, FakeBayeux, FakeClock, FakeMicrophones, FakeStorage, settle } from "./testing.ts";

function rig() {
    const agent = new FakeAgent();
    const microphones = new FakeMicrophones();
    const clock = new FakeClock();
    const bayeux = new FakeBayeux();
    const phone = new Phone({ agent, microphones, clock, random: () => 1, memory: new CallMemory(new FakeStorage(), clock) });
    const feed = new Feed(bayeux, "p1");
    new Commands(feed, phone);
    feed.start("t");
    phone.start(account);
    agent.tell.onRegistered();
    let count = 0;
    /** Gives a command and tells how it was acknowledged. */
    const command = async (verb: string, callId: string): Promise<string> => {
        count += 1;
        const id = `id-${count}`;
        bayeux.say("/phone/p1", { id, verb, callId });
        await settle();
        const acks = bayeux.published.splice(0) as { channel: string; id: string; ok: boolean; error?: string }[];
        expect(acks.map((ack) => [ack.channel, ack.id]), "each command is acknowledged once").toEqual([["/service/phone", id]]);
        return acks[0]?.ok === true ? "ok" : (acks[0]?.error ?? "");
    };
    return { agent, microphones, bayeux, phone, command };
}

it("answers, holds, retrieves and hangs up by Call-ID, and again without harm", async () => {
    const { agent, phone, command } = rig();
    const leg = agent.ring("5002", { callId: "c@h" });
    expect(await command("hold", "c@h"), "it only rings").toBe("wrong_state");
    expect([await command("answer", "c@h"), await command("answer", "c@h")]).toEqual(["ok", "ok"]);
    leg.tell.onConnected();
    expect(await command("answer", "c@h")).toBe("ok");
    expect(await command("retrieve", "c@h")).toBe("ok");
    expect([await command("hold", "c@h"), await command("hold", "c@h")]).toEqual(["ok", "ok"]);
    expect(await command("answer", "c@h")).toBe("ok");
    expect([await command("retrieve", "c@h"), await command("hangup", "c@h"), await command("hangup", "c@h")]).toEqual(["ok", "ok", "ok"]);
    expect(leg.did).toEqual(["answer", "hold", "retrieve", "hang up"]);
    expect(phone.calls).toEqual([]);
});

it("finds the right one of two calls, and holds the other when it answers", async () => {
    const { agent, command } = rig();
    const first = agent.ring("5002", { callId: "c1" });
    await command("answer", "c1");
    first.tell.onConnected();
    const second = agent.ring("5003", { callId: "c2" });
    expect(await command("answer", "c2")).toBe("ok");
    expect([first.did, second.did]).toEqual([["answer", "hold"], ["answer"]]);
});

it("leaves its DN to another phone", async () => {
    const { agent, phone, command } = rig();
    expect(await command("taken", "")).toBe("ok");
    expect([phone.registration, agent.did.at(-1)]).toEqual(["taken", "unregister"]);
});

it("says what it can't do", async () => {
    const { agent, microphones, bayeux, command } = rig();
    for (const verb of ["answer", "hold", "retrieve"]) {
        expect(await command(verb, "unknown")).toBe("no_such_call");
    }
    expect(await command("explode", "c1")).toBe("unknown verb explode");
    agent.ring("5002", { callId: "c1" });
    microphones.denied = true;
    expect(await command("answer", "c1")).toBe("microphone_denied");
    bayeux.say("/phone/p1", { verb: "hangup", callId: "c1" });
    bayeux.say("/phone/p1", "nonsense");
    await settle();
    expect([bayeux.published, agent.lastLeg.did], "nobody could be told").toEqual([[], []]);
});
