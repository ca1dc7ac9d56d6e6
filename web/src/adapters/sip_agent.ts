import { UA } from "jssip";
import type { Account, Microphone, SipAgent, SipHandler, SipLeg } from "../core/phone_ports.ts";
import { PageSocket } from "./page_socket.ts";
import { JsSipLeg, type LegOptions } from "./sip_leg.ts";

export interface SipAgentOptions extends Omit<LegOptions, "connected"> {
    /** Of the server, ws: or wss:, without a path. */
    readonly url: string;
    /** The host part of the DN's address of record. */
    readonly host: string;
    /** This page's instance id, by which the server knows whose command channel goes with the registration. */
    readonly page: string;
}

/** How JsSIP calls the end of a request that nobody has answered (its Constants.causes.REQUEST_TIMEOUT). */
const noAnswer = "Request Timeout";

/** What JsSIP tells of an INVITE, ours or theirs. */
interface NewSession {
    readonly originator: string;
    readonly session: ConstructorParameters<typeof JsSipLeg>[0];
    readonly request: { readonly call_id: string; getHeader(name: string): unknown };
}

/** The SIP agent of a page, made of JsSIP. */
export class JsSipAgent implements SipAgent {
    readonly #options: SipAgentOptions;
    #ua: UA | null = null;
    #socket: PageSocket | null = null;
    #outgoing = ""; // the Call-ID of the INVITE that was just made

    constructor(options: SipAgentOptions) {
        this.#options = options;
    }

    start(account: Account, handler: SipHandler): void {
        const { credential } = account;
        const socket = new PageSocket(this.#options.url + account.path);
        const ua = new UA({
            sockets: [socket],
            uri: `sip:${account.dn}@${this.#options.host}`,
            display_name: account.displayName || account.dn,
            user_agent: "sidecar page",
            register_expires: account.registerExpires,
            connection_recovery_min_interval: 1,
            // There must be several tries within the time that the gateway keeps the call of a page that is gone (20 s).
            connection_recovery_max_interval: 4,
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
        ua.on("registrationFailed", ({ response, cause }) => {
            if (current()) {
                handler.onRegisterFailed(refusal(response));
                if (cause as string === noAnswer) {
                    socket.drop(); // it leads nowhere any more
                }
            }
        });
        ua.on("newRTCSession", ({ originator, session, request }: NewSession) => {
            if (originator === "local") {
                this.#outgoing = request.call_id;
            } else if (current()) {
                handler.onIncoming(new JsSipLeg(session, this.#legOptions(), {
                    callId: request.call_id, callUuid: header(request, "X-Genesys-CallUUID"), resumes: resumes(request),
                }));
            }
        });
        ua.registrator().setExtraHeaders([`X-Sidecar-Page: ${this.#options.page}`]);
        this.#socket = socket;
        this.#ua = ua;
        ua.start();
    }

    stop(): void {
        const ua = this.#ua;
        this.#ua = null;
        this.#socket = null;
        ua?.stop();
    }

    register(): void {
        this.#ua?.register();
    }

    unregister(): void {
        // The server lets a phone un-register only what it has itself.
        this.#ua?.unregister();
    }

    reconnect(): void {
        this.#socket?.drop();
    }

    call(number: string, microphone: Microphone): SipLeg {
        if (this.#ua === null) {
            throw new Error("the agent was not started");
        }
        const session = this.#ua.call(number, JsSipLeg.media(microphone, this.#options.iceServers()));
        return new JsSipLeg(session, this.#legOptions(), { callId: this.#outgoing, callUuid: "", resumes: "" });
    }

    #legOptions(): LegOptions {
        return { ...this.#options, connected: () => this.#ua?.isConnected() === true };
    }
}

interface Response {
    readonly status_code: number;
    readonly reason_phrase: string;
}

/** A registrar that keeps a DN for the phone that has it says so in a 403 of its own; busy is what that is (RFC 3261 has no status for it). */
function refusal(response: Response | null): number {
    if (response === null) {
        return 0;
    }
    return response.status_code === 403 && /in use/i.test(response.reason_phrase) ? 486 : response.status_code;
}

function header(request: NewSession["request"], name: string): string {
    const value = request.getHeader(name);
    return typeof value === "string" ? value : "";
}

/** A lost dialog that this INVITE continues. The server wants it answered at once (answer-after, as many phones know it). */
function resumes(request: NewSession["request"]): string {
    return /;\s*answer-after\s*=\s*0\b/i.test(header(request, "Call-Info")) ? header(request, "X-Sidecar-Resume") : "";
}
