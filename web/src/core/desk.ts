import { CallsStore } from "./calls.ts";
import { Commands } from "./commands.ts";
import type { Devices } from "./devices.ts";
import { Emitter } from "./emitter.ts";
import type { Feed } from "./feed.ts";
import { object, parse, text } from "./json.ts";
import { type Line, linesOf } from "./lines.ts";
import type { MediaWatch } from "./media_watch.ts";
import { dialable } from "./numbers.ts";
import type { Phone } from "./phone.ts";
import { PhoneError } from "./phone_error.ts";
import type { Account } from "./phone_ports.ts";
import { doorOf, type SettingsKeeper } from "./phone_settings.ts";
import type { Rest } from "./rest.ts";
import type { Session } from "./session.ts";
import type { Storage } from "./storage.ts";

export interface DeskEvents {
    /** Anything that a page shows has changed. */
    change: undefined;
    /** A call rings here, or none does any more. */
    ringing: Line | null;
    /** A leg has ended otherwise than by hanging up. */
    callFailed: { readonly number: string; readonly status: number };
}

export interface DeskPorts {
    readonly session: Session;
    readonly feed: Feed;
    readonly phone: Phone;
    readonly devices: Devices;
    readonly media: MediaWatch;
    readonly settings: SettingsKeeper;
    readonly rest: Pick<Rest, "makeCall" | "transfer" | "hangup">;
    /** Whether the browser may give this page a microphone at all. */
    readonly secure: boolean;
    /** Of this window. */
    readonly windowStorage: Storage;
}

const passwordKey = "sidecar.password"; // of the DN that is in use, until the user logs out

/** The agent's work place: joins session, feed, phone, media and devices, and offers the verbs. It draws nothing. */
export class Desk extends Emitter<DeskEvents> {
    readonly session: Session;
    readonly feed: Feed;
    readonly phone: Phone;
    readonly devices: Devices;
    readonly media: MediaWatch;
    readonly store = new CallsStore();
    /** False: the page came over plain http from another machine, and no browser gives it a microphone. */
    readonly secure: boolean;
    readonly #ports: DeskPorts;
    #account: Account | null = null;
    #draining = false;
    #passwordWanted = false;
    #ringing = "";

    constructor(ports: DeskPorts) {
        super();
        this.#ports = ports;
        this.secure = ports.secure;
        ({ session: this.session, feed: this.feed, phone: this.phone, devices: this.devices, media: this.media } = ports);
        this.session.on("state", ({ identity }) => {
            this.#handleIdentity(identity?.token ?? null);
        });
        this.session.on("dn", () => {
            this.#startPhone();
        });
        ports.settings.on("change", () => {
            this.#startPhone();
        });
        new Commands(this.feed, this.phone).on("drain", () => {
            this.#setDraining(true);
        });
        this.feed.on("state", (state) => {
            if (state === "denied") {
                this.session.handleTokenRefused();
            }
            this.emit("change", undefined);
        });
        this.feed.on("event", (event) => {
            this.store.handleEvent(event);
        });
        this.store.on("change", () => {
            this.#handleCalls();
        });
        this.phone.on("call", (call) => {
            if (call.end !== null && call.end.by !== "here" && call.answeredAt === 0 && call.direction === "out") {
                this.emit("callFailed", { number: call.number, status: call.end.status });
            }
            this.#handleCalls();
        });
        const changed = (): void => {
            this.emit("change", undefined);
        };
        this.store.on("log", changed);
        this.phone.on("registration", ({ state }) => {
            if (state === "registered") {
                this.#setDraining(false); // with the server that came after
            } else if (state === "refused" && this.#account !== null && this.#account.credential !== null && "password" in this.#account.credential) {
                this.usePassword(null);
            }
            changed();
        });
        this.media.on("report", changed);
        this.devices.on("change", changed);
        this.devices.on("choice", (kind) => {
            if (kind === "microphone") {
                void this.phone.changeMicrophone();
            }
        });
    }

    /** The server has said that it is about to stop. */
    get draining(): boolean {
        return this.#draining;
    }

    /** The DN registers with its own password, which is not known or was wrong. */
    get passwordWanted(): boolean {
        return this.#passwordWanted;
    }

    /** The password of the DN; null forgets it. */
    usePassword(password: string | null): void {
        this.#ports.windowStorage.write(passwordKey, password === null ? null : JSON.stringify({ dn: this.session.dn, password }));
        this.#startPhone();
    }

    /** The browser has a network again, which may be another one. */
    handleOnline(): void {
        this.phone.reconnect();
    }

    /** The calls of the chosen DN. */
    get lines(): readonly Line[] {
        return linesOf(this.session.dn, this.phone.calls, this.store.of(this.session.dn));
    }

    /** Calls a number: from this phone if it is registered, else the DN's other phone rings first. */
    async dial(typed: string): Promise<void> {
        if (this.phone.registration === "registered") {
            await this.phone.dial(typed);
            return;
        }
        const number = dialable(typed);
        if (number === "") {
            throw new PhoneError("no_number");
        }
        if (this.store.inService(this.session.dn) !== true) {
            throw new PhoneError("not_registered");
        }
        await this.#ports.rest.makeCall(this.#token(), this.session.dn, number);
    }

    /** The DN leaves the call, the number is called in its place. */
    async transfer(line: Line, typed: string): Promise<void> {
        const number = dialable(typed);
        if (number === "") {
            throw new PhoneError("no_number");
        }
        if (line.call === null) {
            throw new PhoneError("no_such_call"); // the server has not told of it yet
        }
        await this.#ports.rest.transfer(this.#token(), line.call.id, this.session.dn, number);
    }

    /** Ends this phone's leg; a call on another phone is ended for everybody. */
    async hangUp(line: Line): Promise<void> {
        if (line.leg !== null) {
            this.phone.hangUp(line.leg.id);
        } else if (line.call !== null) {
            await this.#ports.rest.hangup(this.#token(), line.call.id);
        }
    }

    #token(): string {
        return this.session.identity?.token ?? "";
    }

    #handleIdentity(token: string | null): void {
        if (token === null) {
            this.feed.stop();
            this.#ports.settings.stop();
            this.store.clear();
            this.#draining = false;
            this.#ports.windowStorage.write(passwordKey, null);
        } else {
            this.feed.start(token);
            this.#ports.settings.start(token);
        }
        this.emit("change", undefined);
    }

    /** Settings may change under a running phone; it is begun anew only if it would connect otherwise. */
    #startPhone(): void {
        const { identity, dn } = this.session;
        const settings = this.#ports.settings.current;
        const door = settings === null || dn === "" ? null : doorOf(settings, dn);
        const password = door?.byPassword === true ? this.#passwordOf(dn) : null;
        this.#passwordWanted = door?.byPassword === true && password === null;
        // Without a microphone it must not take the DN from a page that has one.
        if (identity === null || settings === null || door === null || this.#passwordWanted || !this.secure) {
            this.#account = null;
            this.phone.stop();
        } else {
            const account: Account = {
                dn, displayName: identity.displayName, credential: password === null ? { bearer: identity.token } : { password },
                path: door.path, registerExpires: settings.registerExpires,
            };
            if (JSON.stringify(account) !== JSON.stringify(this.#account)) {
                this.#account = account;
                this.phone.start(account);
            }
        }
        this.#handleCalls();
    }

    #passwordOf(dn: string): string | null {
        const kept = object(parse(this.#ports.windowStorage.read(passwordKey) ?? ""));
        return kept["dn"] === dn ? text(kept["password"]) : null;
    }

    #setDraining(on: boolean): void {
        if (this.#draining !== on) {
            this.#draining = on;
            this.emit("change", undefined);
        }
    }

    #handleCalls(): void {
        const watched = this.phone.calls.find((call) => call.state === "talking"); // on hold nothing is to be heard
        this.media.watch(watched === undefined ? null : { id: watched.id, stats: () => this.phone.stats(watched.id) });
        const ringing = this.lines.find((line) => line.leg?.state === "incoming") ?? null;
        if ((ringing?.key ?? "") !== this.#ringing) {
            this.#ringing = ringing?.key ?? "";
            this.emit("ringing", ringing);
        }
        this.emit("change", undefined);
    }
}
