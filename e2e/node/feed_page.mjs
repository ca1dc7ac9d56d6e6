// The script of a page that listens. "cometd" is the client of the chosen generation (browse.mjs bundles it).
import * as client from "cometd";
import * as ack from "cometd/AckExtension.js";
import * as reload from "cometd/ReloadExtension.js";
import { Listener } from "./listener.mjs";

const constructor = (module, name) => module[name] ?? module.default[name] ?? module.default;

const options = JSON.parse(window.listenerOptions);
const cometd = new (constructor(client, "CometD"))();
cometd.registerExtension("reload", new (constructor(reload, "ReloadExtension"))());
if (options.ack) {
    cometd.registerExtension("ack", new (constructor(ack, "AckExtension"))());
}
window.addEventListener("beforeunload", () => cometd.reload());
window.listener = new Listener(options, cometd, { print: window.tell, exit: window.over });
window.listener.start();
