// The published Bayeux server for Node.js, to be measured beside ours (internal/tools/feed): Bayeux at every path but
// /publish?n=10&size=300. It prints where it listens.
//   node feed_server.mjs 127.0.0.1:0
import { createRequire } from "node:module";
import http from "node:http";

const { createCometDServer } = createRequire(import.meta.url)("cometd-nodejs-server");

const feed = createCometDServer({ maxSessionsPerBrowser: -1 });
const channel = feed.createServerChannel("/bench/events");
channel.persistent = true;

function publish(url, response) {
    const size = Number(url.searchParams.get("size"));
    const data = { event: "Ringing", text: "x".repeat(Math.max(size - 27, 0)) };
    for (let n = Number(url.searchParams.get("n")); n > 0; n -= 1) {
        channel.publish(null, data);
    }
    response.end();
}

const server = http.createServer((request, response) => {
    const url = new URL(request.url, "http://localhost");
    if (url.pathname === "/publish") {
        publish(url, response);
    } else {
        feed.handle(request, response);
    }
});
const [host, port] = process.argv[2].split(":");
server.listen(Number(port), host, 4096, () => process.stdout.write(`${host}:${server.address().port}\n`));
process.on("SIGTERM", () => process.exit(0));
