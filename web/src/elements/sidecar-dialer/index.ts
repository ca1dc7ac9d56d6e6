import { SidecarDialer } from "./dialer.ts";

customElements.define("sidecar-dialer", SidecarDialer);

declare global {
    interface HTMLElementTagNameMap {
        "sidecar-dialer": SidecarDialer;
    }
}
