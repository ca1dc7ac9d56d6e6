import type { Clock } from "./clock.ts";
import { number, object, parse, text } from "./json.ts";
import type { PhoneCall } from "./phone.ts";
import type { Storage } from "./storage.ts";

/** What a page that is loaded again wants to know of a call that it had. */
export interface KeptCall {
    readonly direction: "in" | "out";
    readonly number: string;
    readonly name: string;
    readonly startedAt: number;
    readonly answeredAt: number;
    readonly muted: boolean;
    readonly held: boolean;
    readonly keptAt: number;
}

const key = "sidecar.calls";

/** No server keeps a call for longer while its page is away. */
const longestAway = 120_000;

/** Remembers the calls of this window by their SIP Call-IDs, over a reload. */
export class CallMemory {
    readonly #storage: Storage;
    readonly #clock: Clock;
    readonly #before = new Map<string, KeptCall>(); // of the page that this one follows

    constructor(storage: Storage, clock: Clock) {
        this.#storage = storage;
        this.#clock = clock;
        for (const [callId, call] of Object.entries(object(parse(storage.read(key) ?? "")))) {
            this.#before.set(callId, readKept(call));
        }
    }

    /** What is known of a call that is to go on; it is known once. */
    take(callId: string): KeptCall | null {
        const call = this.#before.get(callId) ?? null;
        this.#before.delete(callId);
        return call;
    }

    /** The same where the Call-ID is lost: a call with that number first. */
    takeAny(number: string): KeptCall | null {
        const all = [...this.#before];
        const [callId] = all.find(([, call]) => call.number === number) ?? all[0] ?? [""];
        return this.take(callId);
    }

    /** Keeps the calls that are answered, and those that may still be taken up again. */
    keep(calls: readonly PhoneCall[]): void {
        const keptAt = this.#clock.now();
        const living = calls.filter((call) => call.answeredAt > 0).map((call): readonly [string, KeptCall] => [call.callId, kept(call, keptAt)]);
        const before = [...this.#before].filter(([, call]) => keptAt - call.keptAt < longestAway);
        const all = Object.fromEntries([...before, ...living]);
        this.#storage.write(key, Object.keys(all).length === 0 ? null : JSON.stringify(all));
    }
}

/** What is kept of a call. */
export function kept(call: PhoneCall, keptAt: number): KeptCall {
    return {
        direction: call.direction, number: call.number, name: call.name, startedAt: call.startedAt, answeredAt: call.answeredAt,
        muted: call.muted, held: call.state === "held", keptAt,
    };
}

function readKept(value: unknown): KeptCall {
    const o = object(value);
    return {
        direction: o["direction"] === "out" ? "out" : "in", number: text(o["number"]), name: text(o["name"]),
        startedAt: number(o["startedAt"]), answeredAt: number(o["answeredAt"]),
        muted: o["muted"] === true, held: o["held"] === true, keptAt: number(o["keptAt"]),
    };
}
