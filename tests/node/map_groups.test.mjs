import assert from 'node:assert/strict';
import { test } from 'node:test';
import { filterOf, groupOf, nearest, paintOf, palette, placesFilter, ringOf, textOf } from '../../carbon_platform/console/static/map_groups.js';

// A small reader of the expressions we write, so that a test asks what a parcel gets, not how it is spelled.
function value(expression, tile) {
  if (!Array.isArray(expression)) return expression;
  const [name, ...rest] = expression;
  const of = (e) => value(e, tile);
  switch (name) {
    case 'get': return tile[rest[0]];
    case 'has': return rest[0] in tile;
    case 'to-string': return of(rest[0]) === null || of(rest[0]) === undefined ? '' : String(of(rest[0]));
    case 'coalesce': return rest.map(of).find((v) => v !== null && v !== undefined);
    case '==': return of(rest[0]) === of(rest[1]);
    case '!=': return of(rest[0]) !== of(rest[1]);
    case 'all': return rest.every(of);
    case 'slice': return of(rest[0]).slice(rest[1], rest[2]);
    case 'boolean': return rest[1];
    case 'case': {
      for (let i = 0; i + 1 < rest.length; i += 2) if (of(rest[i])) return of(rest[i + 1]);
      return of(rest[rest.length - 1]);
    }
    case 'zoom': return tile.zoom ?? 16;
    case 'step': return of(rest[0]) < rest[2] ? of(rest[1]) : of(rest[3]);
    case 'match': {
      for (let i = 1; i + 1 < rest.length; i += 2) if (rest[i] === of(rest[0])) return of(rest[i + 1]);
      return of(rest[rest.length - 1]);
    }
    default: throw new Error(`unknown ${name}`);
  }
}

const LAND = [
  { code: '411522-001', kind: 'camellia', status: 'registered' },
  { code: '411522-002', kind: 'rice', status: 'registered', project: 'XY-P0001' },
  { code: '411523-001', kind: 'tea', status: 'registered', project: 'XY-P0002', vintage: 2024 },
  { code: '411522-003', kind: 'forest', status: 'ended', project: 'XY-P0001', vintage: 2023 },
];
const colours = { cam: '#c', water: '#w', tea: '#t', pine: '#p', oil: '#o', plum: '#l', huai: '#h', brick: '#b', ink: '#i', edge: '#e' };

test('a parcel stands at the furthest stage it has reached', () => {
  assert.deepEqual(LAND.map((one) => value(groupOf('stage'), one)), ['registered', 'project', 'issued', 'ended']);
  assert.deepEqual(LAND.map((one) => value(groupOf('project'), one)), ['', 'XY-P0001', 'XY-P0002', 'XY-P0001']);
  assert.deepEqual(LAND.map((one) => value(groupOf('vintage'), one)), ['', '', '2024', '2023']);
});

test('filters leave what the list leaves', () => {
  const left = (filters) => LAND.filter((one) => value(filterOf(filters), one)).map((one) => one.code);
  assert.equal(left({}).length, 4);
  assert.deepEqual(left({ county: '411523' }), ['411523-001']);
  assert.deepEqual(left({ stage: 'project' }), ['411522-002']);
  assert.deepEqual(left({ stage: 'ended' }).length, 4, 'the tiles themselves hold the ended ones only');
  assert.deepEqual(left({ project: 'XY-P0001', county: '411522' }), ['411522-002', '411522-003']);
  assert.deepEqual(left({ vintage: '2024' }), ['411523-001']);
  assert.deepEqual(left({ project: "'] or 1" }), []);
});

test('places are of one level, and of the county asked for', () => {
  const places = [{ level: 'county', code: '411522' }, { level: 'township', code: '411522101' }, { level: 'township', code: '411523101' }];
  assert.deepEqual(places.filter((p) => value(placesFilter({ county: '411522' }, 'township'), p)).map((p) => p.code), ['411522101']);
});

test('every group has a colour; what is nothing yet is hollow', () => {
  const made = palette('project', ['XY-P0001', 'XY-P0002', ''], colours);
  assert.equal(made[''].strength, 0);
  assert.notEqual(made['XY-P0001'].colour, made['XY-P0002'].colour);
  const paint = paintOf('project', made, colours);
  assert.equal(value(paint.fill, LAND[1]), made['XY-P0001'].colour);
  assert.equal(value(paint.opacity, LAND[0]), 0);
  assert.ok(value(paint.opacity, { ...LAND[0], zoom: 11 }) > 0, 'from afar there is no outline that would show it');
  assert.deepEqual([value(paint.antialias, { zoom: 11 }), value(paint.antialias, {})], [false, true]);
  assert.equal(value(paint.fill, { project: 'XY-P0099' }), colours.edge, 'a project that came after the page');
  assert.equal(palette('stage', ['registered', 'issued'], colours).registered.strength, 0);
  assert.equal(palette('stage', ['issued'], colours).issued.colour, colours.tea);
});

test('later vintages are darker, and an empty map has a colour too', () => {
  const made = palette('vintage', ['2022', '2023', '2024', ''], colours);
  assert.ok(made['2022'].strength < made['2023'].strength && made['2023'].strength < made['2024'].strength);
  assert.ok(Object.values(palette('vintage', ['2018', '2019', '2020', '2021', '2022', '2023'], colours)).every((e) => e.strength > 0));
  assert.equal(paintOf('vintage', palette('vintage', [], colours), colours).fill, colours.edge);
});

test('corners as text and back', () => {
  const ring = ringOf('114.80 31.90\n114.81，31.90\n\n 114.81 31.91 \n114.80;31.91');
  assert.deepEqual(ring[0], ring[4]);
  assert.equal(ring.length, 5);
  assert.deepEqual(ringOf(textOf(ring)), ring);
  assert.deepEqual(ringOf('31.9 114.8\n31.9 114.81\n31.91 114.81'), ringOf('114.8 31.9\n114.81 31.9\n114.81 31.91'), 'latitude first');
  assert.deepEqual(ringOf('1 1\n2 1\n2 2\n1 1').length, 4, 'a closed list stays closed once');
  for (const text of ['', '114 31', '114 31\n115 31', '114 31\n115 31\n115 x', '114 31 5\n115 31 5\n115 32 5', '114 31\n114 31\n114 31', '200 31\n201 31\n201 32']) assert.equal(ringOf(text), null, text);
});

test('the nearest corner within reach, or none', () => {
  const corners = [114.8, 31.9, 114.8002, 31.9];
  assert.deepEqual(nearest(corners, [114.80014, 31.90001], 0.0001, 0.0001), [114.8002, 31.9]);
  assert.equal(nearest(corners, [114.805, 31.9], 0.0001, 0.0001), undefined);
  assert.equal(nearest([], [0, 0], 1, 1), undefined);
});
