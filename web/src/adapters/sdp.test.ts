import { expect, it } from "vitest";
import { orderCodecs } from "./sdp.ts";

const offer = (payloadTypes: string): string => ["v=0", `m=audio 9 UDP/TLS/RTP/SAVPF ${payloadTypes}`, "a=rtpmap:111 opus/48000/2", "a=rtpmap:9 G722/8000",
    "a=rtpmap:0 PCMU/8000", "a=rtpmap:8 PCMA/8000", "a=rtpmap:126 telephone-event/8000", "m=video 9 UDP/TLS/RTP/SAVPF 96 111", ""].join("\r\n");

it.each([
    [["PCMU", "opus"], "0 111 9 8 126"],
    [["pcma", "no-such"], "8 111 9 0 126"],
    [[], "111 9 0 8 126"],
])("puts %j first and leaves the others as they were", (wanted, payloadTypes) => {
    expect(orderCodecs(offer("111 9 0 8 126"), wanted)).toBe(offer(payloadTypes));
});
