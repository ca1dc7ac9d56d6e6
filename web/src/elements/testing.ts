/** What element tests share: an element on a page of its own, and the accessibility check. */
import axe from "axe-core";
import { expect } from "vitest";
import "../page.css";
import type { CtiCall } from "../core/feed_event.ts";
import type { Line } from "../core/lines.ts";
import type { PhoneCall } from "../core/phone.ts";

export async function mount<Name extends keyof HTMLElementTagNameMap>(
    name: Name, properties: Partial<HTMLElementTagNameMap[Name]> = {},
): Promise<HTMLElementTagNameMap[Name]> {
    const tag: string = name;
    const element = document.createElement(tag);
    for (const [property, value] of Object.entries(properties)) {
        Reflect.set(element, property, value);
    }
    document.body.replaceChildren(element);
    await drawn(element);
    return element as HTMLElementTagNameMap[Name];
}

export async function drawn(element: HTMLElement): Promise<void> {
    await (element as HTMLElement & { readonly updateComplete: Promise<boolean> }).updateComplete;
}

export function all(element: HTMLElement, selector: string): HTMLElement[] {
    return [...(element.shadowRoot?.querySelectorAll<HTMLElement>(selector) ?? [])];
}

// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- as querySelector has it
export function one<T extends HTMLElement = HTMLElement>(element: HTMLElement, selector: string): T {
    const found = element.shadowRoot?.querySelector<T>(selector) ?? null;
    if (found === null) {
        throw new Error(`${element.localName} has no ${selector}`);
    }
    return found;
}

export function words(element: HTMLElement, selector: string): string[] {
    return all(element, selector).map((found) => found.textContent.replaceAll(/\s+/g, " ").trim());
}

export function button(element: HTMLElement, text: string): HTMLButtonElement {
    const found = all(element, "button").find((candidate) => candidate.textContent.trim() === text);
    if (!(found instanceof HTMLButtonElement)) {
        throw new Error(`${element.localName} has no button ${text}`);
    }
    return found;
}

export function type(element: HTMLElement, selector: string, value: string): void {
    const input = one<HTMLInputElement>(element, selector);
    input.value = value;
    input.dispatchEvent(new InputEvent("input", { bubbles: true }));
}

/** Collects the details of an element's events. */
export function heard<T>(element: HTMLElement, name: string): T[] {
    const details: T[] = [];
    element.addEventListener(name, (event) => details.push((event as CustomEvent<T>).detail));
    return details;
}

/** Rules about whole pages are left to the tests of the page. */
export async function expectAccessible(element: HTMLElement): Promise<void> {
    const { violations } = await axe.run(element, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] });
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join("; ")}`)).toEqual([]);
}

const leg: PhoneCall = {
    id: "leg-1", direction: "in", number: "5002", name: "Ben", callUuid: "", callId: "c-1", state: "talking", muted: false, heldByOther: false,
    listenOnly: false, startedAt: 1000, answeredAt: 1000, end: null,
};

const call: CtiCall = {
    id: "C1", connId: "", callType: "Inbound", state: "Established", direction: "in", ani: "5002", dnis: "8000", otherDn: "5002",
    participants: [], capabilities: [], userData: {}, startedAt: 1000,
};

/** A line with a leg here and a call of the server's. */
export function line(change: Partial<Line> = {}, legChange: Partial<PhoneCall> = {}): Line {
    return {
        key: "leg-1", state: "talking", direction: "in", number: "5002", name: "Ben", dnis: "8000", userData: {}, since: 1000,
        leg: { ...leg, ...legChange }, call, ...change,
    };
}
