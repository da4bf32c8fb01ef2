import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addBaseMap, baseLayers, baseMapOf } from '../../carbon_platform/console/static/map_base.js';

const BASE = { layers: ['/base-map/vec/{z}/{x}/{y}', '/base-map/cva/{z}/{x}/{y}'], credit: '天地图 GS(2024)0568号' };

class FakeMap {
  constructor(...layers) {
    this.layers = layers;
    this.sources = {};
    this.paint = {};
  }
  getLayer(id) { return this.layers.includes(id) ? { id } : undefined; }
  addSource(id, source) { this.sources[id] = source; }
  addLayer(layer, before) { this.layers.splice(before ? this.layers.indexOf(before) : this.layers.length, 0, layer.id); }
  setPaintProperty(id, name, value) { this.paint[`${id}.${name}`] = value; }
}

test('no base map by default: nothing is added', () => {
  const map = new FakeMap('ground', 'county', 'parcel');
  assert.equal(addBaseMap(map, { root: { dataset: {} } }), false);
  assert.deepEqual(map.layers, ['ground', 'county', 'parcel']);
});

test('base layers lie between the ground and our own, names above streets, tiles from this server', () => {
  globalThis.location = { origin: 'https://carbon.example' };
  const map = new FakeMap('ground', 'county', 'parcel');
  assert.equal(addBaseMap(map, { root: { dataset: { baseMap: JSON.stringify(BASE) } } }), true);
  assert.deepEqual(map.layers, ['ground', 'base-0', 'base-1', 'county', 'parcel']);
  for (const { tiles } of Object.values(map.sources)) assert.ok(tiles[0].startsWith('https://carbon.example/base-map/'));
  assert.equal(map.paint['county.fill-opacity'], 0);
});

test('the review number is told once', () => {
  const credits = baseLayers(BASE, '').map((one) => one.source.attribution);
  assert.deepEqual(credits, [BASE.credit, '']);
  assert.equal(baseMapOf({ dataset: { baseMap: JSON.stringify(BASE) } }).credit, BASE.credit);
});
