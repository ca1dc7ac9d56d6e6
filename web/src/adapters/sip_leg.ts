import type { RTCSession } from "jssip/lib/RTCSession";
import { PhoneError } from "../core/phone_error.ts";
import type { LegEnd, LegHandler, LegStats, Microphone, SipLeg } from "../core/phone_ports.ts";
import { IceWatch } from "./ice_watch.ts";
import { BrowserMicrophone } from "./microphones.ts";
import { orderCodecs } from "./sdp.ts";
import { readStats } from "./stats.ts";

export interface LegOptions {
    readonly iceServers: () => RTCIceServer[];
    /** Names of codecs in order of preference. */
    readonly codecs: () => readonly string[];
    /** Whether the server can be reached now. JsSIP ends a call that has something to say while it can't. */
    readonly connected: () => boolean;
    /** Plays what the other side says; the returned function ends that. */
    readonly play: (stream: MediaStream) => () => void;
}

/** Milliseconds that candidates are gathered for at most. */
const gatheringLimit = 2000;

/** Milliseconds after which an ICE restart is tried again that has found another re-INVITE under way. */
const restartPause = 500;

/** How JsSIP calls the end of a call whose ICE has failed (its Constants.causes.RTP_TIMEOUT). */
const iceFailed = "RTP Timeout";

type Session = Pick<RTCSession, "on" | "connection" | "remote_identity" | "isEnded" | "answer" | "terminate" | "hold" | "unhold" | "mute" | "unmute" |
    "sendDTMF" | "renegotiate">;

/** What the INVITE says of the call. */
export interface InviteFacts {
    readonly callId: string;
    readonly callUuid: string;
    readonly resumes: string;
}

/** A leg of JsSIP's. */
export class JsSipLeg implements SipLeg {
    readonly number: string;
    readonly name: string;
    readonly callId: string;
    readonly callUuid: string;
    readonly resumes: string;
    readonly #session: Session;
    readonly #options: LegOptions;
    #connection: RTCPeerConnection | null = null;
    #watch: IceWatch | null = null;
    #handler: LegHandler | null = null;
    #stopPlaying: (() => void) | null = null;
    #rejectHold: ((reason: PhoneError) => void) | null = null;

    /** What JsSIP needs to offer or answer with the microphone. */
    static media(microphone: Microphone, iceServers: RTCIceServer[]) {
        const stream = microphone instanceof BrowserMicrophone ? microphone.stream : null;
        return {
            pcConfig: { iceServers },
            ...(stream === null
                ? { mediaConstraints: { audio: false, video: false }, rtcOfferConstraints: { offerToReceiveAudio: true } }
                : { mediaStream: stream }),
        };
    }

    constructor(session: Session, options: LegOptions, facts: InviteFacts) {
        this.#session = session;
        this.#options = options;
        ({ callId: this.callId, callUuid: this.callUuid, resumes: this.resumes } = facts);
        const identity = session.remote_identity;
        this.number = identity.uri.user || "";
        this.name = identity.display_name === this.number ? "" : identity.display_name;
        // The connection of a call that we make is there before anybody could listen for it.
        const connection = session.connection as RTCPeerConnection | null;
        if (connection !== null) {
            this.#handleConnection(connection);
        }
        session.on("peerconnection", ({ peerconnection }) => {
            this.#handleConnection(peerconnection);
        });
        session.on("sdp", (event) => {
            if ((event.originator as string) === "local" && event.type === "offer") {
                event.sdp = orderCodecs(event.sdp, options.codecs());
            }
        });
        this.#shortenGathering();
        this.#surviveFailedIce();
    }

    listen(handler: LegHandler): void {
        const session = this.#session;
        this.#handler = handler;
        session.on("progress", () => {
            handler.onProgress();
        });
        session.on("confirmed", () => {
            handler.onConnected();
        });
        session.on("hold", ({ originator }) => {
            if ((originator as string) === "remote") {
                handler.onHeldByOther(true);
            }
        });
        session.on("unhold", ({ originator }) => {
            if ((originator as string) === "remote") {
                handler.onHeldByOther(false);
            }
        });
        const end = (event: { originator: string; message: unknown }): void => {
            this.#watch?.stop();
            this.#stopPlaying?.();
            this.#rejectHold?.(new PhoneError("refused_by_other"));
            handler.onEnded(endOf(event));
        };
        session.on("ended", end);
        session.on("failed", end);
    }

    answer(microphone: Microphone): void {
        this.#session.answer(JsSipLeg.media(microphone, this.#options.iceServers()));
    }

    hangUp(): void {
        this.#session.terminate();
    }

    reject(): void {
        this.#session.terminate({ status_code: 486 });
    }

    hold(on: boolean): Promise<void> {
        if (!this.#options.connected()) {
            return Promise.reject(new PhoneError("not_connected"));
        }
        return new Promise((resolve, reject) => {
            // JsSIP ends a call whose hold is refused; the promise then ends with it.
            this.#rejectHold = reject;
            const started = on ? this.#session.hold({}, resolve) : this.#session.unhold({}, resolve);
            if (!started) {
                reject(new PhoneError("wrong_state"));
            }
        });
    }

    mute(on: boolean): void {
        if (on) {
            this.#session.mute({ audio: true });
        } else {
            this.#session.unmute({ audio: true });
        }
    }

    dtmf(tones: string): void {
        this.#session.sendDTMF(tones, { duration: 100, interToneGap: 500, transportType: "RFC2833" as never });
    }

    async replaceMicrophone(microphone: Microphone): Promise<void> {
        const track = microphone instanceof BrowserMicrophone ? microphone.stream?.getAudioTracks()[0] : undefined;
        const sender = this.#connection?.getSenders().find((candidate) => candidate.track?.kind === "audio");
        if (track !== undefined) {
            await sender?.replaceTrack(track);
        }
    }

    restartIce(): void {
        const options = { rtcOfferConstraints: { iceRestart: true } };
        if (!this.#session.isEnded() && this.#options.connected() && !this.#session.renegotiate(options)) {
            setTimeout(() => {
                this.restartIce();
            }, restartPause);
        }
    }

    async stats(): Promise<LegStats | null> {
        return this.#connection === null ? null : readStats(this.#connection.connectionState, await this.#connection.getStats());
    }

    #handleConnection(connection: RTCPeerConnection): void {
        if (this.#connection === connection) {
            return;
        }
        this.#connection = connection;
        this.#watch?.stop();
        this.#watch = new IceWatch(connection, {
            onLost: () => {
                this.#handler?.onMediaLost();
            },
            onGivenUp: () => {
                this.#session.terminate();
            },
        });
        connection.addEventListener("track", ({ track, streams }) => {
            this.#stopPlaying?.();
            this.#stopPlaying = this.#options.play(streams[0] ?? new MediaStream([track]));
        });
    }

    /**
     * The server is reached by any address of ours: the first candidate will do. Only with TURN servers it may be the relayed one that
     * is needed. A browser gathers for 130-340 ms, and for seconds when an interface leads nowhere.
     */
    #shortenGathering(): void {
        const relayed = this.#options.iceServers().some(({ urls }) => [urls].flat().some((url) => url.startsWith("turn")));
        let ready: (() => void) | null = null;
        let timer: ReturnType<typeof setTimeout> | null = null;
        this.#session.on("icecandidate", (event) => {
            ready = event.ready;
            if (!relayed || event.candidate.type === "relay") {
                event.ready();
            }
            timer ??= setTimeout(() => ready?.(), gatheringLimit);
        });
    }

    /** JsSIP hangs up as soon as ICE fails. A call that was up once is to outlive a change of networks instead; its watch gives it up. */
    #surviveFailedIce(): void {
        const session = this.#session;
        const terminate = session.terminate.bind(session);
        session.terminate = (options) => {
            if (options?.cause !== iceFailed || this.#watch?.wasUp !== true) {
                terminate(options);
            }
        };
    }
}

function endOf(event: { originator: string; message: unknown }): LegEnd {
    const { status_code: status } = (event.message ?? {}) as { status_code?: number };
    return {
        by: event.originator === "local" ? "here" : event.originator === "remote" ? "there" : "system",
        status: typeof status === "number" ? status : 0,
    };
}
