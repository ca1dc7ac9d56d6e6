/** Remembers small things under names. What is kept may be lost at any time. */
export interface Storage {
    read(name: string): string | null;
    /** Null forgets. */
    write(name: string, value: string | null): void;
}
