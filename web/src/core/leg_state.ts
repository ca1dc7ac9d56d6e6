/**
 * A leg of this phone.
 *
 *  incoming <─withdrawn─ answering ──connected──> talking <──retrieved── held
 *  incoming ──answer───> answering
 *  dialing ──progress──> ringing ───connected──> talking ────held─────> held
 *
 * Every state goes to ended, and nothing leaves it. A leg may be connected without having rung.
 */
export type LegState = "incoming" | "answering" | "dialing" | "ringing" | "talking" | "held" | "ended";

export type LegInput = "progress" | "answer" | "withdrawn" | "connected" | "held" | "retrieved" | "ended";

const moves: Readonly<Record<LegState, Partial<Readonly<Record<LegInput, LegState>>>>> = {
    incoming: { answer: "answering", ended: "ended" },
    answering: { withdrawn: "incoming", connected: "talking", ended: "ended" },
    dialing: { progress: "ringing", connected: "talking", ended: "ended" },
    ringing: { progress: "ringing", connected: "talking", ended: "ended" },
    talking: { held: "held", ended: "ended" },
    held: { retrieved: "talking", ended: "ended" },
    ended: {},
};

/** The state after the input; null if the input has no place in the state. */
export function next(state: LegState, input: LegInput): LegState | null {
    return moves[state][input] ?? null;
}
