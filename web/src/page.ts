import { CometdClient } from "./adapters/bayeux_client.ts";
import { browserClock, browserStorage, newId } from "./adapters/browser.ts";
import { BrowserDevices } from "./adapters/devices.ts";
import { BrowserMicrophones } from "./adapters/microphones.ts";
import { JsSipAgent } from "./adapters/sip_agent.ts";
import { Speaker } from "./adapters/speaker.ts";
import { CallMemory } from "./core/call_memory.ts";
import { Desk } from "./core/desk.ts";
import { Devices } from "./core/devices.ts";
import { Feed } from "./core/feed.ts";
import { MediaWatch } from "./core/media_watch.ts";
import { Phone } from "./core/phone.ts";
import { SettingsKeeper } from "./core/phone_settings.ts";
import { Rest } from "./core/rest.ts";
import { Session } from "./core/session.ts";
import "./elements/sidecar-app/index.ts";
import type { SidecarApp } from "./elements/sidecar-app/app.ts";
import { pickTexts } from "./text/texts.ts";

/** Puts the page together; the only place that knows everybody. */
export function startPage(): void {
    const { language, texts } = pickTexts(navigator.languages);
    document.documentElement.lang = language;

    const storage = browserStorage(() => localStorage);
    const windowStorage = browserStorage(() => sessionStorage);
    const page = newId();
    const rest = new Rest({ fetch: fetch.bind(globalThis), base: "", newId });
    const devices = new Devices(new BrowserDevices(), storage);
    const speaker = new Speaker(() => devices.chosen("speaker"));
    const settings = new SettingsKeeper({ rest, clock: browserClock, random: Math.random });
    const agent = new JsSipAgent({
        url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}`,
        host: location.hostname,
        page,
        iceServers: () => (settings.current?.iceServers ?? []).map(({ urls, username, credential }) =>
            username === "" ? { urls: [...urls] } : { urls: [...urls], username, credential }),
        codecs: () => settings.current?.codecs ?? [],
        play: (stream) => speaker.play(stream),
    });
    const desk = new Desk({
        session: new Session({ rest, storage, windowStorage, clock: browserClock }),
        feed: new Feed(new CometdClient(`${location.origin}/cometd`), page),
        phone: new Phone({
            agent, microphones: new BrowserMicrophones(() => devices.chosen("microphone")), clock: browserClock, random: Math.random,
            memory: new CallMemory(windowStorage, browserClock),
        }),
        media: new MediaWatch(browserClock),
        devices,
        settings,
        rest,
        secure: isSecureContext,
        windowStorage,
    });

    devices.on("choice", (kind) => {
        if (kind === "speaker") {
            speaker.reroute();
        }
    });
    desk.on("ringing", (line) => {
        speaker.ring(line !== null);
        document.title = line === null ? texts.title : `☎ ${line.number || texts.call.unknown}`;
    });

    addEventListener("online", () => {
        desk.handleOnline();
    });

    const app = document.querySelector<SidecarApp>("sidecar-app");
    if (app !== null) {
        app.texts = texts;
        app.language = language;
        app.desk = desk;
    }
    desk.session.restore();
    void devices.refresh();
}
