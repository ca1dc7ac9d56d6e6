import type { Clock } from "./clock.ts";
import { Emitter } from "./emitter.ts";
import { number, object, parse, text, texts } from "./json.ts";
import type { Identity, RestError } from "./rest.ts";
import type { Storage } from "./storage.ts";

/**
 * out ──logIn──> entering ──> in
 *  ^                │          │
 *  └──── refused ───┘          │
 *  └── logOut, token ended ────┘
 */
export type SessionState = "out" | "entering" | "in";

export interface SessionEvents {
    /** The state has changed; the identity is there in state "in" only. */
    state: { readonly state: SessionState; readonly identity: Identity | null };
    /** The chosen DN has changed; "" when there is none. */
    dn: string;
}

/** Why the last session ended or was not begun: a problem's code, or "expired". */
export interface SessionFailure {
    readonly code: string;
    readonly detail: string;
    readonly retryAfter: number;
}

export interface SessionPorts {
    readonly rest: {
        login(user: string, password: string): Promise<Identity>;
        logout(token: string): Promise<void>;
    };
    /** Of this window: its identity survives a reload. */
    readonly windowStorage: Storage;
    /** Of this browser: choices. */
    readonly storage: Storage;
    readonly clock: Clock;
}

const identityKey = "sidecar.identity";
const dnKey = "sidecar.dn.";

/** Longest delay that browsers' timers take; longer ones fire at once. */
const longestTimer = 0x7fffffff;

/** Knows who is logged in and with which DN. */
export class Session extends Emitter<SessionEvents> {
    readonly #ports: SessionPorts;
    #state: SessionState = "out";
    #identity: Identity | null = null;
    #dn = "";
    #failure: SessionFailure | null = null;
    #cancelExpiry: (() => void) | null = null;

    constructor(ports: SessionPorts) {
        super();
        this.#ports = ports;
    }

    get state(): SessionState {
        return this.#state;
    }

    get identity(): Identity | null {
        return this.#identity;
    }

    get dn(): string {
        return this.#dn;
    }

    get failure(): SessionFailure | null {
        return this.#failure;
    }

    /** Goes on with the identity that this window had before a reload, if it still counts. */
    restore(): void {
        const identity = readIdentity(this.#ports.windowStorage.read(identityKey));
        if (this.#state === "out" && identity !== null && identity.expiresAt > this.#ports.clock.now()) {
            this.#enter(identity);
        }
    }

    /** Never rejects: why it did not work is in `failure`. */
    async logIn(user: string, password: string): Promise<void> {
        if (this.#state !== "out") {
            return;
        }
        this.#failure = null;
        this.#move("entering", null);
        try {
            this.#enter(await this.#ports.rest.login(user, password));
        } catch (error) {
            const { code, message, retryAfter } = error as RestError;
            this.#failure = { code, detail: message, retryAfter };
            this.#move("out", null);
        }
    }

    /** Ends the token too. The page is out at once, also when the server can't be reached. */
    async logOut(): Promise<void> {
        const token = this.#identity?.token;
        if (token === undefined) {
            return;
        }
        this.#failure = null;
        this.#leave();
        try {
            await this.#ports.rest.logout(token);
        } catch {
            // The token ends by itself; there is nobody left to tell.
        }
    }

    /** To be called when the server no longer takes the token. */
    handleTokenRefused(): void {
        if (this.#state === "in") {
            this.#failure = { code: "expired", detail: "", retryAfter: 0 };
            this.#leave();
        }
    }

    chooseDn(dn: string): void {
        if (this.#identity === null || dn === this.#dn || !this.#identity.dns.includes(dn)) {
            return;
        }
        this.#dn = dn;
        this.#ports.storage.write(dnKey + this.#identity.user, dn);
        this.emit("dn", dn);
    }

    #enter(identity: Identity): void {
        this.#ports.windowStorage.write(identityKey, JSON.stringify(identity));
        const remembered = this.#ports.storage.read(dnKey + identity.user) ?? "";
        this.#dn = identity.dns.includes(remembered) ? remembered : (identity.dns[0] ?? "");
        this.#watchExpiry(identity.expiresAt);
        this.#move("in", identity);
        this.emit("dn", this.#dn);
    }

    #leave(): void {
        this.#cancelExpiry?.();
        this.#cancelExpiry = null;
        this.#ports.windowStorage.write(identityKey, null);
        this.#dn = "";
        this.#move("out", null);
        this.emit("dn", "");
    }

    #watchExpiry(expiresAt: number): void {
        const left = expiresAt - this.#ports.clock.now();
        this.#cancelExpiry = this.#ports.clock.after(Math.min(Math.max(left, 0), longestTimer), () => {
            if (expiresAt > this.#ports.clock.now()) {
                this.#watchExpiry(expiresAt);
            } else {
                this.handleTokenRefused();
            }
        });
    }

    #move(state: SessionState, identity: Identity | null): void {
        this.#state = state;
        this.#identity = identity;
        this.emit("state", { state, identity });
    }
}

function readIdentity(kept: string | null): Identity | null {
    const o = object(parse(kept ?? ""));
    const identity: Identity = {
        token: text(o["token"]), expiresAt: number(o["expiresAt"]), user: text(o["user"]),
        displayName: text(o["displayName"]), role: text(o["role"]), dns: texts(o["dns"]),
    };
    return identity.token === "" ? null : identity;
}
