// The page's whole behaviour. Everything that is shown came from outside and goes into the page as text, never as markup.
// A token is kept in a variable and in no storage; somebody who logged in has a cookie that no script can read.
'use strict';

const ROWS = 200;          // decisions kept on the page
const LOOK = 2000;         // milliseconds between two looks at missions
const byId = (id) => document.getElementById(id);
const state = { token: '', inside: false, may: [], paused: false, mission: null };

// --- the API -----------------------------------------------------------------------------------------------------------

class Refused extends Error {
  constructor(status, problem) {
    super([problem.detail, problem.hint].filter(Boolean).join(' ') || `refused with ${status}`);
    this.status = status;
  }
}

async function call(method, path, body) {
  const headers = { 'Exeat-Csrf': '1' };
  if (state.token) headers.Authorization = `Bearer ${state.token}`;
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  const options = { method, headers, cache: 'no-store', redirect: 'error', referrerPolicy: 'no-referrer' };
  const answer = await fetch(path, body === undefined ? options : { ...options, body: JSON.stringify(body) });
  if (!answer.ok) throw new Refused(answer.status, await answer.json().catch(() => ({})));
  return answer;
}

// --- showing -----------------------------------------------------------------------------------------------------------

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

const cell = (label, text, kind = '') => element('td', text, kind ? { 'data-label': label, class: kind } : { 'data-label': label });
const some = (count, noun) => `${count} ${noun}${count === 1 ? '' : 's'}`;
const nameOf = (spiffe) => String(spiffe ?? '').split('/').pop();

function ends(time) {
  const seconds = Math.round((Date.parse(time) - Date.now()) / 1000);
  if (!Number.isFinite(seconds)) return String(time);
  if (seconds <= 0) return 'now';
  if (seconds < 90) return `in ${seconds} s`;
  return seconds < 5400 ? `in ${Math.round(seconds / 60)} min` : `in ${Math.round(seconds / 3600)} h`;
}

function showTop(top) {
  const facts = [
    some(top.live_missions, 'live mission'), `${top.rates.requests} requests/s`, `${top.rates.refusals} refusals/s`,
    some(top.workers.length, 'worker'),
  ];
  if (top.approvals_pending !== null) facts.push(`${some(top.approvals_pending, 'approval')} pending`);
  if (!top.healthy) facts.unshift('UNAVAILABLE: requests are refused');
  byId('summary').textContent = facts.join(' · ');
  const body = byId('missions').tBodies[0];
  const rows = new Map([...body.rows].map((row) => [row.dataset.mission, row]));
  for (const mission of top.missions) {
    const old = rows.get(mission.mission);
    rows.delete(mission.mission);
    const row = missionRow(mission, old);
    if (!old) body.append(row);
  }
  for (const gone of rows.values()) gone.remove();
  byId('no-missions').hidden = top.missions.length > 0;
}

/** A mission's row; an existing one keeps its button, and with it the keyboard's place. */
function missionRow(mission, old) {
  const cells = [
    cell('Agents', mission.agents.join(', ')), cell('Mission', mission.mission, 'code'), cell('Purpose', mission.purpose),
    cell('State', mission.state), cell('Ends', ends(mission.expires_at)), cell('Requests', String(mission.requests), 'number'),
    cell('Refused', String(mission.refusals), 'number'),
  ];
  if (old) {
    cells.forEach((fresh, index) => {
      if (old.cells[index].textContent !== fresh.textContent) old.cells[index].textContent = fresh.textContent;
    });
    return old;
  }
  const row = element('tr', '');
  row.dataset.mission = mission.mission;
  row.append(...cells);
  const button = element('button', 'Revoke…', { type: 'button', class: 'danger' });
  button.setAttribute('aria-label', `Revoke mission ${mission.mission} of ${mission.agents.join(', ')}`);
  button.disabled = !state.may.includes('operate');
  button.addEventListener('click', () => ask(mission));
  const last = element('td', '');
  last.append(button);
  row.append(last);
  return row;
}

function showRecord(kind, record) {
  if (state.paused || kind !== 'decision') return;
  const refused = record.decision !== 'permit';
  if (byId('only-refused').checked && !refused) return;
  const why = refused ? [record.code, ...(record.policies ?? [])] : [record.action, ...(record.policies ?? [])];
  const row = element('tr', '');
  row.append(
    cell('Time', String(record.time ?? '').slice(11, 23), 'code'),
    cell('Verdict', String(record.decision), ['permit', 'deny', 'hold'].includes(record.decision) ? record.decision : ''),
    cell('Agent', nameOf(record.agent)),
    cell('Request', `${record.method ?? ''} ${record.host ?? ''}${record.path ?? ''}`, 'code'),
    cell('Why', why.filter(Boolean).join(', ')),
  );
  row.title = `${record.decision_id ?? ''} ${record.mission ?? ''}`;
  const body = byId('decisions').tBodies[0];
  body.prepend(row);
  while (body.rows.length > ROWS) body.deleteRow(-1);
}

// --- revoking ----------------------------------------------------------------------------------------------------------

function ask(mission) {
  state.mission = mission;
  byId('confirm-what').textContent = `${mission.mission} of ${mission.agents.join(', ')}` + (mission.purpose ? `: ${mission.purpose}` : '');
  byId('reason').value = '';
  byId('confirm-error').textContent = '';
  byId('confirm-yes').disabled = false;
  byId('confirm').showModal();
  byId('confirm-no').focus();
}

async function revoke() {
  const mission = state.mission;
  byId('confirm-yes').disabled = true;
  try {
    const asked = performance.now();
    const answer = await call('POST', `/v1/missions/${encodeURIComponent(mission.mission)}/revoke`, { reason: byId('reason').value });
    showRevoked(await answer.json(), performance.now() - asked);
    byId('confirm').close();
    byId('revoked').focus();
    await look();
  } catch (error) {
    byId('confirm-error').textContent = error.message;
    byId('confirm-yes').disabled = false;
  }
}

function showRevoked(mission, milliseconds) {
  const { applied } = mission;
  const left = applied.tokens_left ?? [];
  const list = element('dl', '');
  const say = (term, text) => list.append(element('dt', term), element('dd', text));
  say('Mission', `${mission.mission} is ${mission.state}`);
  say('Connections cut', String(applied.connections_cut));
  say('Tokens dropped', String(applied.tokens_dropped));
  say('Tokens revoked', String(applied.tokens_revoked));
  for (const token of left) {
    say('Lives on', `token ${token.token} at ${token.service}, until ${token.expires_at ?? 'somebody changes it there'}`);
  }
  if (left.length === 0) say('Lives on', 'nothing');
  if (applied.workers !== undefined) say('Confirmed by', some(applied.workers, 'worker'));
  if (applied.lapsed?.length) say('Lease ran out', `${applied.lapsed.join(', ')}: they serve nobody until they have caught up`);
  if (applied.cut_ms !== undefined) say('No byte more after', `${applied.cut_ms} ms`);
  say('All of it took', `${applied.ms} ms, ${Math.round(milliseconds)} ms as seen from here`);
  byId('revoked-figures').replaceChildren(list);
  byId('revoked').hidden = false;
}

// --- looking and listening ---------------------------------------------------------------------------------------------

const pause = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

async function look() {
  showTop(await (await call('GET', '/v1/top?limit=200')).json());
}

async function keepLooking() {
  while (state.inside) {
    try {
      await look();
    } catch (error) {
      if (error.status === 401) return outside('Sign in again: you are not known any more.');
      byId('summary').textContent = `No answer: ${error.message}`;
    }
    await pause(LOOK);
  }
}

async function listen() {
  while (state.inside) {
    try {
      const answer = await call('GET', '/v1/events');
      byId('link').textContent = 'live';
      await readEvents(answer.body);
    } catch (error) {
      if (error.status === 401) return;
    }
    byId('link').textContent = 'not live; trying again';
    await pause(LOOK);
  }
}

/** Server-Sent Events over fetch, because an EventSource can't show a token. */
async function readEvents(stream) {
  let rest = '';
  for await (const text of pieces(stream)) {
    const events = (rest + text).split('\n\n');
    rest = events.pop();
    events.forEach(readEvent);
  }
}

async function* pieces(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

function readEvent(text) {
  const fields = Object.fromEntries(text.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]));
  if (fields.data === undefined) return;
  const data = JSON.parse(fields.data);
  if (fields.event === 'dropped') byId('dropped').textContent = `${data.dropped} records came too fast and are not shown`;
  else showRecord(fields.event, data);
}

// --- signing in --------------------------------------------------------------------------------------------------------

async function signIn() {
  const error = byId('sign-in-error');
  error.textContent = '';
  try {
    const who = await (await call('GET', '/v1/whoami')).json();
    state.may = who.permissions;
    byId('who').textContent = who.name;
  } catch (refused) {
    state.token = '';
    error.textContent = refused.message;
    return;
  }
  state.inside = true;
  byId('token').value = '';
  byId('sign-in').hidden = true;
  byId('signed-in').hidden = false;
  keepLooking();
  listen();
}

function outside(why) {
  state.token = '';
  state.inside = false;
  byId('signed-in').hidden = true;
  byId('sign-in').hidden = false;
  byId('sign-in-error').textContent = why;
  byId('token').focus();
}

async function signOut() {
  if (!state.token) await call('POST', '/logout', {}).catch(() => undefined);
  location.reload(); // forgets the token and everything shown
}

byId('sign-in').addEventListener('submit', (event) => {
  event.preventDefault();
  state.token = byId('token').value.trim();
  signIn();
});
byId('sign-out').addEventListener('click', signOut);
byId('confirm-yes').addEventListener('click', revoke);
byId('confirm-no').addEventListener('click', () => byId('confirm').close());
byId('revoked-close').addEventListener('click', () => { byId('revoked').hidden = true; });
byId('pause').addEventListener('click', () => {
  state.paused = !state.paused;
  byId('pause').setAttribute('aria-pressed', String(state.paused));
});
byId('log-in').hidden = document.body.dataset.login !== '1';
if (document.body.dataset.session === '1') signIn();
