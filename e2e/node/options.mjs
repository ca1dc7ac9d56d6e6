import { parseArgs } from "node:util";

export const usage = `usage: node listen.mjs|browse.mjs --client 3|5|9 --url URL [--token TOKEN] [options]

  --client 3|5|9          generation of the CometD client: 3.1.13, 5.0.23 or 9.0.0
  --url URL               address of the Bayeux server, e.g. http://127.0.0.1:8090/cometd
  --token TOKEN           credentials; also taken from the variable LISTEN_TOKEN
  --auth header|ext|cookie  how they travel (default header): "Authorization: Bearer", ext.auth.token of the
                          handshake, or a cookie
  --transport TYPE        long-polling (default), websocket, or any: websocket first, with long-polling to fall back to
  --ack                   with the ack extension
  --network-delay MS      how much longer than announced a reply may take (the client's own default is 10000)
  --cookie-name NAME      name of that cookie (default token)
  --channels A,B          subscribed to after every handshake
  --count N               end after N messages
  --until EVENT           end after a message whose data.event (or data.messageType) is EVENT
  --timeout MS            end with status 1 when the above has not happened in time
  --debug                 the client's own log on standard error

Prints one JSON object per line. Reads commands, one per line, from standard input: "subscribe CHANNEL",
"unsubscribe CHANNEL", "publish CHANNEL JSON", "disconnect", and in a browser "reload". Without --count and --until it ends when standard
input does. It always leaves with a disconnect. Status: 0 done, 1 timeout, 2 usage, 3 stopped by the server.`;

/** Reads the command line; throws an Error that says what is wrong with it. */
export function readOptions(argv, env) {
    const { values } = parseArgs({
        args: argv,
        options: {
            client: { type: "string" },
            url: { type: "string" },
            token: { type: "string", default: env.LISTEN_TOKEN ?? "" },
            auth: { type: "string", default: "header" },
            transport: { type: "string", default: "long-polling" },
            ack: { type: "boolean", default: false },
            "network-delay": { type: "string" },
            "cookie-name": { type: "string", default: "token" },
            channels: { type: "string", default: "" },
            count: { type: "string" },
            until: { type: "string" },
            timeout: { type: "string" },
            debug: { type: "boolean", default: false },
            help: { type: "boolean", default: false },
        },
    });
    if (values.help) {
        return { help: true };
    }
    oneOf("--client", values.client, ["3", "5", "9"]);
    oneOf("--auth", values.auth, ["header", "ext", "cookie"]);
    oneOf("--transport", values.transport, ["long-polling", "websocket", "any"]);
    if (!/^https?:\/\//.test(values.url ?? "")) {
        throw new Error(`--url is ${JSON.stringify(values.url)}, want an http or https address`);
    }
    return {
        ...values,
        channels: values.channels.split(",").filter(Boolean),
        count: positive("--count", values.count),
        timeout: positive("--timeout", values.timeout),
        "network-delay": positive("--network-delay", values["network-delay"]),
    };
}

function oneOf(name, value, choices) {
    if (!choices.includes(value)) {
        throw new Error(`${name} is ${JSON.stringify(value)}, want one of ${choices.join(", ")}`);
    }
}

function positive(name, text) {
    if (text === undefined) {
        return undefined;
    }
    if (!/^[1-9][0-9]*$/.test(text)) {
        throw new Error(`${name} is ${JSON.stringify(text)}, want a whole number above 0`);
    }
    return Number(text);
}
