import { UA, WebSocketInterface } from "jssip";
import type { Account, Microphone, SipAgent, SipHandler, SipLeg } from "../core/phone_ports.ts";
import { JsSipLeg, type LegOptions } from "./sip_leg.ts";

export interface SipAgentOptions extends LegOptions {
    /** Of the server's WebSocket. */
    readonly url: string;
    /** The host part of the DN's address of record. */
    readonly host: string;
}

/** Seconds. A lost registration is found within this time; the server may ask for another one by 423 or its answer. */
const registerExpires = 300;

/** The SIP agent of a page, made of JsSIP. */
export class JsSipAgent implements SipAgent {
    readonly #options: SipAgentOptions;
    #ua: UA | null = null;

    constructor(options: SipAgentOptions) {
        this.#options = options;
    }

    start(account: Account, handler: SipHandler): void {
        const { credential } = account;
        const ua = new UA({
            sockets: [new WebSocketInterface(this.#options.url)],
            uri: `sip:${account.dn}@${this.#options.host}`,
            display_name: account.displayName || account.dn,
            user_agent: "sidecar page",
            register_expires: registerExpires,
            connection_recovery_min_interval: 1,
            connection_recovery_max_interval: 20,
            no_answer_timeout: 60,
            session_timers: true,
            // JsSIP writes the value as it is into the Authorization header (RFC 8898, section 2.2) of every request.
            ...(credential !== null && "bearer" in credential ? { authorization_jwt: `Bearer ${credential.bearer}` } : {}),
            ...(credential !== null && "password" in credential ? { password: credential.password } : {}),
        });
        const current = (): boolean => this.#ua === ua;
        ua.on("connected", () => {
            if (current()) {
                handler.onConnected();
            }
        });
        ua.on("disconnected", () => {
            if (current()) {
                handler.onDisconnected();
            }
        });
        ua.on("registered", () => {
            if (current()) {
                handler.onRegistered();
            }
        });
        ua.on("registrationFailed", ({ response }) => {
            if (current()) {
                handler.onRegisterFailed((response as { status_code: number } | null)?.status_code ?? 0);
            }
        });
        ua.on("newRTCSession", (event: { originator: string; session: ConstructorParameters<typeof JsSipLeg>[0]; request: { getHeader(name: string): unknown } }) => {
            if (current() && event.originator === "remote") {
                const callUuid = event.request.getHeader("X-Genesys-CallUUID");
                handler.onIncoming(new JsSipLeg(event.session, this.#options, typeof callUuid === "string" ? callUuid : ""));
            }
        });
        this.#ua = ua;
        ua.start();
    }

    stop(): void {
        const ua = this.#ua;
        this.#ua = null;
        ua?.stop();
    }

    register(): void {
        this.#ua?.register();
    }

    call(number: string, microphone: Microphone): SipLeg {
        if (this.#ua === null) {
            throw new Error("the agent was not started");
        }
        return new JsSipLeg(this.#ua.call(number, JsSipLeg.media(microphone, this.#options.iceServers())), this.#options);
    }
}
