import { html, LitElement, nothing } from "lit";
import { en } from "../../text/en.ts";
import type { Texts } from "../../text/texts.ts";
import { shared } from "../shared.styles.ts";
import { styles } from "./dialer.styles.ts";

const keys = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"];

/** How a call would be made: from this page, by the DN's other phone, or not at all. */
export type DialRoute = "here" | "other" | "none";

/**
 * A number field with keys.
 *
 * @fires sidecar-dial - {string} The number is to be called.
 */
export class SidecarDialer extends LitElement {
    static override styles = [shared, styles];
    static override properties = { texts: { attribute: false }, route: { type: String }, number: { state: true } };

    declare texts: Texts;
    declare route: DialRoute;
    declare number: string;

    constructor() {
        super();
        this.texts = en;
        this.route = "none";
        this.number = "";
    }

    override render() {
        const t = this.texts.dial;
        const hint = this.route === "here" ? "" : this.route === "other" ? t.viaOther : t.noPhone;
        return html`
            <form @submit=${this.#submit}>
                <input type="tel" aria-label=${t.label} placeholder=${t.placeholder} autocomplete="off" maxlength="64"
                    .value=${this.number} @input=${this.#input}>
                <button class="primary" ?disabled=${this.route === "none" || this.number.trim() === ""}>${t.call}</button>
            </form>
            <div class="pad" role="group" aria-label=${t.pad}>
                ${keys.map((key) => html`<button type="button" @click=${() => { this.number += key; }}>${key}</button>`)}
            </div>
            ${hint === "" ? nothing : html`<p class="quiet hint">${hint}</p>`}`;
    }

    #input(event: InputEvent): void {
        this.number = (event.currentTarget as HTMLInputElement).value;
    }

    #submit(event: SubmitEvent): void {
        event.preventDefault();
        this.dispatchEvent(new CustomEvent("sidecar-dial", { detail: this.number }));
        this.number = "";
    }
}
