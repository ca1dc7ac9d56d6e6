import { html, LitElement } from "lit";
import type { FeedState } from "../../core/feed.ts";
import type { MediaReport, MediaState } from "../../core/media_watch.ts";
import type { RegistrationState } from "../../core/registration.ts";
import { en } from "../../text/en.ts";
import type { Texts } from "../../text/texts.ts";
import { shared } from "../shared.styles.ts";
import { styles } from "./lights.styles.ts";

type Mood = "off" | "warn" | "good" | "bad";

const phoneMoods: Readonly<Record<RegistrationState, Mood>> = { off: "off", connecting: "warn", registered: "good", refused: "bad", taken: "warn", down: "bad" };
const feedMoods: Readonly<Record<FeedState, Mood>> = { off: "off", connecting: "warn", up: "good", down: "bad", denied: "bad" };
const mediaMoods: Readonly<Record<MediaState, Mood>> = { idle: "off", connecting: "warn", flowing: "good", silent: "warn", lost: "bad" };

/** Shows how phone, events and sound are connected. The state is told by form and text as well as by colour. */
export class SidecarLights extends LitElement {
    static override styles = [shared, styles];
    static override properties = {
        texts: { attribute: false }, registration: { type: String }, feed: { type: String }, media: { attribute: false },
    };

    declare texts: Texts;
    declare registration: RegistrationState;
    declare feed: FeedState;
    declare media: MediaReport;

    constructor() {
        super();
        this.texts = en;
        this.registration = "off";
        this.feed = "off";
        this.media = { state: "idle", loss: 0, jitter: 0, roundTrip: 0 };
    }

    override render() {
        const t = this.texts;
        return html`
            <ul aria-label=${t.lights.label}>
                ${light(t.lights.sip, t.registration[this.registration], phoneMoods[this.registration])}
                ${light(t.lights.feed, t.feed[this.feed], feedMoods[this.feed])}
                ${light(t.lights.media, t.media[this.media.state], mediaMoods[this.media.state], quality(this.media))}
            </ul>`;
    }
}

function light(name: string, state: string, mood: Mood, title = "") {
    return html`<li class=${mood} title=${title}><span class="dot" aria-hidden="true"></span><span>${name}</span><span class="state">${state}</span></li>`;
}

function quality({ state, loss, jitter, roundTrip }: MediaReport): string {
    return state === "flowing" ? `${(loss * 100).toFixed(1)} % · ${Math.round(jitter * 1000)} ms · RTT ${Math.round(roundTrip * 1000)} ms` : "";
}
