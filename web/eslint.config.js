import tseslint from "typescript-eslint";

export default tseslint.config(
    { ignores: ["dist", "dist-missing", "node_modules"] },
    {
        files: ["src/**/*.ts", "*.config.ts"],
        extends: [tseslint.configs.strictTypeChecked],
        languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
        rules: {
            "no-console": "error",
            "max-lines": ["error", 500],
            "max-lines-per-function": ["error", 80],
            "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
            "@typescript-eslint/switch-exhaustiveness-check": "error",
        },
    },
    {
        files: ["src/core/**/*.ts"],
        ignores: ["**/*.test.ts"],
        rules: {
            // The core runs anywhere: a desktop's widget and the tests bring their own outside.
            "no-restricted-globals": ["error", "window", "document", "navigator", "localStorage", "sessionStorage", "fetch", "WebSocket",
                "RTCPeerConnection", "Audio", "AudioContext", "Notification", "location", "customElements"],
            "no-restricted-imports": ["error", { patterns: ["**/adapters/*", "**/elements/*", "lit", "lit/*", "jssip", "cometd"] }],
        },
    },
    {
        files: ["src/elements/**/*.ts"],
        rules: {
            "no-restricted-imports": ["error", { patterns: ["**/adapters/*", "jssip", "cometd"] }],
            // Elements bind handlers in templates; Lit keeps `this` (EventPart's host).
            "@typescript-eslint/unbound-method": "off",
        },
    },
    {
        files: ["**/*.test.ts"],
        rules: { "max-lines-per-function": "off" },
    },
);
