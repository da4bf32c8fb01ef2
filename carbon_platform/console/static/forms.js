// Forms that speak to the JSON API. Markup:
//   <form data-api="POST /api/v1/runs/7/reviews" data-next="/runs/{id}" data-idempotent>
//     <input name="quantity_kg" data-type="kg">  see READERS in values.js for the types
// Success goes to data-next (filled from the response) or reloads; a problem becomes an error summary.
// data-fills="id" shows the element with that id instead, its [data-slot="name"] filled from what was sent
// and answered: for what is told once and belongs in no address (an invitation, the next step of a code).
// data-save="name.json" keeps the answer as a file: a link cannot carry the token such a request needs.

import { BadValue, buildBody, exactInteger, fillTemplate, findings, keyAfter, sumOf, tonnes } from './values.js';

const freshKey = () => crypto.randomUUID?.() ?? [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, '0')).join('');
const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content ?? '';

/** The enabled controls of a form as [{name, type, value, file}]. */
export function controls(form) {
  const found = [];
  for (const control of form.elements) {
    if (!control.name || control.disabled || control.type === 'submit') continue;
    const type = control.dataset.type;
    if (control.type === 'file') {
      for (const file of control.files) found.push({ name: control.name, file });
    } else if (control.type === 'checkbox' && type === 'boolean') {
      found.push({ name: control.name, type, value: String(control.checked) });
    } else if (!['checkbox', 'radio'].includes(control.type) || control.checked) {
      found.push({ name: control.name, type, value: control.value });
    }
  }
  return found;
}

function clearErrors(form) {
  form.querySelectorAll('.errors, .field-error').forEach((element) => element.remove());
  form.querySelectorAll('[aria-invalid]').forEach((control) => {
    control.removeAttribute('aria-invalid');
    control.setAttribute('aria-describedby', control.dataset.described ?? '');
  });
}

function markField(control, message, id) {
  const text = Object.assign(document.createElement('p'), { className: 'field-error', id, textContent: message });
  control.dataset.described ??= control.getAttribute('aria-describedby') ?? '';
  control.setAttribute('aria-invalid', 'true');
  control.setAttribute('aria-describedby', `${control.dataset.described} ${id}`.trim());
  (control.closest('.field, .check') ?? control).append(text);
}

/** Put the summary on top of the form, focus it, and repeat each text at its field. */
export function showErrors(form, words, list, code = '') {
  clearErrors(form);
  const box = Object.assign(document.createElement('div'), { className: 'errors', tabIndex: -1 });
  box.setAttribute('role', 'group');
  const head = Object.assign(document.createElement('h3'), { textContent: words.errors });
  head.id = `${form.id || 'form'}-errors`;
  box.setAttribute('aria-labelledby', head.id);
  const items = document.createElement('ol');
  list.forEach(({ field, row, message }, index) => {
    const item = document.createElement('li');
    const control = field && [...form.elements].find((c) => c.name === field || c.dataset.field === field);
    if (control) {
      control.id ||= `f-${field}-${index}`;
      const link = Object.assign(document.createElement('a'), { href: `#${control.id}`, textContent: message });
      link.addEventListener('click', (event) => {
        event.preventDefault();
        control.focus();
      });
      item.append(link);
      markField(control, message, `${control.id}-error`);
    } else {
      item.textContent = row === null || row === undefined ? message : `${words.row.replace('{n}', row)} ${message}`;
    }
    items.append(item);
  });
  box.append(head, items);
  if (code) box.append(Object.assign(document.createElement('p'), { className: 'code', textContent: code }));
  form.prepend(box);
  box.focus();
}

/** One request by XMLHttpRequest: fetch cannot say how much of an upload has left. */
function send(method, url, body, headers, onProgress, asFile) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    if (asFile) request.responseType = 'blob';
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    if (onProgress) request.upload.addEventListener('progress', (e) => e.lengthComputable && onProgress(e.loaded / e.total));
    request.addEventListener('load', async () => {
      if (asFile && request.status < 300) return resolve({ status: request.status, file: request.response });
      let data = {};
      try {
        data = JSON.parse((asFile ? await request.response.text() : request.responseText) || '{}');
      } catch {
        data = { detail: request.statusText };
      }
      return resolve({ status: request.status, data });
    });
    request.addEventListener('error', () => resolve({ status: 0, data: {} }));
    request.addEventListener('timeout', () => resolve({ status: 0, data: {} }));
    request.timeout = 120000;
    request.send(body);
  });
}

/** {body, headers} of a form, or throws BadValue. */
export function envelope(form, language) {
  const list = controls(form);
  const headers = { Accept: 'application/json', 'Accept-Language': language, 'X-CSRF-Token': meta('csrf') };
  if (list.some((c) => c.file) || form.enctype === 'multipart/form-data') {
    const body = new FormData();
    for (const { name, value, file } of list) if (file || value !== '') body.append(name, file ?? value);
    return { body, headers };
  }
  const body = buildBody(list);
  const empty = !Object.keys(body).length;
  return { body: empty ? null : JSON.stringify(body), headers: empty ? headers : { ...headers, 'Content-Type': 'application/json' } };
}

/** Values the browser checks before sending: data-must-equal="name, names with *, or text" (typed tonnage). */
function mismatches(form, words) {
  return [...form.querySelectorAll('[data-must-equal]')].flatMap((control) => {
    if (control.dataset.mustEqual.includes('*')) {
      const sum = sumOf(control.dataset.mustEqual, controls(form));
      const equal = sum !== null && sum > 0 && exactInteger(control.value, 3) === sum;
      return equal ? [] : [{ field: control.dataset.field, message: words.mustEqual.replace('{value}', sum ? tonnes(sum) : '…') }];
    }
    const wanted = form.querySelector(`[name="${control.dataset.mustEqual}"]`)?.value ?? control.dataset.mustEqual;
    const same = control.value.replace(/[,，\s]/g, '') === wanted.replace(/[,，\s]/g, '') && wanted !== '';
    return same ? [] : [{ field: control.dataset.field, message: words.mustEqual.replace('{value}', wanted || '…') }];
  });
}

/** Show `target` with its slots filled; a slot nobody answered is hidden with its row. */
function fill(target, data) {
  for (const slot of target.querySelectorAll('[data-slot]')) {
    const text = data[slot.dataset.slot];
    if ('value' in slot) slot.value = text ?? '';
    else slot.textContent = text ?? '';
    (slot.closest('[data-slot-row]') ?? slot).hidden = !text;
  }
  target.hidden = false;
  (target.querySelector('input:not([type=hidden])') ?? target).focus();
}

function save(file, download) {
  const href = URL.createObjectURL(file);
  Object.assign(document.createElement('a'), { href, download }).click();
  setTimeout(() => URL.revokeObjectURL(href), 1000);
}

async function submit(form, words) {
  const [method, template] = form.dataset.api.split(/\s+/);
  const language = document.documentElement.lang;
  const wrong = mismatches(form, words);
  if (wrong.length) return showErrors(form, words, wrong);
  const sent = Object.fromEntries(controls(form).map((c) => [c.name, c.value]));
  const url = fillTemplate(template, sent) ?? template;
  let packed;
  try {
    packed = envelope(form, language);
  } catch (error) {
    if (!(error instanceof BadValue)) throw error;
    return showErrors(form, words, [{ field: error.field, message: words[`bad_${error.kind}`] ?? words.bad }]);
  }
  if ('idempotent' in form.dataset) packed.headers['Idempotency-Key'] = form.dataset.key;
  const progress = form.querySelector('progress');
  if (progress) progress.hidden = false;
  const answer = await send(method, url, packed.body, packed.headers, progress && ((share) => (progress.value = share)), form.dataset.save);
  if (answer.status >= 200 && answer.status < 300) {
    if (form.dataset.save) return save(answer.file, form.dataset.save);
    if (form.dataset.fills) return fill(document.getElementById(form.dataset.fills), { ...sent, ...answer.data });
    const next = form.dataset.next && fillTemplate(form.dataset.next, answer.data);
    if (next) location.assign(next);
    else location.reload();
    return 'leaving';
  }
  if (progress) progress.hidden = true;
  form.dataset.key = keyAfter(answer.status, form.dataset.key, freshKey);
  if (answer.status === 0) return showErrors(form, words, [{ field: '', message: words.offline }]);
  const trace = answer.status >= 500 && answer.data.trace_id ? ` · ${answer.data.trace_id}` : '';
  showErrors(form, words, findings(answer.data, language), `${answer.data.code ?? answer.status}${trace}`);
}

/** Attach one submit handler to every form[data-api] below `root`. */
export function attachForms(root, words) {
  root.addEventListener('submit', async (event) => {
    const form = event.target.closest('form[data-api]');
    if (!form) return;
    event.preventDefault();
    if (form.dataset.busy) return; // the second click of a double click
    form.dataset.busy = '1';
    form.dataset.key ??= freshKey();
    clearErrors(form);
    const buttons = [...form.elements].filter((c) => c.type === 'submit');
    buttons.forEach((b) => (b.disabled = true));
    form.setAttribute('aria-busy', 'true');
    const outcome = await submit(form, words);
    if (outcome === 'leaving') return; // stays disabled until the next page is here
    buttons.forEach((b) => (b.disabled = false));
    form.removeAttribute('aria-busy');
    delete form.dataset.busy;
  });
}
