/** Calls listeners in the order in which they came, at once. Events: name -> what is told. */
export class Emitter<Events extends object> {
    readonly #listeners = new Map<keyof Events, Set<(detail: never) => void>>();

    /** Listens until the returned function is called. */
    on<Name extends keyof Events>(name: Name, listener: (detail: Events[Name]) => void): () => void {
        const listeners = this.#listeners.get(name) ?? new Set();
        this.#listeners.set(name, listeners);
        listeners.add(listener);
        return () => {
            listeners.delete(listener);
        };
    }

    emit<Name extends keyof Events>(name: Name, detail: Events[Name]): void {
        // A listener may end itself or others meanwhile.
        for (const listener of [...(this.#listeners.get(name) ?? [])]) {
            (listener as (detail: Events[Name]) => void)(detail);
        }
    }
}
