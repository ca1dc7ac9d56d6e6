import type { CtiCall, CtiCallState } from "./feed_event.ts";
import type { LegState } from "./leg_state.ts";
import type { PhoneCall } from "./phone.ts";

/** A call as the agent sees it: this phone's leg and what the server tells of the same call, or one of both. */
export interface Line {
    readonly key: string;
    readonly state: LegState;
    readonly direction: "in" | "out";
    readonly number: string;
    readonly name: string;
    /** The number that the caller dialled, if it was not the DN itself. */
    readonly dnis: string;
    readonly userData: Readonly<Record<string, string>>;
    /** When it was answered, else when it began. */
    readonly since: number;
    readonly leg: PhoneCall | null;
    readonly call: CtiCall | null;
}

const stateOfCall: Readonly<Record<CtiCallState, LegState>> = {
    Dialing: "ringing", Ringing: "incoming", Established: "talking", Held: "held", Released: "ended",
};

/**
 * Brings the phone's legs and the server's calls of one DN together: by CallUUID where the leg knows it, else by the other's
 * number, else the only two that are left. A call without a leg is on another phone of the DN.
 */
export function linesOf(dn: string, legs: readonly PhoneCall[], calls: readonly CtiCall[]): readonly Line[] {
    const free = new Set(calls);
    const found = new Map<PhoneCall, CtiCall>();
    const rules: readonly ((leg: PhoneCall, call: CtiCall) => boolean)[] = [
        (leg, call) => leg.callUuid !== "" && leg.callUuid === call.id,
        (leg, call) => leg.number !== "" && (leg.number === call.otherDn || call.participants.some((p) => p.number === leg.number)),
        () => legs.length - found.size === 1 && free.size === 1,
    ];
    for (const same of rules) {
        for (const leg of legs) {
            const call = found.has(leg) ? undefined : [...free].find((candidate) => same(leg, candidate));
            if (call !== undefined) {
                found.set(leg, call);
                free.delete(call);
            }
        }
    }
    return [
        ...legs.map((leg) => lineOf(dn, leg, found.get(leg) ?? null)),
        ...[...free].map((call) => lineOfCall(dn, call)),
    ];
}

function lineOf(dn: string, leg: PhoneCall, call: CtiCall | null): Line {
    return {
        key: leg.id, state: leg.state, direction: leg.direction, number: call?.otherDn || leg.number, name: leg.name,
        dnis: dnisOf(dn, call), userData: call?.userData ?? {}, since: leg.answeredAt || leg.startedAt, leg, call,
    };
}

function lineOfCall(dn: string, call: CtiCall): Line {
    return {
        key: call.id, state: stateOfCall[call.state], direction: call.direction === "out" ? "out" : "in",
        number: call.otherDn || (call.participants[0]?.number ?? ""), name: "", dnis: dnisOf(dn, call), userData: call.userData,
        since: call.startedAt, leg: null, call,
    };
}

function dnisOf(dn: string, call: CtiCall | null): string {
    return call === null || call.direction === "out" || call.dnis === dn ? "" : call.dnis;
}
