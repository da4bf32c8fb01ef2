// Runs before the page is drawn, while the modules are still on their way: what is sent or opened by then waits
// here until console.js takes it over. Without this the browser would send the form itself and nothing would
// answer. A form with method=post is always a module's; filters (method=get) go their own way.
globalThis.early = [];
document.addEventListener('submit', (event) => {
  const form = event.target;
  if (!globalThis.early || form.method !== 'post') return;
  event.preventDefault();
  if (form.hasAttribute('aria-busy')) return; // the second click of a double click
  form.setAttribute('aria-busy', 'true');
  globalThis.early.push(() => {
    form.removeAttribute('aria-busy');
    form.requestSubmit();
  });
});
document.addEventListener('click', (event) => {
  const opener = event.target.closest('[data-dialog]');
  if (globalThis.early && opener) globalThis.early.push(() => opener.click());
});
