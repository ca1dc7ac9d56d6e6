/**
 * Puts the wanted codecs of an offer's audio line to the front; the others follow as they were (RFC 3264, section 5.1: the order
 * of the payload types is the order of preference).
 */
export function orderCodecs(sdp: string, wanted: readonly string[]): string {
    const names = new Map([...sdp.matchAll(/^a=rtpmap:(\d+) ([^/\s]+)/gm)].map(([, payloadType = "", name = ""]) => [payloadType, name.toLowerCase()]));
    const place = (payloadType: string): number => {
        const found = wanted.findIndex((name) => name.toLowerCase() === names.get(payloadType));
        return found < 0 ? wanted.length : found;
    };
    return sdp.replace(/^(m=audio \d+ \S+ )([\d ]+)$/m, (_, head: string, payloadTypes: string) =>
        head + payloadTypes.trim().split(" ").sort((a, b) => place(a) - place(b)).join(" "));
}
