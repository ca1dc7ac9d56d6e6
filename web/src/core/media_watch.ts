import { type Clock, every } from "./clock.ts";
import { Emitter } from "./emitter.ts";
import type { LegStats } from "./phone_ports.ts";

/** silent: connected, but nothing came within a second. lost: the connection is broken. */
export type MediaState = "idle" | "connecting" | "flowing" | "silent" | "lost";

/** How a call sounds. */
export interface MediaReport {
    readonly state: MediaState;
    /** Of the packets of the last period; 0 to 1. */
    readonly loss: number;
    readonly jitter: number;
    readonly roundTrip: number;
}

export interface MediaEvents {
    report: MediaReport;
}

/** What the watch looks at. */
export interface MediaSubject {
    readonly id: string;
    stats(): Promise<LegStats | null>;
}

const period = 1000;
const idle: MediaReport = { state: "idle", loss: 0, jitter: 0, roundTrip: 0 };

/** Looks at a leg's media once a second. */
export class MediaWatch extends Emitter<MediaEvents> {
    readonly #clock: Clock;
    #report: MediaReport = idle;
    #subject: MediaSubject | null = null;
    #last: LegStats | null = null;
    #cancel: (() => void) | null = null;

    constructor(clock: Clock) {
        super();
        this.#clock = clock;
    }

    get report(): MediaReport {
        return this.#report;
    }

    /** Watches another leg from now on; null: none. */
    watch(subject: MediaSubject | null): void {
        if (subject?.id === this.#subject?.id) {
            return;
        }
        this.#cancel?.();
        this.#cancel = null;
        this.#subject = subject;
        this.#last = null;
        if (subject === null) {
            this.#tell(idle);
            return;
        }
        this.#tell({ ...idle, state: "connecting" });
        this.#cancel = every(this.#clock, period, () => {
            void this.#look(subject);
        });
    }

    async #look(subject: MediaSubject): Promise<void> {
        let stats: LegStats | null;
        try {
            stats = await subject.stats();
        } catch {
            return; // the leg has just ended; whoever ends it says so
        }
        if (this.#subject !== subject || stats === null) {
            return;
        }
        const before = this.#last;
        this.#last = stats;
        const received = stats.received - (before?.received ?? 0);
        const lost = Math.max(0, stats.lost - (before?.lost ?? 0));
        this.#tell({
            state: stateOf(stats, received > 0),
            loss: lost === 0 ? 0 : lost / (lost + Math.max(0, received)),
            jitter: stats.jitter,
            roundTrip: stats.roundTrip,
        });
    }

    #tell(report: MediaReport): void {
        this.#report = report;
        this.emit("report", report);
    }
}

function stateOf(stats: LegStats, flowing: boolean): MediaState {
    switch (stats.connection) {
        case "new":
        case "connecting":
            return "connecting";
        case "disconnected":
        case "failed":
        case "closed":
            return "lost";
        case "connected":
            return flowing ? "flowing" : "silent";
    }
}
