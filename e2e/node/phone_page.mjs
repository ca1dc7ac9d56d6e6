// The phone of a test inside a page: JsSIP as it is published, a microphone or an oscillator, and ears that know frequencies.
// The test calls the methods of window.phone; each returns something that JSON can hold.
import JsSIP from "jssip";

// JsSIP tells what it sends and receives; the test prints it when it fails.
JsSIP.debug.enable("JsSIP:Transport JsSIP:RTCSession* JsSIP:WARN:*");
JsSIP.debug.log = console.log;

const PATIENCE_MS = 30_000;
const TICK_MS = 40;
const NEEDED_MS = 300; // of a sound, without a gap

const pause = () => new Promise((resolve) => setTimeout(resolve, TICK_MS));

/** Polls until the check gives something true; the error says what was last seen. */
async function until(what, check, seen = () => "") {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
        const result = check();
        if (result) {
            return result;
        }
        if (performance.now() > deadline) {
            throw new Error(`${what}: it did not happen; ${seen()}`);
        }
        await pause();
    }
}

/** Which part of the samples' power lies at a frequency (Goertzel), and their level. */
function measure(samples, rate, frequency) {
    const step = 2 * Math.cos((2 * Math.PI * frequency) / rate);
    let [one, two, power] = [0, 0, 0];
    samples.forEach((sample, i) => {
        const value = sample * (0.5 - 0.5 * Math.cos((2 * Math.PI * i) / samples.length)); // Hann: leaks less
        [one, two] = [value + step * one - two, one];
        power += value * value;
    });
    const at = one * one + two * two - step * one * two;
    // A Hann window spreads a sine over three bins: two thirds of its power are in the middle one.
    return { share: power > 0 ? (2 * at) / (samples.length * power) / (2 / 3) : 0, level: Math.sqrt(power / samples.length) };
}

/** Hears what a stream brings. */
class Ear {
    #analyser;
    #samples;
    #rate;
    #element = new Audio();

    constructor(audio, stream) {
        // Chromium feeds a remote stream to Web Audio only while an element plays it.
        this.#element.srcObject = stream;
        this.#element.muted = true;
        void this.#element.play();
        this.#analyser = new AnalyserNode(audio, { fftSize: 8192 });
        this.#samples = new Float32Array(this.#analyser.fftSize);
        this.#rate = audio.sampleRate;
        audio.createMediaStreamSource(stream).connect(this.#analyser);
    }

    #measure(frequency) {
        this.#analyser.getFloatTimeDomainData(this.#samples);
        return measure(this.#samples, this.#rate, frequency);
    }

    /** Waits until every check has held for NEEDED_MS on end. */
    async #lasting(what, frequency, check) {
        let since = null;
        let last;
        await until(what, () => {
            last = this.#measure(frequency);
            since = check(last) ? (since ?? performance.now()) : null;
            return since !== null && performance.now() - since >= NEEDED_MS;
        }, () => `at ${frequency} Hz is a share of ${last.share.toFixed(2)}, level ${last.level.toFixed(4)}`);
    }

    tone(frequency) {
        return this.#lasting(`hear ${frequency} Hz`, frequency, ({ share, level }) => level > 0.003 && share > 0.5);
    }

    noTone(frequency) {
        return this.#lasting(`no longer hear ${frequency} Hz`, frequency, ({ share, level }) => level < 0.001 || share < 0.1);
    }

    sound() {
        return this.#lasting("hear anything", 440, ({ level }) => level > 0.003);
    }

    silence() {
        return this.#lasting("hear nothing", 440, ({ level }) => level < 0.001);
    }

    /** A digit of a telephone: two frequencies at once, too short to last. */
    async digit(frequencies) {
        let best = 0;
        await until(`hear the digit of ${frequencies.join(" and ")} Hz`, () => {
            const shares = frequencies.map((frequency) => this.#measure(frequency).share);
            best = Math.max(best, Math.min(...shares));
            return best > 0.15;
        }, () => `the best share of both was ${best.toFixed(2)}`);
    }
}

/** The description of a browser that has one codec. */
function only(codec, sdp) {
    const kept = [...sdp.matchAll(/^a=rtpmap:(\d+) ([^/]+)/gm)]
        .filter(([, , name]) => [codec, "telephone-event"].includes(name)).map(([, payload]) => payload);
    return sdp.replace(/^(m=audio \d+ \S+) .*$/m, `$1 ${kept.join(" ")}`)
        .replace(/^a=(?:rtpmap|fmtp|rtcp-fb):(\d+) .*\r\n/gm, (line, payload) => (kept.includes(payload) ? line : ""));
}

/** One call as the page has it. */
class Call {
    session;
    ear = null;
    state;
    cause = null;
    log = [];
    digits = "";
    refers = [];

    constructor(session, audio) {
        this.session = session;
        this.state = session.direction === "incoming" ? "ringing" : "dialing";
        const attach = (connection) => connection.addEventListener("track", ({ track, streams }) => {
            this.ear = new Ear(audio, streams[0] ?? new MediaStream([track]));
        });
        if (session.connection) {
            attach(session.connection);
        }
        session.on("peerconnection", ({ peerconnection }) => attach(peerconnection));
        // Gathering for all interfaces takes long; the gateway is reached by any candidate once a relayed one is not needed.
        session.on("icecandidate", ({ candidate, ready }) => {
            if (!session.relayed || candidate.type === "relay") {
                ready();
            }
        });
        session.on("progress", () => this.#to("ringing"));
        session.on("accepted", () => this.#to("accepted"));
        session.on("confirmed", () => this.#to("talking"));
        session.on("hold", ({ originator }) => this.log.push(`hold ${originator}`));
        session.on("unhold", ({ originator }) => this.log.push(`unhold ${originator}`));
        session.on("newDTMF", ({ originator, dtmf }) => {
            if (originator === "remote") {
                this.digits += dtmf.tone;
            }
        });
        for (const end of ["ended", "failed"]) {
            session.on(end, ({ originator, cause, message }) => {
                const status = message?.status_code ?? 0;
                this.cause = { originator, cause, status, method: message?.method ?? "", reason: message?.getHeader?.("Reason") ?? "" };
                this.#to("ended");
            });
        }
    }

    #to(state) {
        if (this.state !== "ended") {
            this.state = state;
            this.log.push(state);
        }
    }
}

class Phone {
    #ua = null;
    #audio = null;
    #stream = null;
    #options = null;
    #calls = [];
    #taken = 0; // incoming calls that the test has been told of
    #lines = []; // of the connection and the registration

    /**
     * Registers. Options: url, uri, password, tone (Hz; 0: the microphone), allowEvents, resume (answer a call that comes back),
     * iceServers, codec (the only one to have), expires.
     */
    async start(options) {
        this.#options = options;
        await this.#listen();
        const ua = new JsSIP.UA({
            sockets: [new JsSIP.WebSocketInterface(options.url)],
            uri: options.uri, password: options.password, register: false, register_expires: options.expires ?? 300,
            connection_recovery_min_interval: 1, connection_recovery_max_interval: 2, session_timers: true,
            user_agent: "an unmodified JsSIP",
        });
        for (const event of ["connected", "disconnected", "registered", "unregistered"]) {
            ua.on(event, () => this.#lines.push(event));
        }
        ua.on("registrationFailed", ({ response, cause }) => this.#lines.push(`refused ${response?.status_code ?? cause}`));
        ua.on("newRTCSession", ({ session, originator, request }) => originator === "remote" && this.#ring(session, request));
        if (options.allowEvents) {
            ua.registrator().setExtraHeaders([`Allow-Events: ${options.allowEvents}`]);
        }
        // Only what becomes of the registration is waited for: JsSIP connects again by itself.
        ua.on("connected", () => ua.register());
        this.#ua = ua;
        ua.start();
        return this.waitLine("^(registered|refused)");
    }

    async #listen() {
        this.#audio = new AudioContext();
        await this.#audio.resume();
        if (this.#options.tone) {
            const destination = this.#audio.createMediaStreamDestination();
            const oscillator = new OscillatorNode(this.#audio, { frequency: this.#options.tone });
            oscillator.connect(new GainNode(this.#audio, { gain: 0.3 })).connect(destination);
            oscillator.start();
            this.#stream = destination.stream;
        }
    }

    /** What a call is made or answered with. Filters for voices would take the tone for noise. */
    #media() {
        const raw = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
        return {
            pcConfig: { iceServers: this.#options.iceServers ?? [] },
            ...(this.#stream ? { mediaStream: this.#stream } : { mediaConstraints: { audio: raw, video: false } }),
        };
    }

    #ring(session, request) {
        const call = this.#add(session);
        call.headers = Object.fromEntries(["X-Sidecar-Resume", "X-Genesys-CallUUID", "Call-Info", "X-Sidecar-Leg"]
            .map((name) => [name, request.getHeader(name) ?? ""]));
        call.from = request.from.uri.user;
        if (this.#options.allowEvents) {
            this.#obey(session);
        }
        if (this.#options.resume && call.headers["X-Sidecar-Resume"]) {
            session.answer(this.#media());
        }
    }

    /** What a phone with "Allow-Events: talk, hold" does and JsSIP does not: it lets its server press its keys. */
    #obey(session) {
        const receive = session.receiveRequest.bind(session);
        session.receiveRequest = (request) => {
            const event = request.method === "NOTIFY" ? request.event?.event : undefined;
            if (event !== "talk" && event !== "hold") {
                return receive(request);
            }
            request.reply(200);
            if (event === "hold") {
                return session.hold();
            }
            return session.isEstablished() ? session.unhold() : session.answer(this.#media());
        };
    }

    #add(session) {
        session.relayed = (this.#options.iceServers ?? []).length > 0;
        if (this.#options.codec) {
            session.on("sdp", (event) => { // what it sends, and what it takes in: Chromium itself has all codecs
                event.sdp = only(this.#options.codec, event.sdp);
            });
        }
        const call = new Call(session, this.#audio);
        this.#calls.push(call);
        return call;
    }

    dial(number, extraHeaders = []) {
        this.#add(this.#ua.call(number, { ...this.#media(), extraHeaders }));
        return this.#calls.length - 1;
    }

    /** The next incoming call that was not asked for yet. */
    async incoming() {
        const fresh = () => this.#calls.findIndex((call, i) => i >= this.#taken && call.session.direction === "incoming");
        await until("a call comes in", () => fresh() >= 0, () => this.#lines.join(", "));
        const index = fresh();
        this.#taken = index + 1;
        const { from, headers } = this.#calls[index];
        return { index, from, headers };
    }

    answer(i) {
        this.#calls[i].session.answer(this.#media());
    }

    reject(i, code) {
        this.#calls[i].session.terminate({ status_code: code });
    }

    hangup(i) {
        this.#calls[i].session.terminate();
    }

    hold(i, on) {
        const { session } = this.#calls[i];
        return new Promise((resolve, reject) => {
            session.once("ended", () => reject(new Error("the call ended")));
            if (!(on ? session.hold({}, () => resolve()) : session.unhold({}, () => resolve()))) {
                reject(new Error("JsSIP would not do it now"));
            }
        });
    }

    /** A re-INVITE, with new ICE credentials when asked; true when those are in the new description. */
    async renegotiate(i, iceRestart) {
        const { session } = this.#calls[i];
        const fragment = () => /a=ice-ufrag:(\S+)/.exec(session.connection.localDescription.sdp)[1];
        const before = fragment();
        await new Promise((resolve, reject) => {
            session.once("ended", () => reject(new Error("the call ended")));
            if (!session.renegotiate({ rtcOfferConstraints: { iceRestart } }, () => resolve())) {
                reject(new Error("JsSIP would not do it now"));
            }
        });
        return fragment() !== before;
    }

    /** Sends digits as INFO or RFC2833, and returns when the last key is up again. */
    async dtmf(i, digits, transportType) {
        const [duration, interToneGap] = [120, 100];
        this.#calls[i].session.sendDTMF(digits, { duration, interToneGap, transportType });
        await new Promise((resolve) => setTimeout(resolve, (digits.length + 1) * (duration + interToneGap)));
    }

    /** REFER to a number, in place of another call of this page if there is one. Resolves with all that was reported. */
    refer(i, number, other = null) {
        const seen = [];
        return new Promise((resolve) => {
            const step = (name, last) => ({ status_line }) => {
                seen.push(`${name}${status_line ? ` ${status_line.status_code}` : ""}`);
                if (last) {
                    resolve(seen);
                }
            };
            this.#calls[i].session.refer(number, {
                ...(other === null ? {} : { replaces: this.#calls[other].session }),
                eventHandlers: {
                    requestSucceeded: step("taken", false), requestFailed: step("refused", true), trying: step("trying", false),
                    progress: step("progress", false), accepted: step("accepted", true), failed: step("failed", true),
                },
            });
        });
    }

    #wait(i, what, check) {
        const call = this.#calls[i];
        return until(`the call is ${what}`, () => check(call), () => `it is ${call.state}, was ${call.log.join(", ")} ${JSON.stringify(call.cause)}`);
    }

    async waitState(i, state) {
        await this.#wait(i, state, (call) => call.state === state || call.log.includes(state));
    }

    async waitEnd(i) {
        await this.#wait(i, "over", (call) => call.state === "ended");
        return this.#calls[i].cause;
    }

    async waitLog(i, line) {
        await this.#wait(i, line, (call) => call.log.includes(line));
    }

    async waitDigits(i, digits) {
        await this.#wait(i, `bringing ${digits}`, (call) => call.digits.includes(digits));
    }

    /** Waits for a sound: kind is tone, noTone, sound, silence or digit. */
    async hear(i, kind, of) {
        await this.#wait(i, "heard", (call) => call.ear !== null);
        await this.#calls[i].ear[kind](of);
    }

    state(i) {
        return this.#calls[i].state;
    }

    count() {
        return this.#calls.length;
    }

    /** Codecs in use, candidate types, and the descriptions. */
    async media(i) {
        const { connection } = this.#calls[i].session;
        const report = [...(await connection.getStats()).values()];
        const codec = (type) => {
            const stream = report.find((entry) => entry.type === type && entry.codecId);
            return report.find((entry) => entry.id === stream?.codecId)?.mimeType ?? "";
        };
        const transport = report.find((entry) => entry.type === "transport");
        const pair = report.find((entry) => entry.id === transport?.selectedCandidatePairId);
        const candidate = (id) => report.find((entry) => entry.id === id) ?? {};
        const inbound = report.find((entry) => entry.type === "inbound-rtp") ?? {};
        return {
            receives: codec("inbound-rtp"), sends: codec("outbound-rtp"), lost: inbound.packetsLost ?? 0, received: inbound.packetsReceived ?? 0,
            local: candidate(pair?.localCandidateId).candidateType ?? "", remote: candidate(pair?.remoteCandidateId).address ?? "",
            protocol: candidate(pair?.remoteCandidateId).protocol ?? "", relay: candidate(pair?.localCandidateId).relayProtocol ?? "",
            offer: (connection.localDescription.type === "offer" ? connection.localDescription : connection.remoteDescription).sdp,
        };
    }

    register() {
        this.#ua.register();
    }

    /** How many lines of the connection's and registration's life there are, and what they say. */
    lines() {
        return this.#lines;
    }

    /** Waits for a line that matches, among those from an index on. */
    async waitLine(pattern, from = 0) {
        const matching = () => this.#lines.slice(from).find((line) => new RegExp(pattern).test(line));
        return until(pattern, matching, () => `so far: ${this.#lines.join(", ")}`);
    }

    stop() {
        this.#ua?.stop();
    }
}

window.phone = new Phone();
