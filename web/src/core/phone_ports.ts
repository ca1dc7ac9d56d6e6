/** What the phone needs of its outside. A SIP library and a browser's media are behind it, or a test. */

/** Proves who registers: a token (RFC 8898), a SIP password, or what the connection itself carries. */
export type Credential = { readonly bearer: string } | { readonly password: string } | null;

export interface Account {
    readonly dn: string;
    readonly displayName: string;
    readonly credential: Credential;
    /** Of the server's WebSocket. */
    readonly path: string;
    /** Seconds that a registration is asked for. */
    readonly registerExpires: number;
}

/** Keeps the connection and the registration alive, and comes back by itself after a loss. */
export interface SipAgent {
    start(account: Account, handler: SipHandler): void;
    /** Un-registers and ends every leg. */
    stop(): void;
    /** Tries again at once, after a refusal. */
    register(): void;
    /** Leaves the DN to others. Calls go on. */
    unregister(): void;
    /** Gives the connection up and makes a new one, after a moment. */
    reconnect(): void;
    call(number: string, microphone: Microphone): SipLeg;
}

export interface SipHandler {
    onConnected(): void;
    onDisconnected(): void;
    onRegistered(): void;
    /** Status is the SIP one; 0 when there was no answer. */
    onRegisterFailed(status: number): void;
    onIncoming(leg: SipLeg): void;
}

export interface SipLeg {
    readonly number: string;
    readonly name: string;
    /** The CallUUID, if the server told it. */
    readonly callUuid: string;
    /** The SIP Call-ID of the dialog. */
    readonly callId: string;
    /** The Call-ID of a dialog that was lost and goes on in this one: it is to be answered without ringing. Else empty. */
    readonly resumes: string;
    listen(handler: LegHandler): void;
    answer(microphone: Microphone): void;
    hangUp(): void;
    /** Refuses an incoming call as busy. */
    reject(): void;
    /** Resolves when the other side has confirmed; rejects if it refuses. */
    hold(on: boolean): Promise<void>;
    mute(on: boolean): void;
    dtmf(tones: string): void;
    /** Speaks into another microphone from now on. */
    replaceMicrophone(microphone: Microphone): Promise<void>;
    /** Finds a new way for the sound, after the network has changed. */
    restartIce(): void;
    /** Null while there is no media connection. */
    stats(): Promise<LegStats | null>;
}

export interface LegHandler {
    onProgress(): void;
    onConnected(): void;
    /** The other side holds or retrieves. */
    onHeldByOther(on: boolean): void;
    /** The sound's connection has been broken for two seconds; it is said again while that lasts. */
    onMediaLost(): void;
    onEnded(end: LegEnd): void;
}

export interface LegEnd {
    readonly by: "here" | "there" | "system";
    /** The SIP status of a refusal; 0 if there is none. */
    readonly status: number;
}

/** Totals since the leg's media came up. */
export interface LegStats {
    readonly connection: "new" | "connecting" | "connected" | "disconnected" | "failed" | "closed";
    readonly received: number;
    readonly sent: number;
    readonly lost: number;
    /** Seconds; 0 if unknown. */
    readonly jitter: number;
    readonly roundTrip: number;
}

/** An open microphone, or the lack of one: then the leg only listens. */
export interface Microphone {
    readonly listenOnly: boolean;
    close(): void;
}

export interface Microphones {
    /** Rejects with a PhoneError "microphone_denied" or "microphone_busy". */
    open(): Promise<Microphone>;
}
