import { SidecarCall } from "./call.ts";

customElements.define("sidecar-call", SidecarCall);

declare global {
    interface HTMLElementTagNameMap {
        "sidecar-call": SidecarCall;
    }
}
