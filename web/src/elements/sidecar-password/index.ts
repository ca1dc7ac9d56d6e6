import { SidecarPassword } from "./password.ts";

customElements.define("sidecar-password", SidecarPassword);

declare global {
    interface HTMLElementTagNameMap {
        "sidecar-password": SidecarPassword;
    }
}
