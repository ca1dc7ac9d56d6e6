// The page as it is, but for one thing: its phone logs in with the SIP password after the # of the address, because
// Asterisk's own WebSocket, which the tests register at, knows no tokens.
import { startPage } from "../../src/page.ts";

startPage({ credential: () => ({ password: decodeURIComponent(location.hash.slice(1)) }) });
