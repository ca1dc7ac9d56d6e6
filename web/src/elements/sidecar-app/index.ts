import { SidecarApp } from "./app.ts";

customElements.define("sidecar-app", SidecarApp);

declare global {
    interface HTMLElementTagNameMap {
        "sidecar-app": SidecarApp;
    }
}
