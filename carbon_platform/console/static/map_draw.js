// The pencil of the map console: one polygon, drawn by hand or given as corners, checked while it changes.
// The server decides (POST /api/v1/parcels/check); here only a border that crosses itself is said at once.

import { nearest, ringOf, round, textOf } from './map_groups.js';
import { SHOWN } from './values.js';
import { TerraDraw, TerraDrawMapLibreGLAdapter, TerraDrawPolygonMode, TerraDrawSelectMode } from './vendor/terra-draw.mjs';

const PAUSE_MS = 250; // after the last movement, before the server is asked
const SNAP_PX = 14;
const SNAP_FROM_ZOOM = 14;

export class Drawing {
  constructor(map, form, words, c) {
    Object.assign(this, { map, form, words, active: false, corners: new Float64Array(0) });
    this.verdict = form.querySelector('#verdict');
    const snapping = { toCoordinate: true, toCustom: (event) => this.snap(event) };
    const shape = { fillColor: c.oil, fillOpacity: 0.25, outlineColor: c.ink, outlineWidth: 2.5 };
    const selected = { selectedPolygonColor: c.oil, selectedPolygonFillOpacity: 0.25, selectedPolygonOutlineColor: c.ink, selectedPolygonOutlineWidth: 2.5, selectionPointColor: c.surface, selectionPointWidth: 6, selectionPointOutlineColor: c.ink, selectionPointOutlineWidth: 2, midPointColor: c.ink, midPointWidth: 4, midPointOutlineColor: c.surface, midPointOutlineWidth: 1 };
    const coordinates = { draggable: true, deletable: true, midpoints: true, snappable: { toCustom: (event) => this.snap(event) } };
    this.tool = new TerraDraw({
      adapter: new TerraDrawMapLibreGLAdapter({ map, coordinatePrecision: 8 }),
      modes: [
        new TerraDrawPolygonMode({ snapping, styles: { ...shape, closingPointColor: c.ink, closingPointWidth: 5 } }),
        new TerraDrawSelectMode({ flags: { polygon: { feature: { draggable: false, coordinates } } }, styles: selected }),
      ],
    });
    this.tool.start();
    this.tool.on('change', () => this.changed());
    this.tool.on('finish', (id, { action }) => action === 'draw' && this.finished(id));
    form.querySelectorAll('[data-draw]').forEach((button) => button.addEventListener('click', () => this[button.dataset.draw === 'corners' ? 'fromCorners' : button.dataset.draw]()));
    form.elements.kind.addEventListener('change', () => this.changed());
    map.on('moveend', () => this.active && this.neighbours());
  }

  // ---- what the buttons do ----

  start() {
    this.clear();
    this.active = true;
    this.tool.setMode('polygon');
    this.say(this.words.drawing);
    this.neighbours();
    this.map.getCanvas().focus();
  }

  clear() {
    this.replacing(null);
    this.tool.clear();
    this.active = false;
    if (this.tool.getMode() !== 'static') this.tool.setMode('static');
    this.show(null);
  }

  fromCorners() {
    const ring = ringOf(this.form.querySelector('#corners').value);
    if (!ring) return this.say(this.words.corners, 'brick');
    this.put(ring);
    this.map.fitBounds(box(ring), { padding: 80, maxZoom: 17, animate: false });
  }

  /** The border of a registered parcel, to be drawn anew under the same number. */
  async edit(code) {
    let parcel;
    try {
      const answer = await fetch(`/api/v1/parcels/${encodeURIComponent(code)}`);
      if (!answer.ok) throw new Error(String(answer.status));
      parcel = await answer.json();
    } catch {
      return this.say(this.words.offline, 'brick');
    }
    const ring = onlyRing(parcel.geometry);
    if (!ring) return this.say(this.words.holes, 'brick');
    this.put(ring.map(([x, y]) => [round(x), round(y)]));
    this.replacing(parcel);
    this.map.fitBounds(parcel.bounds, { padding: 80, maxZoom: 17, animate: false });
  }

  replacing(parcel) {
    const { kind, replaces } = this.form.elements;
    replaces.value = parcel?.code ?? '';
    kind.disabled = Boolean(parcel);
    if (parcel) kind.value = parcel.kind;
  }

  /** Take a polygon over: its corners can be dragged from here on. */
  put(ring) {
    this.clear();
    const feature = { type: 'Feature', geometry: { type: 'Polygon', coordinates: [ring] }, properties: { mode: 'polygon' } };
    const [{ id, valid }] = this.tool.addFeatures([feature]);
    if (!valid) return this.say(this.words.crossing, 'brick');
    this.finished(id);
  }

  // ---- while it changes ----

  finished(id) {
    this.active = true;
    this.tool.setMode('select');
    this.tool.selectFeature(id);
    this.changed();
    this.neighbours();
  }

  /** The ring being drawn, closed, or null before it has three corners. */
  ring() {
    const polygon = this.tool.getSnapshot().find((f) => f.geometry.type === 'Polygon' && f.properties.mode === 'polygon');
    if (!polygon) return null;
    const ring = polygon.geometry.coordinates[0].map(([x, y]) => [round(x), round(y)]);
    return new Set(ring.map(String)).size < 3 ? null : ring;
  }

  changed() {
    clearTimeout(this.timer);
    this.request?.abort(); // an answer about an older shape must not speak for this one
    this.verdict.dataset.outcome = '';
    const ring = this.ring();
    if (!ring) return this.show(null);
    const text = textOf(ring);
    if (document.activeElement?.id !== 'corners') this.form.querySelector('#corners').value = text;
    // Until the server has seen this very shape it cannot be sent.
    this.form.querySelector('[type=submit]').disabled = true;
    this.timer = setTimeout(() => this.check(ring), PAUSE_MS);
  }

  async check(ring) {
    this.request = new AbortController();
    const geometry = { type: 'Polygon', coordinates: [ring] };
    const replaces = this.form.elements.replaces.value || null;
    const kind = replaces ? null : this.form.elements.kind.value || null;
    const csrf = document.querySelector('meta[name=csrf]').content;
    const headers = { 'Content-Type': 'application/json', Accept: 'application/json', 'Accept-Language': document.documentElement.lang, 'X-CSRF-Token': csrf };
    try {
      const answer = await fetch('/api/v1/parcels/check', { method: 'POST', headers, body: JSON.stringify({ geometry, kind, replaces }), signal: this.request.signal });
      const found = await answer.json();
      if (!answer.ok) return this.say(found.detail ?? this.words.offline, 'brick');
      this.form.elements.geometry.value = JSON.stringify(geometry);
      this.show(found);
    } catch (error) {
      if (error.name !== 'AbortError') this.say(this.words.offline, 'brick');
    }
  }

  // ---- the verdict ----

  say(text, kind = '') {
    this.verdict.replaceChildren(Object.assign(document.createElement('p'), { className: kind ? `note ${kind}` : 'quiet small', textContent: text }));
  }

  show(found) {
    const submit = this.form.querySelector('[type=submit]');
    submit.disabled = !found || ['refused', 'same'].includes(found.outcome);
    const taken = found?.taken.filter((one) => one.kind !== 'noise') ?? [];
    this.map.getSource('taken').setData({ type: 'FeatureCollection', features: taken.map(({ geometry, code }) => ({ type: 'Feature', geometry, properties: { code } })) });
    this.verdict.dataset.outcome = found?.outcome ?? '';
    if (!found) return this.say(this.words.empty);
    const english = document.documentElement.lang === 'en';
    const element = (tag, className, textContent) => Object.assign(document.createElement(tag), { className, textContent });
    const marks = { accepted: 'ok', repaired: 'est', warned: 'est', refused: 'bad', same: 'held' };
    const head = element('p', 'cluster', '');
    head.append(element('span', `status ${marks[found.outcome]}`, this.words.outcome[found.outcome]), element('span', 'big', `${SHOWN.mu(found.area_m2)} ${this.words.mu}`), element('span', 'quiet small', `${SHOWN.ha(found.area_m2)} ${this.words.ha}`));
    const list = element('ul', '', '');
    for (const one of found.findings) {
      list.append(element('li', '', `${english ? one.en : one.zh} ${english ? one.advice_en : one.advice_zh}`.replace(/^第 1 行：?|^Row 1:? ?/, '')));
    }
    const editing = this.form.elements.replaces.value;
    if (editing) head.append(element('span', 'small', this.words.editing.replace('{code}', editing)));
    this.verdict.replaceChildren(head, ...(found.taken_m2 ? [element('p', 'note brick', this.words.taken.replace('{mu}', SHOWN.mu(found.taken_m2)))] : []), list);
  }

  // ---- corners of neighbours, so that a shared border is shared ----

  async neighbours() {
    if (this.map.getZoom() < SNAP_FROM_ZOOM) return (this.corners = new Float64Array(0));
    const bounds = this.map.getBounds().toArray().flat().map((v) => v.toFixed(6)).join(',');
    try {
      const answer = await fetch(`/api/v1/parcels.geojson?limit=2000&bbox=${bounds}`);
      const { features } = await answer.json();
      this.corners = Float64Array.from(features.flatMap((f) => f.geometry.coordinates.flat(Infinity)));
    } catch {
      this.corners = new Float64Array(0); // without them one only draws less exactly
    }
  }

  snap({ lng, lat, containerX, containerY }) {
    const at = this.map.unproject([containerX + SNAP_PX, containerY + SNAP_PX]);
    return nearest(this.corners, [lng, lat], Math.abs(at.lng - lng) || 1e-9, Math.abs(at.lat - lat) || 1e-9);
  }
}

/** The one ring of a shape that is a single polygon without holes; null for others, which the pencil cannot draw. */
function onlyRing({ type, coordinates }) {
  const polygons = type === 'Polygon' ? [coordinates] : coordinates;
  return polygons.length === 1 && polygons[0].length === 1 ? polygons[0][0] : null;
}

const box = (ring) => ring.reduce(([w, s, e, n], [x, y]) => [Math.min(w, x), Math.min(s, y), Math.max(e, x), Math.max(n, y)], [180, 90, -180, -90]);
