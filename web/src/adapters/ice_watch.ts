/** Milliseconds that the sound may be broken before something is done, and between what is done then. */
const patience = 2000;
const pause = 8000;

/** Milliseconds after which a connection that was up once is given up. The server gives it up within 20 s by itself. */
const longestBreak = 40_000;

export interface IceHandler {
    /** Broken for a while; said again while that lasts. */
    onLost(): void;
    onGivenUp(): void;
}

/** Looks at a connection that was up once: is it broken for longer than the moment that heals by itself? */
export class IceWatch {
    readonly #connection: RTCPeerConnection;
    readonly #handler: IceHandler;
    #timer: ReturnType<typeof setTimeout> | null = null;
    #brokenAt = 0;
    #wasUp = false;

    constructor(connection: RTCPeerConnection, handler: IceHandler) {
        this.#connection = connection;
        this.#handler = handler;
        connection.addEventListener("iceconnectionstatechange", this.#look);
    }

    get wasUp(): boolean {
        return this.#wasUp;
    }

    stop(): void {
        this.#connection.removeEventListener("iceconnectionstatechange", this.#look);
        this.#cancel();
    }

    readonly #look = (): void => {
        switch (this.#connection.iceConnectionState) {
            case "connected":
            case "completed":
                this.#wasUp = true;
                this.#cancel();
                break;
            case "disconnected":
            case "failed":
                if (this.#wasUp && this.#timer === null) {
                    this.#brokenAt = Date.now();
                    this.#timer = setTimeout(this.#tell, patience);
                }
                break;
            case "new":
            case "checking": // a new attempt is under way
            case "closed":
                break;
        }
    };

    readonly #tell = (): void => {
        if (Date.now() - this.#brokenAt > longestBreak) {
            this.stop();
            this.#handler.onGivenUp();
            return;
        }
        this.#timer = setTimeout(this.#tell, pause);
        this.#handler.onLost();
    };

    #cancel(): void {
        if (this.#timer !== null) {
            clearTimeout(this.#timer);
            this.#timer = null;
        }
    }
}
