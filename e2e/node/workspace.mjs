// Runs the published Workspace API client, unmodified. Reads commands, one JSON object a line, and prints what comes of
// them and what the client tells.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(import.meta.url);
const WorkspaceApi = require("genesys-workspace-client-js");
const generated = require("genesys-workspace-client-js/src/internal/code-gen/workspace-api");

const [apiKey, url] = process.argv.slice(2);
const client = new WorkspaceApi(apiKey === "-" ? undefined : apiKey, url, false);

const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

client.on("CallStateChanged", (data) => print({ event: "CallStateChanged", data }));
client.on("DnStateChanged", (data) => print({ event: "DnStateChanged", data }));

/** What the wrapper leaves out is in the generated API below it. */
function target(name) {
    switch (name) {
        case "voice":
            return client.voice;
        case "targets":
            return client.targets;
        case "reporting":
            return client.reporting;
        case "VoiceApi":
        case "SessionApi":
        case "UsersApi":
            return new generated[name](client.agent);
        case "http": // paths that the client has no method for, with its cookies
            return { get: (path) => client.agent.callApi(path, "GET", {}, {}, {}, {}, {}, null, [], [], [], Object).then((r) => r.response.body) };
        default:
            return client;
    }
}

async function run({ id, on, method, args }) {
    try {
        const object = target(on);
        const result = await object[method](...(args ?? []));
        if (method === "initialize") {
            // Every message, also those that the wrapper only logs.
            for (const channel of ["voice", "media", "statistics"]) {
                client._cometd.subscribe(`/workspace/v3/${channel}`, () => {});
                client._cometd.addListener(`/workspace/v3/${channel}`, ({ data }) => print({ message: channel, data }));
            }
        }
        print({ id, result: result ?? null, user: client.user, calls: [...(client.voice?.calls?.keys() ?? [])] });
    } catch (error) {
        print({ id, failed: error?.message ?? String(error), status: error?.status, body: error?.response?.body });
    }
}

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => run(JSON.parse(line)));
lines.on("close", () => setTimeout(() => process.exit(0), 200));
