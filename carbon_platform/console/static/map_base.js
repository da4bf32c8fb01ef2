// The operator's base map under a map of ours. Its tiles come from this very server (/base-map/…), which has the
// key; without a base map (the default) the page names none and nothing is added.

export function baseMapOf(root) {
  return root.dataset.baseMap ? JSON.parse(root.dataset.baseMap) : null;
}

/** Sources and layers of a base map { layers: [template], credit }, bottom first. */
export function baseLayers({ layers, credit }, origin) {
  return layers.map((template, i) => ({
    source: { type: 'raster', tiles: [origin + template], tileSize: 256, minzoom: 1, maxzoom: 18, attribution: i ? '' : credit },
    layer: { id: `base-${i}`, type: 'raster', source: `base-${i}`, paint: { 'raster-fade-duration': 0 } },
  }));
}

/** Puts the page's base map under `below`; fills named in `clear` would hide it and become see-through. */
export function addBaseMap(map, { below = 'county', clear = ['county'], root = document.documentElement } = {}) {
  const base = baseMapOf(root);
  if (!base) return false;
  for (const { source, layer } of baseLayers(base, location.origin)) {
    map.addSource(layer.id, source);
    map.addLayer(layer, map.getLayer(below) ? below : undefined);
  }
  for (const id of clear) if (map.getLayer(id)) map.setPaintProperty(id, 'fill-opacity', 0);
  return true;
}
