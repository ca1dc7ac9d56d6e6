import { isObject, list, number, object, text, texts, time } from "./json.ts";

export type CtiCallState = "Dialing" | "Ringing" | "Established" | "Held" | "Released";

/** A call as the feed tells it: from one DN, or as a whole. */
export interface CtiCall {
    readonly id: string;
    readonly connId: string;
    readonly callType: string;
    readonly state: CtiCallState;
    readonly direction: string;
    readonly ani: string;
    readonly dnis: string;
    readonly otherDn: string;
    readonly participants: readonly { readonly number: string; readonly role: string }[];
    readonly capabilities: readonly string[];
    readonly userData: Readonly<Record<string, string>>;
    readonly startedAt: number;
}

/** An event of the feed, see docs/cti-events.md. */
export interface FeedEvent {
    readonly channel: string;
    readonly name: string;
    readonly id: string;
    readonly cursor: string;
    readonly seq: number;
    readonly time: number;
    readonly snapshot: boolean;
    readonly dn: string;
    readonly call: CtiCall | null;
    readonly dnState: { readonly number: string; readonly inService: boolean } | null;
    readonly cause: number;
    readonly error: string;
    readonly reference: string;
}

const states: readonly string[] = ["Dialing", "Ringing", "Established", "Held", "Released"] satisfies CtiCallState[];

function isState(value: string): value is CtiCallState {
    return states.includes(value);
}

/** Null if it is no event. Unknown fields are ignored, so that a newer server does no harm. */
export function readFeedEvent(channel: string, data: unknown): FeedEvent | null {
    const o = object(data);
    const name = text(o["event"]);
    if (name === "") {
        return null;
    }
    const attributes = object(o["attributes"]);
    const dnState = o["dnState"];
    return {
        channel,
        name,
        id: text(o["eventId"]),
        cursor: text(o["cursor"]),
        seq: number(o["seq"]),
        time: time(o["timestamp"]),
        snapshot: o["snapshot"] === true,
        dn: text(o["dn"]),
        call: readCall(o["call"]),
        dnState: isObject(dnState) ? { number: text(dnState["number"]), inService: dnState["inService"] === true } : null,
        cause: number(attributes["Cause"]),
        error: text(attributes["ErrorMessage"]),
        reference: text(attributes["ReferenceID"]),
    };
}

function readCall(value: unknown): CtiCall | null {
    if (!isObject(value)) {
        return null;
    }
    const id = text(value["id"]);
    const state = text(value["state"]);
    if (id === "" || !isState(state)) {
        return null;
    }
    const userData = Object.entries(object(value["userData"])).map(([key, item]) => [key, text(item)] as const);
    return {
        id,
        state,
        connId: text(value["connId"]),
        callType: text(value["callType"]),
        direction: text(value["direction"]),
        ani: text(value["ani"]),
        dnis: text(value["dnis"]),
        otherDn: text(value["otherDn"]),
        participants: list(value["participants"]).map(object).map((p) => ({ number: text(p["number"]), role: text(p["role"]) })),
        capabilities: texts(value["capabilities"]),
        userData: Object.fromEntries(userData),
        startedAt: time(value["startedAt"]),
    };
}
