import { SidecarLogin } from "./login.ts";

customElements.define("sidecar-login", SidecarLogin);

declare global {
    interface HTMLElementTagNameMap {
        "sidecar-login": SidecarLogin;
    }
}
