import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

// Where `npm run dev` finds a running sidetail-server.
const server = process.env.SIDETAIL_URL ?? 'http://127.0.0.1:10010';

export default defineConfig({
  // The server embeds dist and serves it under this path.
  base: '/console/',
  plugins: [svelte()],
  build: {
    // `light-dark()` and nesting stay as written; these are the first versions that read them.
    target: ['chrome125', 'firefox128', 'safari17.5'],
    // The page's policy is default-src 'self': a data: URI would be refused.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
  },
  server: {
    proxy: { '/console/api': { target: server, changeOrigin: false } },
  },
  resolve: process.env.VITEST ? { conditions: ['browser'] } : undefined,
  test: {
    // Tests that need a page say so in their first line.
    environment: 'node',
    include: ['src/**/*.test.ts'],
  },
});
