/** Plays streams and the ring tone on the chosen speaker. */
export class Speaker {
    readonly #chosen: () => string;
    readonly #players = new Set<HTMLAudioElement>();
    #tone: AudioContext | null = null;

    /** Chosen gives a device's id; "" is the browser's default. */
    constructor(chosen: () => string) {
        this.#chosen = chosen;
    }

    play(stream: MediaStream): () => void {
        const player = new Audio();
        player.autoplay = true;
        player.srcObject = stream;
        this.#players.add(player);
        void this.#route(player);
        return () => {
            player.pause();
            player.srcObject = null;
            this.#players.delete(player);
        };
    }

    /** Takes what plays to the speaker that is chosen now. */
    reroute(): void {
        this.#players.forEach((player) => void this.#route(player));
    }

    /** Two tones for a second, every four seconds. */
    ring(on: boolean): void {
        void this.#tone?.close();
        this.#tone = null;
        if (!on) {
            return;
        }
        const context = new AudioContext();
        this.#tone = context;
        void (context as unknown as { setSinkId?: (id: string) => Promise<void> }).setSinkId?.(this.#chosen()).catch(() => undefined);
        const volume = context.createGain();
        volume.gain.value = 0;
        volume.connect(context.destination);
        for (const frequency of [440, 480]) {
            const oscillator = new OscillatorNode(context, { frequency });
            oscillator.connect(volume);
            oscillator.start();
        }
        for (let start = context.currentTime, i = 0; i < 30; i += 1, start += 4) {
            volume.gain.setTargetAtTime(0.12, start, 0.02);
            volume.gain.setTargetAtTime(0, start + 1, 0.05);
        }
    }

    async #route(player: HTMLAudioElement): Promise<void> {
        // Not every browser has it, and the device may be gone; the default then plays.
        await (player as { setSinkId?: (id: string) => Promise<void> }).setSinkId?.(this.#chosen()).catch(() => undefined);
    }
}
