import { type CallMemory, kept, type KeptCall } from "./call_memory.ts";
import { Emitter } from "./emitter.ts";
import { type LegInput, type LegState, next } from "./leg_state.ts";
import { dialable } from "./numbers.ts";
import { PhoneError } from "./phone_error.ts";
import type { Account, LegEnd, LegStats, Microphone, Microphones, SipLeg } from "./phone_ports.ts";
import { Registration, type RegistrationEvents, type RegistrationPorts, type RegistrationState } from "./registration.ts";

/** A leg as it stands. */
export interface PhoneCall {
    readonly id: string;
    readonly direction: "in" | "out";
    readonly number: string;
    readonly name: string;
    readonly callUuid: string;
    /** The SIP Call-ID of the dialog. */
    readonly callId: string;
    readonly state: LegState;
    readonly muted: boolean;
    readonly heldByOther: boolean;
    readonly listenOnly: boolean;
    readonly startedAt: number;
    /** 0 before the answer. */
    readonly answeredAt: number;
    readonly end: LegEnd | null;
}

export interface PhoneEvents {
    registration: RegistrationEvents["change"];
    /** A leg has changed. The last change of a leg has the state "ended". */
    call: PhoneCall;
}

export interface PhonePorts extends RegistrationPorts {
    readonly microphones: Microphones;
    readonly memory: CallMemory;
}

interface Leg {
    view: PhoneCall;
    readonly sip: SipLeg;
    microphone: Microphone | null;
    /** A hold or retrieve that is on its way. */
    moving: { readonly on: boolean; readonly done: Promise<void> } | null;
    /** The network has changed since its sound found its way. */
    stale: boolean;
    /** Which connection to the server it began on. */
    readonly connection: number;
}

/** Resumed by a server that has lost the name of what it continues, because it was killed. */
const anyCall = "*";

const dtmfDigits = /^[0-9A-D*#,]+$/;

/** One DN's phone: its registration and its legs. Every verb takes a leg's id and resolves when it was confirmed. */
export class Phone extends Emitter<PhoneEvents> {
    readonly #ports: PhonePorts;
    readonly #legs = new Map<string, Leg>();
    readonly #registration: Registration;
    #count = 0;
    #connection = 0;
    #dialling = false;

    constructor(ports: PhonePorts) {
        super();
        this.#ports = ports;
        this.#registration = new Registration(ports);
        this.#registration.on("change", (change) => {
            if (change.state === "down") {
                this.#connection += 1;
            }
            if (change.state === "registered") {
                this.#restartStale();
            }
            this.emit("registration", change);
        });
    }

    get registration(): RegistrationState {
        return this.#registration.state;
    }

    /** The SIP status of a refused registration. */
    get status(): number {
        return this.#registration.status;
    }

    /** The living legs, oldest first. */
    get calls(): readonly PhoneCall[] {
        return [...this.#legs.values()].map((leg) => leg.view);
    }

    start(account: Account): void {
        this.stop();
        this.#registration.start(account, (leg) => {
            this.#handleIncoming(leg);
        });
    }

    stop(): void {
        if (this.registration === "off") {
            return;
        }
        this.#registration.stop();
        this.#endAll();
    }

    register(): void {
        this.#registration.renew();
    }

    /** Another phone has the DN now. This one keeps the calls that it has and gets no more. */
    handleTaken(): void {
        this.#registration.handleTaken();
    }

    /** The network is another one, or may be: connects anew and, once registered, finds each call's sound a new way. */
    reconnect(): void {
        if (this.registration === "registered" || this.registration === "connecting" || this.registration === "down") {
            for (const leg of this.#legs.values()) {
                leg.stale = true;
            }
            this.#ports.agent.reconnect();
        }
    }

    /** Calls a number. Others that talk are held first. One double click is one call. */
    async dial(typed: string): Promise<string> {
        const number = dialable(typed);
        if (number === "") {
            throw new PhoneError("no_number");
        }
        if (this.registration !== "registered") {
            throw new PhoneError("not_registered");
        }
        if (this.#dialling || this.calls.some((call) => call.state === "dialing" && call.number === number)) {
            throw new PhoneError("already_dialling");
        }
        this.#dialling = true;
        try {
            await this.#holdOthers("");
            const microphone = await this.#ports.microphones.open();
            try {
                return this.#add(this.#ports.agent.call(number, microphone), "out", microphone);
            } catch (error) {
                microphone.close();
                throw error;
            }
        } finally {
            this.#dialling = false;
        }
    }

    async answer(id: string): Promise<void> {
        const leg = this.#leg(id);
        if (leg.view.state !== "incoming") {
            throw new PhoneError("wrong_state");
        }
        this.#input(leg, "answer"); // a second click finds it so
        await this.#accept(leg, true);
    }

    async #accept(leg: Leg, holdOthers: boolean): Promise<void> {
        const { id } = leg.view;
        try {
            if (holdOthers) {
                await this.#holdOthers(id);
            }
            const microphone = await this.#ports.microphones.open();
            if (this.#legs.get(id) !== leg) { // the caller gave up meanwhile
                microphone.close();
                throw new PhoneError("no_such_call");
            }
            leg.microphone = microphone;
            this.#update(leg, { listenOnly: microphone.listenOnly });
            leg.sip.answer(microphone);
        } catch (error) {
            if (leg.microphone === null) {
                this.#input(leg, "withdrawn"); // it still rings
            }
            throw error;
        }
    }

    hangUp(id: string): void {
        const { sip, view } = this.#leg(id);
        if (view.state === "incoming") {
            sip.reject();
        } else {
            sip.hangUp();
        }
    }

    async hold(id: string): Promise<void> {
        await this.#setHold(this.#leg(id), true);
    }

    async retrieve(id: string): Promise<void> {
        await this.#holdOthers(id);
        await this.#setHold(this.#leg(id), false);
    }

    mute(id: string, on: boolean): void {
        const leg = this.#leg(id);
        leg.sip.mute(on);
        this.#update(leg, { muted: on });
    }

    /** Sends digits; a comma is a pause. */
    dtmf(id: string, tones: string): void {
        const leg = this.#leg(id);
        if (leg.view.state !== "talking" || !dtmfDigits.test(tones)) {
            throw new PhoneError("wrong_state");
        }
        leg.sip.dtmf(tones);
    }

    /** Opens the chosen microphone anew for every leg that has one. */
    async changeMicrophone(): Promise<void> {
        for (const leg of this.#legs.values()) {
            if (leg.microphone !== null && !leg.microphone.listenOnly) {
                const microphone = await this.#ports.microphones.open();
                await leg.sip.replaceMicrophone(microphone);
                leg.microphone.close();
                leg.microphone = microphone;
                leg.sip.mute(leg.view.muted);
            }
        }
    }

    stats(id: string): Promise<LegStats | null> {
        return this.#leg(id).sip.stats();
    }

    #handleIncoming(sip: SipLeg): void {
        if (sip.resumes === "") {
            this.#replaceLost(sip.number, (leg) => leg.view.state === "incoming");
            this.#add(sip, "in", null);
            return;
        }
        // The page was loaded again in mid-call, or the server was started again. The agent is talking: nothing rings, unless the microphone can't be opened.
        const known = sip.resumes === anyCall
            ? this.#replaceLost(sip.number, () => true) ?? this.#ports.memory.takeAny(sip.number)
            : this.#ports.memory.take(sip.resumes);
        const id = this.#add(sip, "in", null, known ?? undefined);
        void this.#accept(this.#leg(id), known?.held !== true).catch(() => undefined); // it rings then
    }

    #add(sip: SipLeg, direction: "in" | "out", microphone: Microphone | null, known?: KeptCall): string {
        this.#count += 1;
        const id = `leg-${this.#count}`;
        const ringing = sip.resumes === "" ? "incoming" : "answering";
        const view: PhoneCall = {
            id, direction, number: sip.number, name: sip.name, callUuid: sip.callUuid, callId: sip.callId,
            state: direction === "in" ? ringing : "dialing", muted: false, heldByOther: false,
            listenOnly: microphone?.listenOnly ?? false, startedAt: this.#ports.clock.now(), answeredAt: 0, end: null,
            ...(known === undefined ? {} : {
                direction: known.direction, number: known.number || sip.number, name: known.name, startedAt: known.startedAt, answeredAt: known.answeredAt,
            }),
        };
        const leg: Leg = { view, sip, microphone, moving: null, stale: false, connection: this.#connection };
        this.#legs.set(id, leg);
        sip.listen({
            onProgress: () => {
                this.#input(leg, "progress");
            },
            onConnected: () => {
                if (this.#input(leg, "connected")) {
                    this.#update(leg, { answeredAt: leg.view.answeredAt || this.#ports.clock.now() });
                    this.#putBack(leg, known);
                }
            },
            onHeldByOther: (heldByOther) => {
                this.#update(leg, { heldByOther });
            },
            onMediaLost: () => {
                this.reconnect();
            },
            onEnded: (end) => {
                this.#ended(id, end);
            },
        });
        this.#tell(view);
        return id;
    }

    /** A call that was muted or held before the page was loaded again must not go on otherwise. */
    #putBack(leg: Leg, known: KeptCall | undefined): void {
        if (known?.muted === true) {
            this.mute(leg.view.id, true);
        }
        if (known?.held === true) {
            void this.#setHold(leg, true).catch(() => undefined); // the agent sees that it talks
        }
    }

    /** Takes away a leg whose server has died, when another one comes in its place: of that number first. */
    #replaceLost(number: string, like: (leg: Leg) => boolean): KeptCall | null {
        const lost = [...this.#legs.values()].filter((leg) => leg.connection < this.#connection && like(leg));
        const leg = lost.find(({ view }) => view.number === number) ?? lost.find(({ view }) => view.state !== "incoming");
        if (leg === undefined) {
            return null;
        }
        this.#ended(leg.view.id, { by: "here", status: 0 });
        leg.sip.hangUp(); // the server doesn't know the dialog
        return kept(leg.view, this.#ports.clock.now());
    }

    #restartStale(): void {
        for (const leg of this.#legs.values()) {
            if (leg.stale && leg.view.answeredAt > 0) {
                leg.sip.restartIce();
            }
            leg.stale = false;
        }
    }

    #endAll(): void {
        for (const id of [...this.#legs.keys()]) {
            this.#ended(id, { by: "here", status: 0 });
        }
    }

    #tell(view: PhoneCall): void {
        this.#ports.memory.keep(this.calls);
        this.emit("call", view);
    }

    #ended(id: string, end: LegEnd): void {
        const leg = this.#legs.get(id);
        if (leg === undefined) {
            return;
        }
        this.#legs.delete(id);
        leg.microphone?.close();
        leg.view = { ...leg.view, state: "ended", end };
        this.#tell(leg.view);
    }

    #leg(id: string): Leg {
        const leg = this.#legs.get(id);
        if (leg === undefined) {
            throw new PhoneError("no_such_call");
        }
        return leg;
    }

    async #setHold(leg: Leg, on: boolean): Promise<void> {
        if (leg.moving?.on === on) {
            return leg.moving.done; // a second click, or the agent's desktop
        }
        if (leg.moving !== null || leg.view.state !== (on ? "talking" : "held")) {
            throw new PhoneError("wrong_state");
        }
        const move = async (): Promise<void> => {
            try {
                await leg.sip.hold(on);
                this.#input(leg, on ? "held" : "retrieved");
            } finally {
                leg.moving = null;
            }
        };
        const done = move();
        leg.moving = { on, done };
        return done;
    }

    async #holdOthers(id: string): Promise<void> {
        for (const leg of [...this.#legs.values()]) {
            if (leg.view.id !== id && leg.view.state === "talking") {
                await this.#setHold(leg, true);
            }
        }
    }

    #input(leg: Leg, input: LegInput): boolean {
        const state = next(leg.view.state, input);
        if (state === null || !this.#legs.has(leg.view.id)) {
            return false; // a late word about a leg that has moved on
        }
        this.#update(leg, { state });
        return true;
    }

    #update(leg: Leg, change: Partial<PhoneCall>): void {
        leg.view = { ...leg.view, ...change };
        if (this.#legs.has(leg.view.id)) {
            this.#tell(leg.view);
        }
    }
}
