import type { RTCSession } from "jssip/lib/RTCSession";
import { PhoneError } from "../core/phone_error.ts";
import type { LegEnd, LegHandler, LegStats, Microphone, SipLeg } from "../core/phone_ports.ts";
import { BrowserMicrophone } from "./microphones.ts";
import { readStats } from "./stats.ts";

export interface LegOptions {
    readonly iceServers: () => RTCIceServer[];
    /** Plays what the other side says; the returned function ends that. */
    readonly play: (stream: MediaStream) => () => void;
}

/** Milliseconds that candidates are gathered for at most. */
const gatheringLimit = 2000;

type Session = Pick<RTCSession, "on" | "connection" | "remote_identity" | "answer" | "terminate" | "hold" | "unhold" | "mute" | "unmute" | "sendDTMF">;

/** A leg of JsSIP's. */
export class JsSipLeg implements SipLeg {
    readonly number: string;
    readonly name: string;
    readonly callUuid: string;
    readonly #session: Session;
    readonly #options: LegOptions;
    #connection: RTCPeerConnection | null = null;
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

    constructor(session: Session, options: LegOptions, callUuid = "") {
        this.#session = session;
        this.#options = options;
        this.callUuid = callUuid;
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
        this.#shortenGathering();
    }

    listen(handler: LegHandler): void {
        const session = this.#session;
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

    async stats(): Promise<LegStats | null> {
        return this.#connection === null ? null : readStats(this.#connection.connectionState, await this.#connection.getStats());
    }

    #handleConnection(connection: RTCPeerConnection): void {
        if (this.#connection === connection) {
            return;
        }
        this.#connection = connection;
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
        const relayed = this.#options.iceServers().length > 0;
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
}

function endOf(event: { originator: string; message: unknown }): LegEnd {
    const { status_code: status } = (event.message ?? {}) as { status_code?: number };
    return {
        by: event.originator === "local" ? "here" : event.originator === "remote" ? "there" : "system",
        status: typeof status === "number" ? status : 0,
    };
}
