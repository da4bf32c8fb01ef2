// Renew the browser assets that are committed with the platform: `npm ci && npm run vendor`.
//
// Named files are copied from node_modules (or bundled, for ECharts and Terra Draw, from the parts we use)
// into carbon_platform/console/static/vendor/ and miniprogram/vendor/, together with each project's licence,
// and vendor.json beside them records name, version, licence, file, bytes and SHA-256. A Python test compares
// the hashes, so a hand-edited file fails. Running the platform needs neither Node nor this script.

import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const modules = join(root, 'node_modules');

// What the web pages ship. Every file we ship, by package. `from` is inside the package, `kept` in this repository, `to` inside the vendor folder.
const PACKAGES = [
  {
    name: 'maplibre-gl',
    files: [
      { from: 'dist/maplibre-gl.mjs', to: 'maplibre-gl.mjs' },
      // Found by the module beside itself; kept as its own file so that a worker needs no eval.
      { from: 'dist/maplibre-gl-worker.mjs', to: 'maplibre-gl-worker.mjs' },
      { from: 'dist/maplibre-gl.css', to: 'maplibre-gl.css' },
      { from: 'LICENSE.txt', to: 'maplibre-gl.LICENSE.txt' },
    ],
  },
  {
    name: 'swagger-ui-dist',
    files: [
      { from: 'swagger-ui-bundle.js', to: 'swagger-ui-bundle.js' },
      { from: 'swagger-ui.css', to: 'swagger-ui.css' },
      { from: 'LICENSE', to: 'swagger-ui-dist.LICENSE.txt' },
    ],
  },
  {
    name: 'echarts',
    bundle: { entry: 'tools/echarts-parts.mjs', to: 'echarts.mjs' },
    files: [
      { from: 'LICENSE', to: 'echarts.LICENSE.txt' },
      { from: 'NOTICE', to: 'echarts.NOTICE.txt' },
    ],
  },
  {
    name: 'terra-draw',
    bundle: { entry: 'tools/terra-draw-parts.mjs', to: 'terra-draw.mjs' },
    // The packages of both leave their licence out; it is the repository's.
    files: [{ kept: 'tools/licences/terra-draw.LICENSE.txt', to: 'terra-draw.LICENSE.txt' }],
  },
  {
    name: 'terra-draw-maplibre-gl-adapter', // its code is in terra-draw.mjs
    files: [{ kept: 'tools/licences/terra-draw.LICENSE.txt', to: 'terra-draw-maplibre-gl-adapter.LICENSE.txt' }],
  },
];

// What the mini-program ships: it has no bundler, so one plain CommonJS file.
const IN_THE_MINIPROGRAM = [
  {
    name: 'qrcode-generator',
    // The package leaves its licence out; it stands at the head of the file.
    files: [
      { from: 'dist/qrcode.js', to: 'qrcode.js' },
      { kept: 'tools/licences/qrcode-generator.LICENSE.txt', to: 'qrcode-generator.LICENSE.txt' },
    ],
  },
];

// A source-map comment would make every developer's browser ask for a file that is not shipped.
const withoutSourceMap = (text) => text.replace(/\n?(\/\/|\/\*)# sourceMappingURL=[^\n*]*(\*\/)?\s*$/, '\n');

async function bundled(entry) {
  const result = await build({
    entryPoints: [join(root, entry)],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2020',
    legalComments: 'none',
    write: false,
  });
  return result.outputFiles[0].text;
}

async function put(target, records, pkg, to, text) {
  const bytes = Buffer.from(text, 'utf8');
  await writeFile(join(target, to), bytes);
  records.push({
    name: pkg.name,
    version: pkg.version,
    licence: pkg.licence,
    file: to,
    bytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  });
}

async function vendor(target, packages) {
  await rm(target, { recursive: true, force: true });
  await mkdir(target, { recursive: true });
  const records = [];
  for (const { name, files, bundle } of packages) {
    const meta = JSON.parse(await readFile(join(modules, name, 'package.json'), 'utf8'));
    const pkg = { name, version: meta.version, licence: meta.license };
    if (bundle) await put(target, records, pkg, bundle.to, await bundled(bundle.entry));
    for (const { from, kept, to } of files) {
      const text = await readFile(kept ? join(root, kept) : join(modules, name, from), 'utf8');
      await put(target, records, pkg, to, withoutSourceMap(text));
    }
  }
  records.sort((a, b) => (a.file < b.file ? -1 : 1));
  await writeFile(join(target, 'vendor.json'), JSON.stringify(records, null, 2) + '\n');
  for (const r of records) console.log(`${r.file}  ${r.name} ${r.version}  ${r.bytes} bytes`);
}

await vendor(join(root, 'carbon_platform', 'console', 'static', 'vendor'), PACKAGES);
await vendor(join(root, 'miniprogram', 'vendor'), IN_THE_MINIPROGRAM);
