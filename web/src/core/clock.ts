/** Time as the core sees it, so that tests need not wait. Times are milliseconds since 1970. */
export interface Clock {
    now(): number;
    /** Calls back once after a delay, unless the returned function is called before. */
    after(milliseconds: number, callback: () => void): () => void;
}

/** Repeats until the returned function is called. */
export function every(clock: Clock, milliseconds: number, callback: () => void): () => void {
    let cancel: () => void;
    const next = (): void => {
        cancel = clock.after(milliseconds, () => {
            next();
            callback();
        });
    };
    next();
    return () => {
        cancel();
    };
}
