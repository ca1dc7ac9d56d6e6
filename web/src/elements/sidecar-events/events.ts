import { html, LitElement } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { agentChannel } from "../../core/feed.ts";
import type { FeedEvent } from "../../core/feed_event.ts";
import { en } from "../../text/en.ts";
import type { Texts } from "../../text/texts.ts";
import { shared } from "../shared.styles.ts";
import { styles } from "./events.styles.ts";

/**
 * The feed's last events, newest first.
 *
 * @fires sidecar-clear - The list is to be emptied.
 */
export class SidecarEvents extends LitElement {
    static override styles = [shared, styles];
    static override properties = { texts: { attribute: false }, events: { attribute: false }, language: { type: String } };

    declare texts: Texts;
    declare events: readonly FeedEvent[];
    declare language: string;

    constructor() {
        super();
        this.texts = en;
        this.events = [];
        this.language = "en";
    }

    override render() {
        const t = this.texts.events;
        const clock = new Intl.DateTimeFormat(this.language, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
        return html`
            <div class="head">
                <h2 id="heading">${t.heading}</h2>
                <button type="button" ?disabled=${this.events.length === 0} @click=${() => this.dispatchEvent(new CustomEvent("sidecar-clear"))}>${t.clear}</button>
            </div>
            <div class="list" tabindex="0" role="region" aria-labelledby="heading">
                ${this.events.length === 0 ? html`<p class="quiet">${t.none}</p>` : html`
                    <ol>${repeat(this.events, (event) => `${event.channel} ${event.id}`, (event) => this.#entry(event, clock))}</ol>`}
            </div>`;
    }

    #entry(event: FeedEvent, clock: Intl.DateTimeFormat) {
        const t = this.texts.events;
        const who = event.channel === agentChannel ? `${t.agent} ${event.dn}` : t.call;
        const classes = [event.snapshot ? "snapshot" : "", event.name === "Error" ? "error" : ""].join(" ");
        return html`
            <li class=${classes}>
                <time datetime=${event.time === 0 ? "" : new Date(event.time).toISOString()}>${event.time === 0 ? "" : clock.format(event.time)}</time>
                <span class="name">${event.name}</span>
                <span class="dn">${who}</span>
                <span class="detail">${[detail(event), event.snapshot ? t.snapshot : ""].filter((part) => part !== "").join(" · ")}</span>
            </li>`;
    }
}

function detail({ call, error, cause }: FeedEvent): string {
    const parts = [error];
    if (call !== null) {
        parts.push(call.otherDn === "" ? `${call.ani} → ${call.dnis}` : call.otherDn, call.callType, call.id.slice(-8));
    }
    parts.push(cause === 0 ? "" : `Q.850 ${cause}`);
    return parts.filter((part) => part !== "").join(" · ");
}
