import { html, LitElement, nothing, type TemplateResult } from "lit";
import type { Line } from "../../core/lines.ts";
import { en } from "../../text/en.ts";
import type { Texts } from "../../text/texts.ts";
import { shared } from "../shared.styles.ts";
import { styles } from "./call.styles.ts";

/** What the agent wants with the call. */
export type CallAction =
    | { readonly verb: "answer" | "hangUp" | "hold" | "retrieve" | "mute" | "unmute"; readonly line: Line }
    | { readonly verb: "dtmf" | "transfer"; readonly line: Line; readonly value: string };

const keys = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"];

/**
 * A call with what can be done with it.
 *
 * @fires sidecar-call-action - {CallAction}
 */
export class SidecarCall extends LitElement {
    static override styles = [shared, styles];
    static override properties = {
        texts: { attribute: false }, line: { attribute: false }, now: { type: Number }, pad: { state: true }, target: { state: true },
    };

    declare texts: Texts;
    declare line: Line | null;
    /** The time of the drawing, for the duration. */
    declare now: number;
    declare pad: boolean;
    /** The number to transfer to, while it is asked for. */
    declare target: string | null;

    constructor() {
        super();
        this.texts = en;
        this.line = null;
        this.now = 0;
        this.pad = false;
        this.target = null;
    }

    override updated(changed: Map<string, unknown>): void {
        if (changed.has("target") && changed.get("target") === null && this.target !== null) {
            this.renderRoot.querySelector<HTMLInputElement>("form input")?.focus();
        }
    }

    override render() {
        const { line } = this;
        if (line === null) {
            return nothing;
        }
        const t = this.texts.call;
        const name = line.number || t.unknown;
        const showDnis = line.dnis !== "";
        return html`
            <article class="card ${line.state}" aria-label="${t.state[line.state]}: ${name}">
                <div class="head">
                    <h3>${name}</h3>
                    <time role="timer" aria-label=${t.duration}>${duration(this.now - line.since)}</time>
                    <span class="quiet">${t.state[line.state]}${line.leg === null ? ` · ${t.otherPhone}` : ""}</span>
                    <span class="quiet">${line.name}</span>
                </div>
                ${line.leg?.heldByOther === true ? html`<p class="warn">${t.heldByOther}</p>` : nothing}
                ${line.leg?.listenOnly === true ? html`<p class="warn">${t.listenOnly}</p>` : nothing}
                ${showDnis || Object.keys(line.userData).length > 0 ? html`
                    <dl>
                        ${showDnis ? html`<dt>${t.dialled}</dt><dd>${line.dnis}</dd>` : nothing}
                        ${Object.entries(line.userData).map(([key, value]) => html`<dt>${key}</dt><dd>${value}</dd>`)}
                    </dl>` : nothing}
                ${this.#actions(line)}
                ${this.pad && line.state === "talking" ? this.#keypad() : nothing}
                ${this.target === null ? nothing : this.#transferForm(this.target)}
            </article>`;
    }

    #actions(line: Line): TemplateResult {
        const t = this.texts.call;
        const rings = line.state === "incoming";
        const own = line.leg !== null;
        const talks = line.state === "talking";
        const muted = line.leg?.muted === true;
        const mayTransfer = line.call !== null && (talks || line.state === "held");
        return html`
            <div class="actions">
                ${own && rings ? this.#button("answer", t.answer, "primary", "Alt+A") : nothing}
                ${own && talks ? this.#button("hold", t.hold, "", "Alt+O") : nothing}
                ${own && line.state === "held" ? this.#button("retrieve", t.retrieve, "primary", "Alt+O") : nothing}
                ${own && talks ? html`
                    <button type="button" aria-pressed=${muted} @click=${() => { this.#act(muted ? "unmute" : "mute"); }}>${muted ? t.unmute : t.mute}</button>
                    <button type="button" aria-expanded=${this.pad} @click=${() => { this.pad = !this.pad; }}>${t.keypad}</button>` : nothing}
                ${mayTransfer ? html`
                    <button type="button" aria-expanded=${this.target !== null}
                        @click=${() => { this.target = this.target === null ? "" : null; }}>${t.transfer}</button>` : nothing}
                ${this.#button("hangUp", rings && own ? t.reject : t.hangUp, "danger", "Alt+X")}
            </div>`;
    }

    #button(verb: "answer" | "hold" | "retrieve" | "hangUp", text: string, kind: string, shortcut: string): TemplateResult {
        return html`<button type="button" class=${kind} title=${shortcut} aria-keyshortcuts=${shortcut} @click=${() => { this.#act(verb); }}>${text}</button>`;
    }

    #keypad(): TemplateResult {
        return html`
            <div class="pad" role="group" aria-label=${this.texts.call.keypad}>
                ${keys.map((key) => html`<button type="button" @click=${() => { this.#act("dtmf", key); }}>${key}</button>`)}
            </div>`;
    }

    #transferForm(target: string): TemplateResult {
        const t = this.texts.call;
        return html`
            <form @submit=${this.#transfer}>
                <label><span class="label">${t.transferTo}</span>
                    <input type="tel" autocomplete="off" maxlength="64" .value=${target}
                        @input=${(event: InputEvent) => { this.target = (event.currentTarget as HTMLInputElement).value; }}></label>
                <button class="primary" ?disabled=${target.trim() === ""} aria-label=${t.transferNow}>${t.transfer}</button>
                <button type="button" @click=${() => { this.target = null; }}>${t.cancel}</button>
            </form>`;
    }

    #transfer(event: SubmitEvent): void {
        event.preventDefault();
        this.#act("transfer", this.target ?? "");
        this.target = null;
    }

    #act(verb: CallAction["verb"], value = ""): void {
        if (this.line !== null) {
            const detail = (verb === "dtmf" || verb === "transfer" ? { verb, line: this.line, value } : { verb, line: this.line }) satisfies CallAction;
            this.dispatchEvent(new CustomEvent<CallAction>("sidecar-call-action", { detail }));
        }
    }
}

/** 65000 ms as 1:05. */
function duration(milliseconds: number): string {
    const seconds = Math.max(0, Math.floor(milliseconds / 1000));
    const two = (n: number): string => String(n).padStart(2, "0");
    const hours = Math.floor(seconds / 3600);
    return hours > 0 ? `${hours}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}` : `${Math.floor(seconds / 60)}:${two(seconds % 60)}`;
}
