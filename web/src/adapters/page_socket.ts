import { WebSocketInterface } from "jssip";

/** Milliseconds after which an attempt to connect is given up: on a network that has gone the browser itself would wait for minutes. */
const connectLimit = 10_000;

/** Milliseconds over which the pages of a server that was restarted spread, on top of JsSIP's pauses of whole seconds. */
const spread = 1000;

/** JsSIP's WebSocket with what a page needs when networks change: attempts that end, and a connection that can be given up. */
export class PageSocket extends WebSocketInterface {
    #timer: ReturnType<typeof setTimeout> | null = null; // of the pause before an attempt, then of the attempt
    #pausing = false;
    #tried = false;

    override connect(): void {
        this.#clear();
        if (this.#tried) {
            this.#pausing = true;
            this.#timer = setTimeout(this.#open, Math.random() * spread);
            return;
        }
        this.#tried = true;
        this.#open();
    }

    override disconnect(): void {
        this.#clear();
        super.disconnect();
    }

    /** Ends the connection without waiting for the other side, which may be out of reach. JsSIP makes a new one after a pause. */
    drop(): void {
        if (this.#pausing || this.isConnected() || this.isConnecting()) { // else JsSIP knows that it is down
            this.disconnect();
            this.ondisconnect(true, 1006, "given up");
        }
    }

    readonly #open = (): void => {
        this.#pausing = false;
        this.#timer = setTimeout(() => {
            this.#timer = null;
            if (this.isConnecting()) {
                this.drop();
            }
        }, connectLimit);
        super.connect();
    };

    #clear(): void {
        if (this.#timer !== null) {
            clearTimeout(this.#timer);
            this.#timer = null;
        }
        this.#pausing = false;
    }
}
