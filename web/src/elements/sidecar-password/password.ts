import { html, LitElement } from "lit";
import { en } from "../../text/en.ts";
import type { Texts } from "../../text/texts.ts";
import { shared } from "../shared.styles.ts";
import { styles } from "./password.styles.ts";

/**
 * Asks for the SIP password of a DN.
 *
 * @fires sidecar-password - {string}
 */
export class SidecarPassword extends LitElement {
    static override styles = [shared, styles];
    static override properties = { texts: { attribute: false }, dn: { type: String } };

    declare texts: Texts;
    declare dn: string;

    constructor() {
        super();
        this.texts = en;
        this.dn = "";
    }

    override render() {
        const t = this.texts.password;
        return html`
            <form class="card" @submit=${this.#submit}>
                <label><span class="label">${t.label} ${this.dn}</span>
                    <input name="password" type="password" autocomplete="off" maxlength="256" required></label>
                <button class="primary">${t.submit}</button>
            </form>`;
    }

    #submit(event: SubmitEvent): void {
        event.preventDefault();
        const form = event.currentTarget as HTMLFormElement;
        const detail = new FormData(form).get("password");
        form.reset();
        this.dispatchEvent(new CustomEvent("sidecar-password", { detail }));
    }
}
