import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LAYER_COLOURS, boundsOf, labelPoint, labelsOf, style, withBox } from '../../carbon_platform/console/static/map_style.js';

const square = (x, y, d) => [[[x, y], [x + d, y], [x + d, y + d], [x, y + d], [x, y]]];

test('the map has no base map, no sprite, no glyph server', () => {
  const made = style({});
  assert.equal(made.sprite, undefined);
  assert.equal(made.glyphs, undefined);
  assert.ok(Object.values(made.sources).every((s) => s.type === 'geojson'));
  assert.ok(!JSON.stringify(made).includes('http'));
});

test('every layer that takes a colour can be recoloured', () => {
  const layers = style({}).layers.map((l) => l.id);
  for (const id of Object.keys(LAYER_COLOURS)) assert.ok(layers.includes(id), id);
});

test('a name stands in the largest part', () => {
  assert.deepEqual(labelPoint({ type: 'MultiPolygon', coordinates: [square(0, 0, 1), square(10, 10, 4)] }), [12, 12]);
  const labels = labelsOf({ features: [{ geometry: { type: 'Polygon', coordinates: square(0, 0, 2) }, properties: { name_zh: '新县', name_en: 'Xinxian' } }] }, 'en');
  assert.equal(labels.features[0].properties.name, 'Xinxian');
});

test('bounds cover everything; nothing gives null', () => {
  const features = [square(0, 1, 1), square(4, 5, 2)].map((coordinates) => ({ geometry: { type: 'Polygon', coordinates } }));
  assert.deepEqual(boundsOf({ features }), [0, 1, 6, 7]);
  assert.equal(boundsOf({ features: [] }), null);
});

test('a box is added to an address that may have a query', () => {
  assert.equal(withBox('/a', [1, 2, 3, 4]), '/a?bbox=1.00000,2.00000,3.00000,4.00000');
  assert.ok(withBox('/a?kind=rice', [1, 2, 3, 4]).startsWith('/a?kind=rice&bbox='));
});
