import { html, LitElement, nothing } from "lit";
import type { SessionFailure } from "../../core/session.ts";
import { en } from "../../text/en.ts";
import { errorText, type Texts } from "../../text/texts.ts";
import { shared } from "../shared.styles.ts";
import { styles } from "./login.styles.ts";

/** What the form asks for. */
export interface LoginDetail {
    readonly user: string;
    readonly password: string;
}

/**
 * Asks for user and password.
 *
 * @fires sidecar-login - {LoginDetail} The form was sent.
 */
export class SidecarLogin extends LitElement {
    static override styles = [shared, styles];
    static override properties = { texts: { attribute: false }, failure: { attribute: false }, busy: { type: Boolean } };

    declare texts: Texts;
    declare failure: SessionFailure | null;
    declare busy: boolean;

    constructor() {
        super();
        this.texts = en;
        this.failure = null;
        this.busy = false;
    }

    override firstUpdated(): void {
        this.renderRoot.querySelector("input")?.focus();
    }

    override render() {
        const t = this.texts.login;
        return html`
            <form class="card" @submit=${this.#submit} aria-busy=${this.busy}>
                <h1>${t.heading}</h1>
                <label><span class="label">${t.user}</span>
                    <input name="user" autocomplete="username" autocapitalize="none" spellcheck="false" maxlength="64" required></label>
                <label><span class="label">${t.password}</span>
                    <input name="password" type="password" autocomplete="current-password" maxlength="256" required></label>
                <p role="alert" class="bad">${this.failure === null ? nothing : errorText(this.texts, this.failure)}</p>
                <button class="primary" ?disabled=${this.busy}>${this.busy ? t.busy : t.submit}</button>
            </form>`;
    }

    #submit(event: SubmitEvent): void {
        event.preventDefault();
        const data = new FormData(event.currentTarget as HTMLFormElement);
        const detail: LoginDetail = { user: text(data.get("user")).trim(), password: text(data.get("password")) };
        this.dispatchEvent(new CustomEvent("sidecar-login", { detail }));
    }
}

function text(value: FormDataEntryValue | null): string {
    return typeof value === "string" ? value : "";
}
