import { html, LitElement, nothing } from "lit";
import type { DeviceKind, Devices } from "../../core/devices.ts";
import { en } from "../../text/en.ts";
import { errorText, type Texts } from "../../text/texts.ts";
import { shared } from "../shared.styles.ts";
import { styles } from "./devices.styles.ts";

/** Lets the user choose microphone and speaker. It takes effect at once, also within a call. */
export class SidecarDevices extends LitElement {
    static override styles = [shared, styles];
    static override properties = { texts: { attribute: false }, devices: { attribute: false }, failure: { state: true } };

    declare texts: Texts;
    declare devices: Devices | null;
    declare failure: string;

    #stop: (() => void) | null = null;

    constructor() {
        super();
        this.texts = en;
        this.devices = null;
        this.failure = "";
    }

    override willUpdate(changed: Map<string, unknown>): void {
        if (changed.has("devices")) {
            this.#stop?.();
            this.#stop = this.devices?.on("change", () => {
                this.requestUpdate();
            }) ?? null;
        }
    }

    override disconnectedCallback(): void {
        super.disconnectedCallback();
        this.#stop?.();
        this.#stop = null;
    }

    override render() {
        const t = this.texts.devices;
        return html`
            <details>
                <summary><h2>${t.heading}</h2></summary>
                <div class="list">
                    ${this.#choice("microphone", t.microphone)}
                    ${this.#choice("speaker", t.speaker)}
                    ${this.devices?.needsPermission === true ? html`<button type="button" @click=${this.#ask}>${t.allow}</button>` : nothing}
                    <p role="alert" class="bad">${this.failure}</p>
                </div>
            </details>`;
    }

    #choice(kind: DeviceKind, label: string) {
        const chosen = this.devices?.chosen(kind) ?? "";
        const { standard, unnamed } = this.texts.devices;
        return html`
            <label><span class="label">${label}</span>
                <select @change=${(event: Event) => { this.devices?.choose(kind, (event.currentTarget as HTMLSelectElement).value); }}>
                    <option value="" ?selected=${chosen === ""}>${standard}</option>
                    ${this.devices?.of(kind).map(({ id, label: name }, i) => html`
                        <option value=${id} ?selected=${chosen === id}>${name || `${unnamed} ${i + 1}`}</option>`)}
                </select></label>`;
    }

    async #ask(): Promise<void> {
        this.failure = "";
        try {
            await this.devices?.ask();
        } catch {
            this.failure = errorText(this.texts, { code: "microphone_denied" });
        }
    }
}
