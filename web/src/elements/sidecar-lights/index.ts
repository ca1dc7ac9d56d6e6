import { SidecarLights } from "./lights.ts";

customElements.define("sidecar-lights", SidecarLights);

declare global {
    interface HTMLElementTagNameMap {
        "sidecar-lights": SidecarLights;
    }
}
