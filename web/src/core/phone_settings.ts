import type { Clock } from "./clock.ts";
import { Emitter } from "./emitter.ts";
import { list, number, object, text, texts } from "./json.ts";
import type { RestError } from "./rest.ts";

export interface IceServer {
    readonly urls: readonly string[];
    readonly username: string;
    readonly credential: string;
}

/** What the server tells its page about phones. */
export interface PhoneSettings {
    readonly dns: readonly { readonly number: string; readonly owner: string }[];
    /** Of the WebSocket that takes SIP. */
    readonly path: string;
    readonly iceServers: readonly IceServer[];
    /** Seconds that the credentials of the ICE servers are good for; 0: for ever. */
    readonly ttl: number;
    readonly registerExpires: number;
    /** In order of preference; empty: as the browser likes. */
    readonly codecs: readonly string[];
}

/** Seconds. A lost registration is found within this time; the server may ask for another one by 423 or its answer. */
const defaultExpires = 300;

/** What holds with a server that tells nothing. */
export const defaultSettings: PhoneSettings = { dns: [], path: "/ws", iceServers: [], ttl: 0, registerExpires: defaultExpires, codecs: [] };

export function readPhoneSettings(answer: unknown): PhoneSettings {
    const o = object(answer);
    const path = text(o["ws"]);
    return {
        dns: list(o["dns"]).map(object).map((dn) => ({ number: text(dn["number"]), owner: text(dn["owner"]) })),
        path: path.startsWith("/") ? path : defaultSettings.path,
        iceServers: list(o["iceServers"]).map(object).map((server) => ({
            urls: typeof server["urls"] === "string" ? [server["urls"]] : texts(server["urls"]),
            username: text(server["username"]),
            credential: text(server["credential"]),
        })).filter(({ urls }) => urls.length > 0),
        ttl: number(o["ttl"]),
        registerExpires: number(o["registerExpires"]) || defaultExpires,
        codecs: texts(o["codecs"]),
    };
}

/** Of Asterisk's own WebSocket, which the server passes on. */
const asteriskPath = "/asterisk-ws";

/** Where a DN's phone connects. */
export interface Door {
    readonly path: string;
    /** Asterisk knows no tokens: it wants the password of the DN. */
    readonly byPassword: boolean;
}

/** Null for a DN whose phone is no browser. */
export function doorOf(settings: PhoneSettings, dn: string): Door | null {
    switch (settings.dns.find((candidate) => candidate.number === dn)?.owner ?? "sidecar") {
        case "sidecar":
            return { path: settings.path, byPassword: false };
        case "asterisk-webrtc":
            return { path: asteriskPath, byPassword: true };
        default:
            return null;
    }
}

export interface SettingsEvents {
    /** There are settings, or others than before. */
    change: PhoneSettings;
}

export interface SettingsPorts {
    readonly rest: { phoneSettings(token: string): Promise<PhoneSettings> };
    readonly clock: Clock;
    /** 0 to 1. */
    readonly random: () => number;
}

const firstRetry = 1000;
const longestRetry = 20_000;

/** Knows the server's settings for phones, and asks again before the credentials in them end. */
export class SettingsKeeper extends Emitter<SettingsEvents> {
    readonly #ports: SettingsPorts;
    #current: PhoneSettings | null = null;
    #run = 0; // an answer that comes after a stop belongs to an older one
    #retries = 0;
    #cancel: (() => void) | null = null;

    constructor(ports: SettingsPorts) {
        super();
        this.#ports = ports;
    }

    /** Null until the server has answered. */
    get current(): PhoneSettings | null {
        return this.#current;
    }

    start(token: string): void {
        this.stop();
        void this.#ask(token, this.#run);
    }

    stop(): void {
        this.#run += 1;
        this.#retries = 0;
        this.#current = null;
        this.#cancel?.();
        this.#cancel = null;
    }

    async #ask(token: string, run: number): Promise<void> {
        let delay = 0;
        let settings: PhoneSettings | null;
        try {
            settings = await this.#ports.rest.phoneSettings(token);
            this.#retries = 0;
            delay = settings.ttl * 750;
        } catch (error) {
            const { status } = error as RestError;
            // A server that answers but has nothing to tell is an older one. A token that it refuses ends the session elsewhere.
            const answered = status >= 400 && status < 500;
            settings = answered && this.#current === null ? defaultSettings : null;
            if (!answered) {
                delay = Math.min(firstRetry * 2 ** this.#retries, longestRetry) * (0.5 + this.#ports.random() / 2);
                this.#retries += 1;
            }
        }
        if (run !== this.#run) {
            return;
        }
        if (delay > 0) {
            this.#cancel = this.#ports.clock.after(delay, () => void this.#ask(token, run));
        }
        if (settings !== null) {
            this.#current = settings;
            this.emit("change", settings);
        }
    }
}
