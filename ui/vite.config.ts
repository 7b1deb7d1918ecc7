import { defineConfig } from "vite";

/** Where `npm run dev` finds media: an edge, or an origin. */
const edge = "http://127.0.0.1:8081";

export default defineConfig({
  base: "/",
  appType: "mpa",
  build: {
    target: "es2020",
    // One request each, never a data: URI, so that a page may forbid those.
    assetsInlineLimit: 0,
    // Every browser that can play knows modulepreload.
    modulePreload: { polyfill: false },
    // hls.js is most of it, and a page about video may weigh that.
    chunkSizeWarningLimit: 700,
    rollupOptions: { input: ["index.html", "watch.html"] },
  },
  server: {
    proxy: {
      "/v/": edge,
      "/k/": edge,
      "/watch/": { target: edge, bypass: () => "/watch.html" },
    },
  },
});
