import { SidecarEvents } from "./events.ts";

customElements.define("sidecar-events", SidecarEvents);

declare global {
    interface HTMLElementTagNameMap {
        "sidecar-events": SidecarEvents;
    }
}
