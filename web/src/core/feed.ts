import { Emitter } from "./emitter.ts";
import { type FeedEvent, readFeedEvent } from "./feed_event.ts";

/** The Bayeux client under the feed. Its adapter keeps the session alive, comes back by itself, and asks for cursors. */
export interface BayeuxClient {
    open(options: BayeuxOptions): void;
    close(): void;
    publish(channel: string, data: object): void;
}

export interface BayeuxOptions {
    readonly token: string;
    readonly channels: readonly string[];
    /** Asked at every handshake: where each channel goes on. */
    readonly cursors: () => Readonly<Record<string, string>>;
    readonly onState: (state: "connecting" | "up" | "down" | "denied") => void;
    readonly onMessage: (channel: string, data: unknown) => void;
}

/** denied: the server does not want this token any more, and the feed has stopped. */
export type FeedState = "off" | "connecting" | "up" | "down" | "denied";

export interface FeedEvents {
    state: FeedState;
    event: FeedEvent;
    /** The server wants this page to do something; it waits for the acknowledgement. */
    command: unknown;
}

export const agentChannel = "/user/agent/events";
export const callChannel = "/call/state";

/** Where pages acknowledge commands. */
const ackChannel = "/service/phone";

/** Event ids that are remembered, to drop repetitions: what comes twice comes soon after the first. */
const remembered = 4096;

/**
 * Reads the event feed: each event once, in order, from where it was when the connection broke. Commands to this page come over the
 * same session.
 */
export class Feed extends Emitter<FeedEvents> {
    readonly #client: BayeuxClient;
    readonly #commandChannel: string;
    readonly #cursors = new Map<string, string>();
    readonly #seen = new Set<string>();
    #state: FeedState = "off";

    /** Page is this page's instance id, by which the server reaches it. */
    constructor(client: BayeuxClient, page: string) {
        super();
        this.#client = client;
        this.#commandChannel = `/phone/${page}`;
    }

    get state(): FeedState {
        return this.#state;
    }

    start(token: string): void {
        this.stop();
        this.#move("connecting");
        this.#client.open({
            token,
            channels: [agentChannel, callChannel, this.#commandChannel],
            cursors: () => Object.fromEntries(this.#cursors),
            onState: (state) => {
                this.#handleState(state);
            },
            onMessage: (channel, data) => {
                this.#handleMessage(channel, data);
            },
        });
    }

    /** Ends the session and forgets where it was: the next one may be another user's. */
    stop(): void {
        if (this.#state === "off") {
            return;
        }
        this.#client.close();
        this.#cursors.clear();
        this.#seen.clear();
        this.#move("off");
    }

    acknowledge(ack: { readonly id: string; readonly ok: boolean; readonly error?: string }): void {
        if (this.#state !== "off" && this.#state !== "denied") {
            this.#client.publish(ackChannel, ack);
        }
    }

    #handleState(state: Exclude<FeedState, "off">): void {
        if (this.#state !== "off" && this.#state !== "denied") {
            this.#move(state);
        }
    }

    #handleMessage(channel: string, data: unknown): void {
        if (channel === this.#commandChannel) {
            this.emit("command", data);
            return;
        }
        const event = readFeedEvent(channel, data);
        if (this.#state === "off" || event === null) {
            return;
        }
        if (event.cursor !== "") {
            this.#cursors.set(channel, event.cursor);
        }
        // A snapshot repeats how things stand under ids that were seen; what it says still counts.
        if (event.id !== "" && !event.snapshot) {
            const key = `${channel} ${event.id}`;
            if (this.#seen.has(key)) {
                return;
            }
            this.#remember(key);
        }
        this.emit("event", event);
    }

    #remember(key: string): void {
        this.#seen.add(key);
        if (this.#seen.size > remembered) {
            for (const oldest of this.#seen) { // a Set keeps the order of insertion
                this.#seen.delete(oldest);
                break;
            }
        }
    }

    #move(state: FeedState): void {
        if (state !== this.#state) {
            this.#state = state;
            this.emit("state", state);
        }
    }
}
