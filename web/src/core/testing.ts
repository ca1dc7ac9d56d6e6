/** Stand-ins for the core's outside, at our own seams. Only tests use them. */
import type { BayeuxClient, BayeuxOptions } from "./feed.ts";
import type { Clock } from "./clock.ts";
import { PhoneError } from "./phone_error.ts";
import type { Account, LegHandler, LegStats, Microphone, Microphones, SipAgent, SipHandler, SipLeg } from "./phone_ports.ts";
import type { Identity } from "./rest.ts";
import type { Storage } from "./storage.ts";

export function must<T>(value: T | null | undefined): T {
    if (value === null || value === undefined) {
        throw new Error("the value is missing");
    }
    return value;
}

/** Lets promises that wait for each other go on. */
export async function settle(): Promise<void> {
    for (let i = 0; i < 20; i += 1) {
        await Promise.resolve();
    }
}

export class FakeClock implements Clock {
    #now = Date.parse("2026-11-20T21:00:00Z");
    #timers: { readonly at: number; readonly callback: () => void }[] = [];

    now(): number {
        return this.#now;
    }

    after(milliseconds: number, callback: () => void): () => void {
        const timer = { at: this.#now + milliseconds, callback };
        this.#timers.push(timer);
        return () => {
            this.#timers = this.#timers.filter((other) => other !== timer);
        };
    }

    get waiting(): number {
        return this.#timers.length;
    }

    async pass(milliseconds: number): Promise<void> {
        const end = this.#now + milliseconds;
        for (;;) {
            const timer = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
            if (timer === undefined) {
                break;
            }
            this.#timers = this.#timers.filter((other) => other !== timer);
            this.#now = timer.at;
            timer.callback();
            await settle();
        }
        this.#now = end;
    }
}

export class FakeStorage implements Storage {
    readonly kept = new Map<string, string>();

    read(name: string): string | null {
        return this.kept.get(name) ?? null;
    }

    write(name: string, value: string | null): void {
        if (value === null) {
            this.kept.delete(name);
        } else {
            this.kept.set(name, value);
        }
    }
}

export class FakeBayeux implements BayeuxClient {
    options: BayeuxOptions | null = null;
    closed = 0;
    readonly published: unknown[] = [];

    publish(channel: string, data: object): void {
        this.published.push({ channel, ...data });
    }

    open(options: BayeuxOptions): void {
        this.options = options;
    }

    close(): void {
        this.closed += 1;
    }

    say(channel: string, data: unknown): void {
        must(this.options).onMessage(channel, data);
    }
}

export class FakeMicrophone implements Microphone {
    closed = false;
    readonly listenOnly: boolean;

    constructor(listenOnly = false) {
        this.listenOnly = listenOnly;
    }

    close(): void {
        this.closed = true;
    }
}

export class FakeMicrophones implements Microphones {
    readonly opened: FakeMicrophone[] = [];
    denied = false;
    missing = false;
    /** While set, opening waits for it. */
    wait: Promise<void> | null = null;

    async open(): Promise<Microphone> {
        await this.wait;
        if (this.denied) {
            throw new PhoneError("microphone_denied");
        }
        const microphone = new FakeMicrophone(this.missing);
        this.opened.push(microphone);
        return microphone;
    }
}

export class FakeLeg implements SipLeg {
    readonly did: string[] = [];
    handler: LegHandler | null = null;
    refuses = false;
    current: LegStats | null = null;
    readonly number: string;
    readonly name = "";
    readonly callUuid: string;
    readonly callId: string;
    readonly resumes: string;

    constructor(number: string, facts: Partial<Pick<SipLeg, "callUuid" | "callId" | "resumes">> = {}) {
        this.number = number;
        this.callUuid = facts.callUuid ?? "";
        this.callId = facts.callId ?? `to-${number}`;
        this.resumes = facts.resumes ?? "";
    }

    get tell(): LegHandler {
        return must(this.handler);
    }

    listen(handler: LegHandler): void {
        this.handler = handler;
    }

    answer(microphone: Microphone): void {
        this.did.push(microphone.listenOnly ? "answer, listening only" : "answer");
    }

    hangUp(): void {
        this.did.push("hang up");
        this.tell.onEnded({ by: "here", status: 0 });
    }

    reject(): void {
        this.did.push("reject");
        this.tell.onEnded({ by: "here", status: 0 });
    }

    hold(on: boolean): Promise<void> {
        this.did.push(on ? "hold" : "retrieve");
        return this.refuses ? Promise.reject(new PhoneError("refused_by_other")) : Promise.resolve();
    }

    mute(on: boolean): void {
        this.did.push(on ? "mute" : "unmute");
    }

    dtmf(tones: string): void {
        this.did.push(`dtmf ${tones}`);
    }

    replaceMicrophone(): Promise<void> {
        this.did.push("replace microphone");
        return Promise.resolve();
    }

    restartIce(): void {
        this.did.push("restart ice");
    }

    stats(): Promise<LegStats | null> {
        return Promise.resolve(this.current);
    }
}

export class FakeAgent implements SipAgent {
    account: Account | null = null;
    handler: SipHandler | null = null;
    readonly did: string[] = [];
    readonly legs: FakeLeg[] = [];

    get tell(): SipHandler {
        return must(this.handler);
    }

    get lastLeg(): FakeLeg {
        return must(this.legs.at(-1));
    }

    start(account: Account, handler: SipHandler): void {
        this.did.push(`start ${account.dn}`);
        this.account = account;
        this.handler = handler;
    }

    stop(): void {
        this.did.push("stop");
        this.tell.onDisconnected();
    }

    register(): void {
        this.did.push("register");
    }

    unregister(): void {
        this.did.push("unregister");
    }

    reconnect(): void {
        this.did.push("reconnect");
    }

    call(number: string): SipLeg {
        this.did.push(`call ${number}`);
        const leg = new FakeLeg(number);
        this.legs.push(leg);
        return leg;
    }

    ring(number: string, facts: Partial<Pick<SipLeg, "callUuid" | "callId" | "resumes">> = {}): FakeLeg {
        const leg = new FakeLeg(number, facts);
        this.legs.push(leg);
        this.tell.onIncoming(leg);
        return leg;
    }
}

export const account: Account = { dn: "5001", displayName: "Anna", credential: { bearer: "t-1" }, path: "/ws", registerExpires: 300 };

export function identity(change: Partial<Identity> = {}): Identity {
    return {
        token: "t-1", expiresAt: Date.parse("2026-11-21T09:00:00Z"), user: "anna", displayName: "Anna", role: "agent",
        dns: ["5001", "5002"], ...change,
    };
}

/** An event as the server writes it. */
export function wireEvent(name: string, change: Record<string, unknown> = {}): Record<string, unknown> {
    return {
        event: name, messageType: `Event${name}`, eventId: `n1-${name}`, cursor: `c:${name}`, seq: 1,
        timestamp: "2026-11-20T21:00:02.123Z", dn: "5001", attributes: {}, ...change,
    };
}

export function wireCall(id: string, state: string, change: Record<string, unknown> = {}): Record<string, unknown> {
    return {
        id, state, connId: "0171034d8b2c4001", callType: "Inbound", direction: "in", ani: "+49301234567", dnis: "8000",
        otherDn: "+49301234567", participants: [{ number: "+49301234567", role: "RoleOrigination" }],
        capabilities: ["release"], userData: { Segment: "Gold" }, startedAt: "2026-11-20T21:00:00.123Z", duration: 2, ...change,
    };
}
