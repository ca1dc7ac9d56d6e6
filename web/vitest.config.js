import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";

// Core tests run in Node, which proves that the core needs no DOM; tests of elements and adapters run in Debian's Chromium.
export default defineConfig({
    test: {
        projects: [
            { test: { name: "core", environment: "node", include: ["src/core/**/*.test.ts", "src/text/**/*.test.ts"] } },
            {
                optimizeDeps: { include: ["lit", "lit/directives/repeat.js", "axe-core", "jssip"] },
                test: {
                    name: "browser",
                    include: ["src/elements/**/*.test.ts", "src/adapters/**/*.test.ts"],
                    browser: {
                        enabled: true,
                        headless: true,
                        screenshotFailures: false,
                        provider: playwright({
                            launchOptions: {
                                executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
                                args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                                    "--disable-background-networking", "--disable-component-update", "--disable-sync"],
                            },
                        }),
                        instances: [{ browser: "chromium" }],
                    },
                },
            },
        ],
    },
});
