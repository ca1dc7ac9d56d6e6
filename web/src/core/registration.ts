import type { Clock } from "./clock.ts";
import { Emitter } from "./emitter.ts";
import type { Account, SipAgent, SipHandler } from "./phone_ports.ts";

/**
 * refused: the server said no, and nothing more is tried before `renew`. taken: another phone took the DN; the same. down: the server
 * can't be reached, and is tried again.
 */
export type RegistrationState = "off" | "connecting" | "registered" | "refused" | "taken" | "down";

export interface RegistrationEvents {
    change: { readonly state: RegistrationState; readonly status: number };
}

export interface RegistrationPorts {
    readonly agent: SipAgent;
    readonly clock: Clock;
    /** 0 to 1. */
    readonly random: () => number;
}

/** After a refusal that may pass, the registration is tried again: at first after this long, then ever more slowly. */
const firstRetry = 2000;
const longestRetry = 60_000;

/** Keeps a DN registered. A lost connection is the agent's to bring back; a failing server is asked again from here. */
export class Registration extends Emitter<RegistrationEvents> {
    readonly #ports: RegistrationPorts;
    #state: RegistrationState = "off";
    #status = 0;
    #retries = 0;
    #taken = false;
    #cancelRetry: (() => void) | null = null;

    constructor(ports: RegistrationPorts) {
        super();
        this.#ports = ports;
    }

    get state(): RegistrationState {
        return this.#state;
    }

    /** The SIP status of the last refusal. */
    get status(): number {
        return this.#status;
    }

    start(account: Account, onIncoming: SipHandler["onIncoming"]): void {
        this.#move("connecting");
        this.#ports.agent.start(account, {
            onIncoming,
            onConnected: () => {
                this.#move("connecting");
            },
            onDisconnected: () => {
                this.#cancelRetry?.();
                this.#move("down");
            },
            onRegistered: () => {
                this.#retries = 0;
                this.#move("registered");
            },
            onRegisterFailed: (status) => {
                this.#handleFailed(status);
            },
        });
    }

    stop(): void {
        this.#cancelRetry?.();
        this.#retries = 0;
        this.#taken = false;
        this.#state = "off"; // what the agent says while it stops is of no interest
        this.#status = 0;
        this.#ports.agent.stop();
        this.emit("change", { state: "off", status: 0 });
    }

    /** Registers again at once. */
    renew(): void {
        if (this.#state === "off") {
            return;
        }
        this.#cancelRetry?.();
        this.#taken = false;
        this.#move("connecting");
        this.#ports.agent.register();
    }

    /** Another phone has the DN now. Only the agent takes it back: two phones that fight for a DN have none. */
    handleTaken(): void {
        if (this.#state !== "off") {
            this.#cancelRetry?.();
            this.#ports.agent.unregister();
            this.#move("taken");
            this.#taken = true;
        }
    }

    #handleFailed(status: number): void {
        if (status !== 0 && status < 500) {
            this.#move("refused", status);
            return;
        }
        this.#move("down", status);
        if (this.#state === "down") {
            const delay = Math.min(firstRetry * 2 ** this.#retries, longestRetry) * (0.5 + this.#ports.random() / 2);
            this.#retries += 1;
            this.#cancelRetry?.();
            this.#cancelRetry = this.#ports.clock.after(delay, () => {
                this.renew();
            });
        }
    }

    #move(state: RegistrationState, status = 0): void {
        if (this.#taken || this.#state === "off" && state !== "connecting") {
            return;
        }
        if (state !== this.#state || status !== this.#status) {
            this.#state = state;
            this.#status = status;
            this.emit("change", { state, status });
        }
    }
}
