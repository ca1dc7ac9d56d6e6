import { html, LitElement, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { Desk } from "../../core/desk.ts";
import type { Line } from "../../core/lines.ts";
import { en } from "../../text/en.ts";
import { errorText, failureText, type Texts } from "../../text/texts.ts";
import { DeskController } from "../desk_controller.ts";
import { shared } from "../shared.styles.ts";
import "../sidecar-call/index.ts";
import type { CallAction } from "../sidecar-call/call.ts";
import "../sidecar-devices/index.ts";
import "../sidecar-dialer/index.ts";
import type { DialRoute } from "../sidecar-dialer/dialer.ts";
import "../sidecar-events/index.ts";
import "../sidecar-lights/index.ts";
import "../sidecar-login/index.ts";
import type { LoginDetail } from "../sidecar-login/login.ts";
import "../sidecar-password/index.ts";
import { styles } from "./app.styles.ts";

const second = 1000;

/** The whole page: login, then the phone with its calls and events. */
export class SidecarApp extends LitElement {
    static override styles = [shared, styles];
    static override properties = {
        desk: { attribute: false }, texts: { attribute: false }, language: { type: String }, notice: { state: true }, now: { state: true },
    };

    declare desk: Desk | null;
    declare texts: Texts;
    declare language: string;
    declare notice: string;
    declare now: number;

    #ticker: ReturnType<typeof setInterval> | null = null;
    #stopFailures: (() => void) | null = null;

    constructor() {
        super();
        this.desk = null;
        this.texts = en;
        this.language = "en";
        this.notice = "";
        this.now = Date.now();
        new DeskController(this, () => this.desk);
    }

    override connectedCallback(): void {
        super.connectedCallback();
        window.addEventListener("keydown", this.#keydown);
        this.#ticker = setInterval(() => {
            this.now = Date.now();
        }, second);
    }

    override disconnectedCallback(): void {
        super.disconnectedCallback();
        window.removeEventListener("keydown", this.#keydown);
        this.#stopFailures?.();
        if (this.#ticker !== null) {
            clearInterval(this.#ticker);
        }
    }

    override willUpdate(changed: Map<string, unknown>): void {
        if (changed.has("desk")) {
            this.#stopFailures?.();
            this.#stopFailures = this.desk?.on("callFailed", ({ number, status }) => {
                const reason = failureText(this.texts, status);
                this.notice = `${this.texts.announce.failed}: ${number}${reason === "" ? "" : ` (${reason})`}`;
            }) ?? null;
        }
        this.now = Math.max(this.now, Date.now());
    }

    override render() {
        const { desk, texts } = this;
        if (desk === null) {
            return nothing;
        }
        if (desk.session.state !== "in") {
            return html`<main class="login"><sidecar-login .texts=${texts} .failure=${desk.session.failure} ?busy=${desk.session.state === "entering"}
                @sidecar-login=${({ detail }: CustomEvent<LoginDetail>) => void desk.session.logIn(detail.user, detail.password)}></sidecar-login></main>`;
        }
        const ringing = desk.lines.find((line) => line.state === "incoming");
        return html`
            ${this.#header(desk)}
            <div class="hidden" role="status" aria-live="assertive">${ringing === undefined ? "" : `${texts.announce.incoming} ${ringing.number}`}</div>
            <main>
                <div class="phone">
                    ${this.#notices(desk)}
                    ${this.#calls(desk)}
                    <section class="card" aria-label=${texts.phone}>
                        <sidecar-dialer .texts=${texts} route=${this.#route(desk)}
                            @sidecar-dial=${({ detail }: CustomEvent<string>) => void this.#try(() => desk.dial(detail))}></sidecar-dialer>
                    </section>
                    <section class="card" aria-label=${texts.devices.heading}><sidecar-devices .texts=${texts} .devices=${desk.devices}></sidecar-devices></section>
                </div>
                <div class="card">
                    <sidecar-events .texts=${texts} .events=${desk.store.log} language=${this.language}
                        @sidecar-clear=${() => { desk.store.clearLog(); }}></sidecar-events>
                </div>
            </main>`;
    }

    #header(desk: Desk): TemplateResult {
        const { texts } = this;
        const { identity, dn } = desk.session;
        return html`
            <header>
                <div class="bar">
                    <h1 class="brand">${texts.title}</h1>
                    <label class="dn"><span class="quiet">${texts.dn}</span>
                        <select @change=${(event: Event) => { desk.session.chooseDn((event.currentTarget as HTMLSelectElement).value); }}>
                            ${identity?.dns.map((own) => html`<option value=${own} ?selected=${own === dn}>${own}</option>`)}
                        </select></label>
                    <span class="who quiet">${identity?.displayName || identity?.user}</span>
                    <button type="button" @click=${() => void desk.session.logOut()}>${texts.logout}</button>
                </div>
                <sidecar-lights .texts=${texts} registration=${desk.phone.registration} feed=${desk.feed.state} .media=${desk.media.report}></sidecar-lights>
            </header>`;
    }

    #notices(desk: Desk): TemplateResult {
        const { texts } = this;
        const refused = desk.phone.registration === "refused";
        return html`
            ${desk.session.dn === "" ? html`<p class="notice">${texts.noDn}</p>` : nothing}
            ${desk.secure ? nothing : html`<p class="notice">${texts.insecure}</p>`}
            <div class="alerts" role="status">${desk.draining ? html`<p class="notice mild">${texts.draining}</p>` : nothing}</div>
            ${desk.passwordWanted ? html`
                <sidecar-password .texts=${texts} dn=${desk.session.dn}
                    @sidecar-password=${({ detail }: CustomEvent<string>) => { desk.usePassword(detail); }}></sidecar-password>` : nothing}
            ${desk.phone.registration === "taken" ? html`
                <div class="notice mild message">
                    <span>${texts.taken.told}</span>
                    <button type="button" @click=${() => { desk.phone.register(); }}>${texts.taken.back}</button>
                </div>` : nothing}
            ${refused ? html`
                <div class="notice message">
                    <span>${refusalText(texts, desk.phone.status)}</span>
                    <button type="button" @click=${() => { desk.phone.register(); }}>${texts.refusal.retry}</button>
                </div>` : nothing}
            <div class="alerts" role="alert">${this.notice === "" ? nothing : html`
                <div class="notice message"><span>${this.notice}</span>
                    <button type="button" aria-label=${texts.call.cancel} @click=${() => { this.notice = ""; }}>✕</button></div>`}</div>`;
    }

    #calls(desk: Desk): TemplateResult {
        const { texts } = this;
        const { lines } = desk;
        return html`
            <section class="calls" aria-labelledby="calls">
                <h2 id="calls" class="hidden">${texts.call.heading}</h2>
                ${lines.length === 0 ? html`<p class="card quiet none">${texts.call.none}</p>` : repeat(lines, (line) => line.key, (line) => html`
                    <sidecar-call .texts=${texts} .line=${line} .now=${this.now}
                        @sidecar-call-action=${({ detail }: CustomEvent<CallAction>) => void this.#try(() => this.#act(desk, detail))}></sidecar-call>`)}
            </section>`;
    }

    #route(desk: Desk): DialRoute {
        if (desk.phone.registration === "registered") {
            return "here";
        }
        return desk.store.inService(desk.session.dn) === true ? "other" : "none";
    }

    async #act(desk: Desk, action: CallAction): Promise<void> {
        const { line } = action;
        const leg = line.leg?.id ?? "";
        switch (action.verb) {
            case "answer":
                return desk.phone.answer(leg);
            case "hold":
                return desk.phone.hold(leg);
            case "retrieve":
                return desk.phone.retrieve(leg);
            case "mute":
            case "unmute":
                desk.phone.mute(leg, action.verb === "mute");
                return;
            case "hangUp":
                return desk.hangUp(line);
            case "dtmf":
                desk.phone.dtmf(leg, action.value);
                return;
            case "transfer":
                return desk.transfer(line, action.value);
        }
    }

    async #try(act: () => Promise<unknown>): Promise<void> {
        this.notice = "";
        try {
            await act();
        } catch (error) {
            this.notice = errorText(this.texts, error);
        }
    }

    /** Alt with A answers, with X hangs up, with O holds or retrieves; the key's place counts, not what Alt makes of it. */
    readonly #keydown = (event: KeyboardEvent): void => {
        const { desk } = this;
        if (desk === null || !event.altKey || event.ctrlKey || event.metaKey) {
            return;
        }
        const find = (...states: Line["state"][]): Line | undefined => desk.lines.find((line) => line.leg !== null && states.includes(line.state));
        const line = { KeyA: find("incoming"), KeyX: find("talking", "ringing", "dialing", "held", "incoming"), KeyO: find("talking", "held") }[event.code];
        if (line === undefined) {
            return;
        }
        event.preventDefault();
        const hold = line.state === "talking" ? "hold" : "retrieve";
        const verb = event.code === "KeyA" ? "answer" : event.code === "KeyX" ? "hangUp" : hold;
        void this.#try(() => this.#act(desk, { verb, line }));
    };
}

function refusalText(texts: Texts, status: number): string {
    switch (status) {
        case 401:
        case 403:
        case 407:
            return texts.refusal.unauthorized;
        case 404:
            return texts.refusal.unknown;
        case 409:
        case 486:
            return texts.refusal.inUse;
        default:
            return `${texts.refusal.other} (SIP ${status}).`;
    }
}
