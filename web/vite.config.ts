import { defineConfig } from "vite";

export default defineConfig({
    build: {
        outDir: "dist",
        emptyOutDir: true,
        target: "es2022",
        // The page's policy forbids inline script and data: modules.
        assetsInlineLimit: 0,
        modulePreload: { polyfill: false },
    },
});
