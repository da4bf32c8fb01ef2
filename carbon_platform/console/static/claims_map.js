// The map of double claims: shared land in brick red, and a row of the list and its place lead to each other.

const box = document.querySelector('[data-map]');

function paint(map) {
  const brick = getComputedStyle(document.documentElement).getPropertyValue('--brick').trim();
  map.setPaintProperty('parcel', 'fill-color', brick);
  map.setPaintProperty('parcel-edge', 'line-color', brick);
}

function lead(map) {
  paint(map);
  addEventListener('xy:theme', () => queueMicrotask(() => paint(map))); // after the map's own colours
  const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
  document.addEventListener('click', (event) => {
    const button = event.target.closest('[data-show-clash]');
    if (!button) return;
    map.fitBounds(JSON.parse(button.dataset.showClash), { padding: 60, maxZoom: 17, animate: !calm });
    box.scrollIntoView({ block: 'nearest' });
  });
  map.on('click', 'parcel', (event) => {
    const row = document.getElementById(`clash-${event.features[0].properties.code}`);
    row?.scrollIntoView({ block: 'center' });
    row?.querySelector('button, a')?.focus();
  });
  map.on('mouseenter', 'parcel', () => (map.getCanvas().style.cursor = 'pointer'));
  map.on('mouseleave', 'parcel', () => (map.getCanvas().style.cursor = ''));
}

// The map is made by console.js; it says on its element when it is ready.
if (box) {
  const ready = () => box.dataset.ready === 'yes' && box.parcelMap?.map;
  const start = () => lead(box.parcelMap.map);
  if (ready()) start();
  else {
    const watch = new MutationObserver(() => {
      if (!ready()) return;
      watch.disconnect();
      start();
    });
    watch.observe(box, { attributes: true, attributeFilter: ['data-ready'] });
  }
}
