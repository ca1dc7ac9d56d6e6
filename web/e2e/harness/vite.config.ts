import { defineConfig } from "vite";

export default defineConfig({
    root: new URL(".", import.meta.url).pathname,
    build: { outDir: "../../test-results/harness", emptyOutDir: true, target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false } },
});
