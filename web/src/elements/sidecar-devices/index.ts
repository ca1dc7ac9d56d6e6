import { SidecarDevices } from "./devices.ts";

customElements.define("sidecar-devices", SidecarDevices);

declare global {
    interface HTMLElementTagNameMap {
        "sidecar-devices": SidecarDevices;
    }
}
