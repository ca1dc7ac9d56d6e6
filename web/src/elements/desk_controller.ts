import type { ReactiveController, ReactiveControllerHost } from "lit";
import type { Desk } from "../core/desk.ts";

/** Draws its host anew whenever the desk changes. */
export class DeskController implements ReactiveController {
    readonly #host: ReactiveControllerHost;
    readonly #desk: () => Desk | null;
    #watched: Desk | null = null;
    #stop: (() => void) | null = null;

    constructor(host: ReactiveControllerHost, desk: () => Desk | null) {
        this.#host = host;
        this.#desk = desk;
        host.addController(this);
    }

    /** Lit calls this before each drawing: the host may have got its desk only now. */
    hostUpdate(): void {
        const desk = this.#desk();
        if (desk !== this.#watched) {
            this.hostDisconnected();
            this.#watched = desk;
            this.#stop = desk?.on("change", () => {
                this.#host.requestUpdate();
            }) ?? null;
        }
    }

    hostConnected(): void {
        this.#host.requestUpdate();
    }

    hostDisconnected(): void {
        this.#stop?.();
        this.#stop = null;
        this.#watched = null;
    }
}
