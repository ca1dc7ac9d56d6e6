import { Emitter } from "./emitter.ts";
import { agentChannel } from "./feed.ts";
import type { CtiCall, FeedEvent } from "./feed_event.ts";

export interface CallsEvents {
    /** The calls or the DN's state have changed. */
    change: undefined;
    /** The log has a new entry, or is empty. */
    log: undefined;
}

/** Entries that the live list keeps. */
const logSize = 200;

/** A DN's calls and state as the feed tells them, and the last events for people to read. */
export class CallsStore extends Emitter<CallsEvents> {
    readonly #calls = new Map<string, Map<string, CtiCall>>(); // by DN, by call
    readonly #inService = new Map<string, boolean>();
    #log: readonly FeedEvent[] = [];

    /** The DN's living calls, oldest first. */
    of(dn: string): readonly CtiCall[] {
        return [...(this.#calls.get(dn)?.values() ?? [])].sort((a, b) => a.startedAt - b.startedAt);
    }

    /** Whether a phone is registered for the DN; undefined before the feed has said so. */
    inService(dn: string): boolean | undefined {
        return this.#inService.get(dn);
    }

    /** Newest first. */
    get log(): readonly FeedEvent[] {
        return this.#log;
    }

    handleEvent(event: FeedEvent): void {
        this.#log = [event, ...this.#log].slice(0, logSize);
        if (event.channel === agentChannel && this.#apply(event)) {
            this.emit("change", undefined);
        }
        this.emit("log", undefined);
    }

    clear(): void {
        this.#calls.clear();
        this.#inService.clear();
        this.#log = [];
        this.emit("change", undefined);
        this.emit("log", undefined);
    }

    clearLog(): void {
        this.#log = [];
        this.emit("log", undefined);
    }

    #apply(event: FeedEvent): boolean {
        if (event.name === "Reset") {
            this.#calls.clear();
            this.#inService.clear();
            return true;
        }
        const dn = event.dn || (event.dnState?.number ?? "");
        if (dn === "") {
            return false;
        }
        if (event.dnState !== null) {
            this.#inService.set(dn, event.dnState.inService);
            if (event.snapshot) {
                // The DN's calls follow it; one that does not has ended.
                this.#calls.delete(dn);
            }
        }
        if (event.call !== null) {
            this.#put(dn, event.call);
        }
        return event.dnState !== null || event.call !== null;
    }

    #put(dn: string, call: CtiCall): void {
        const calls = this.#calls.get(dn) ?? new Map<string, CtiCall>();
        this.#calls.set(dn, calls);
        if (call.state === "Released") {
            calls.delete(call.id);
        } else {
            calls.set(call.id, call);
        }
    }
}
