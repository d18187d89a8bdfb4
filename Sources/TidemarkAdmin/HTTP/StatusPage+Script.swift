extension StatusPage {
  static let script = #"""
    'use strict';
    const every = 2000, patience = 8000, shown = 300, key = 'tidemark-token';
    const $ = id => document.getElementById(id);
    let last = null, lastAt = 0, before = null, failure = null, timer = 0;

    // Data is only set as text, never as HTML: lane names and errors come from outside.
    function node(name, text, className) {
      const element = document.createElement(name);
      if (text !== undefined) element.textContent = text;
      if (className) element.className = className;
      return element;
    }
    // Control and format characters are shown as escapes, so that they can't change the direction or the look of text.
    const visible = (_, value) => typeof value === 'string'
      ? value.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, character => `\\u{${character.codePointAt(0).toString(16).toUpperCase()}}`) : value;
    const number = value => value === null ? '?' : value.toLocaleString('en');
    function time(seconds) {
      if (seconds === null) return '?';
      if (seconds === 0) return '0 s';
      if (seconds < 10) return seconds.toFixed(seconds < 1 ? 3 : 1) + ' s';
      if (seconds < 120) return Math.round(seconds) + ' s';
      if (seconds < 7200) return Math.round(seconds / 60) + ' min';
      return seconds < 172800 ? Math.round(seconds / 3600) + ' h' : Math.round(seconds / 86400) + ' days';
    }
    const speed = value => value === null ? '?' : value.toLocaleString('en', { maximumFractionDigits: value < 10 ? 1 : 0 });
    const clock = text => text === null ? '?' : text.replace('T', ' ').replace(/\.\d+Z$/, ' UTC');
    const sum = (items, field) => items.reduce((total, item) => total === null || item[field] === null ? null : total + item[field], 0);
    const most = (items, field) => items.reduce((top, item) => top === null || item[field] === null ? null : Math.max(top, item[field]), 0);
    const plural = (count, one, many) => `${number(count)} ${count === 1 ? one : many}`;

    const kinds = { idle: 'rest', reading: 'good', waiting_postgres: 'wait', waiting_redis: 'wait', paused: 'wait', halted: 'bad', unowned: 'bad' };
    const words = { waiting_postgres: 'waits for PostgreSQL', waiting_redis: 'waits for Redis' };
    const gravity = ['halted', 'unowned', 'waiting_postgres', 'waiting_redis', 'paused', 'reading', 'idle'];

    function verdict(report) {
      const count = state => report.lanes.filter(lane => lane.state === state).length;
      if (!report.postgres.up) return ['bad', 'PostgreSQL is unreachable'];
      if (!report.redis.up) return ['bad', 'Redis is unreachable'];
      if (report.lanes.some(lane => lane.accounting_error !== 0)) return ['bad', 'The accounting does not add up'];
      if (count('halted')) return ['bad', plural(count('halted'), 'lane is halted', 'lanes are halted')];
      if (count('unowned')) return ['bad', plural(count('unowned'), 'lane has no owner', 'lanes have no owner')];
      const waiting = count('waiting_postgres') + count('waiting_redis');
      if (waiting) return ['wait', plural(waiting, 'lane waits', 'lanes wait')];
      if (count('paused')) return ['wait', plural(count('paused'), 'lane is paused', 'lanes are paused')];
      if (!report.lanes.length) return ['rest', 'No lanes yet'];
      const behind = most(report.lanes, 'lag_seconds');
      if (behind === null) return ['wait', 'The lag is unknown'];
      if (behind > 5) return ['wait', `The lag is ${time(behind)}`];
      const open = [plural(sum(report.lanes, 'dead_letters_open') || 0, 'open dead letter', 'open dead letters'), plural(sum(report.lanes, 'gaps_open') || 0, 'gap', 'gaps')].filter(text => !text.startsWith('0 '));
      return open.length ? ['wait', open.join(', ')] : ['good', 'Everything is current'];
    }

    function tiles(report) {
      const lanes = report.lanes, applied = sum(lanes, 'applied');
      let rate = report.applied_per_second === null ? '' : `${speed(report.applied_per_second)} per second`;
      if (before && lastAt > before.at && applied >= before.applied) {
        rate = `${speed((applied - before.applied) * 1000 / (lastAt - before.at))} per second`;
      }
      before = { applied, at: lastAt };
      const open = sum(lanes, 'dead_letters_open'), gaps = sum(lanes, 'gaps_open');
      const busy = lanes.filter(lane => lane.state === 'reading').length;
      const tile = (name, value, note, bad) => {
        const box = node('div'), content = node('dd', value, bad ? 'bad' : '');
        content.append(node('small', note));
        box.append(node('dt', name), content);
        return box;
      };
      $('tiles').replaceChildren(
        tile('Lag', number(sum(lanes, 'lag_entries')), 'entries not committed'),
        tile('Oldest entry', time(most(lanes, 'lag_seconds')), 'age by Redis’ clock'),
        tile('Applied', number(applied), rate),
        tile('Dead letters open', number(open), `${number(sum(lanes, 'dead_letters'))} in total`, open > 0),
        tile('Gaps open', number(gaps), `${number(sum(lanes, 'missing'))} entries missing`, gaps > 0),
        tile('Lanes', number(lanes.length), `${number(busy)} reading`),
        tile('Workers', number(report.workers.filter(worker => worker.alive !== false).length), 'running'));
    }

    function problems(report) {
      const list = [];
      for (const lane of report.lanes) {
        if (lane.accounting_error !== 0) list.push([lane.lane, `The accounting is off by ${number(lane.accounting_error)}.`, 'Please report it with the output of tidemark status --json.']);
        if (lane.last_error) list.push([lane.lane, lane.last_error, lane.hint]);
        else if (lane.state === 'unowned') list.push([lane.lane, 'The lane has no owner.', 'Start a worker with tidemark run; a running worker acquires the lane within lease.ttl.']);
      }
      for (const worker of report.workers) {
        if (worker.not_in_force && worker.alive !== false) list.push([worker.worker, `Settings that are read but not in force: ${worker.not_in_force}.`, 'Restart the worker to change these.']);
        if (worker.tuning_refused && worker.alive !== false) list.push([worker.worker, `What was tuned can't be applied: ${worker.tuning_refused}.`, 'Correct the configuration of the worker, or reset the setting with tidemark tune --reset.']);
      }
      // Many lanes often have one error.
      const grouped = new Map();
      for (const [lane, error, hint] of list) {
        const text = JSON.stringify([error, hint]);
        grouped.set(text, [...(grouped.get(text) || []), lane]);
      }
      $('problems').replaceChildren(...[...grouped].slice(0, 50).map(([text, lanes]) => {
        const [error, hint] = JSON.parse(text), item = node('li');
        const names = lanes.slice(0, 4).join(', ') + (lanes.length > 4 ? ` and ${number(lanes.length - 4)} more` : '');
        item.append(node('strong', error), ...(hint ? [node('div', hint)] : []), node('span', names));
        return item;
      }));
      $('trouble').hidden = !grouped.size;
    }

    function fill(id, rows) {
      $(id).tBodies[0].replaceChildren(...rows.map(cells => {
        const row = node('tr');
        row.append(...cells.map((cell, index) => {
          if (cell instanceof Node) return cell;
          const [text, className] = Array.isArray(cell) ? cell : [cell, ''];
          const element = node(index ? 'td' : 'th', text, className);
          if (!index) element.scope = 'row';
          if (className === 'muted cut') element.title = text;
          return element;
        }));
        return row;
      }));
    }

    function lanes(report) {
      const wanted = $('filter').value.trim().toLowerCase();
      const matching = report.lanes.filter(lane => lane.lane.toLowerCase().includes(wanted));
      const rank = lane => [gravity.indexOf(lane.state) < 5 ? gravity.indexOf(lane.state) : 5, -(lane.lag_seconds ?? 0), -(lane.lag_entries ?? 0)];
      if (matching.length > 50) {
        matching.sort((a, b) => { const x = rank(a), y = rank(b); return x[0] - y[0] || x[1] - y[1] || x[2] - y[2] || (a.lane < b.lane ? -1 : 1); });
      } else {
        matching.sort((a, b) => a.lane.localeCompare(b.lane, 'en', { numeric: true }));
      }
      fill('lanes', matching.slice(0, shown).map(lane => {
        const state = node('td'), pill = node('span', words[lane.state] || lane.state, `pill ${kinds[lane.state] || ''}`);
        if (lane.since) pill.title = `since ${clock(lane.since)}`;
        state.append(pill);
        const outcomes = ['duplicates', 'divergent', 'ephemeral', 'skipped'].filter(name => lane[name]).map(name => `${number(lane[name])} ${name}`);
        const letters = number(lane.dead_letters) + (lane.dead_letters_open ? ` (${number(lane.dead_letters_open)} open)` : '');
        const off = lane.accounting_error !== 0;
        return [lane.lane, state, [number(lane.lag_entries), 'n'], [time(lane.lag_seconds), 'n'], [number(lane.read), 'n'], [number(lane.applied), 'n'], [speed(lane.applied_per_second), 'n'],
          [outcomes.join(', ') || '0', 'n'], [letters, lane.dead_letters_open ? 'n bad' : 'n'],
          [off ? `off by ${number(lane.accounting_error)}` : 'adds up', off ? 'bad' : 'muted'], [lane.entry_id, 'id'], [lane.owner ?? '–', 'muted cut']];
      }));
      const hidden = matching.length - Math.min(matching.length, shown);
      $('more').textContent = hidden ? `${plural(hidden, 'lane', 'lanes')} with less lag not shown; use the filter to see them.`
        : report.lanes.length ? (matching.length ? '' : 'No lane matches the filter.') : 'No lanes yet: a worker registers them when it first runs.';
    }

    function show(report) {
      const [kind, text] = verdict(report);
      state(kind, text);
      tiles(report);
      problems(report);
      lanes(report);
      fill('workers', report.workers.map(worker => [worker.worker, worker.host ?? '?', [worker.pid ?? '?', 'n'], worker.version ?? '?', [number(worker.shards), 'n'],
        [number(worker.lanes), 'n'], clock(worker.started_at), worker.alive === false ? ['died, last seen ' + clock(worker.seen_at), 'bad'] : clock(worker.seen_at)]));
      fill('settings', Object.entries(report.settings).sort().map(([name, setting]) => [name, [setting.value ?? 'unset', setting.value === null ? 'muted' : 'id wrap'], [setting.tuned ? `${setting.source} by ${setting.tuned.by} at ${setting.tuned.at}` : setting.source, 'muted wrap']]));
      $('content').hidden = false;
    }

    function state(kind, text) {
      const pill = $('state');
      pill.className = `pill ${kind}`;
      // Screen readers announce each assignment, so the text is set only when it changes.
      if (pill.textContent !== text) pill.textContent = text;
      document.title = kind === 'good' ? 'Tidemark' : `${text} – Tidemark`;
    }

    function notice() {
      const lines = [], age = last ? Math.round((Date.now() - lastAt) / 1000) : 0;
      const stale = last && (failure || age * 1000 > patience);
      if (failure) lines.push(failure);
      if (stale) lines.push(`The data shown are ${age} s old. The page retries every ${every / 1000} s.`);
      if (last && !failure) {
        if (!last.postgres.up) lines.push(`PostgreSQL is unreachable, so only the lanes of this worker are shown: ${last.postgres.error ?? 'no answer'}`);
        if (!last.redis.up) lines.push(`Redis is unreachable, so the lag is unknown: ${last.redis.error ?? 'no answer'}`);
      }
      const text = lines.join('\n');
      if ($('banner').textContent !== text) $('banner').textContent = text;
      $('banner').hidden = !text;
      document.body.classList.toggle('stale', Boolean(stale));
      if (failure) state('bad', 'No answer');
      $('age').textContent = last ? (age < 2 ? 'just now' : `${age} s ago`) : '';
    }

    function ask(text) {
      $('login').hidden = false;
      $('content').hidden = true;
      $('refused').textContent = text;
      state('rest', 'A token is required');
      last = failure = null;
      notice();
      $('token').focus();
    }

    async function refresh() {
      clearTimeout(timer);
      const token = sessionStorage.getItem(key);
      try {
        const response = await fetch('/api/status', { headers: token ? { Authorization: `Bearer ${token}` } : {}, cache: 'no-store', signal: AbortSignal.timeout(patience) });
        if (response.status === 401) {
          sessionStorage.removeItem(key);
          return ask(token ? 'The server refused this token.' : '');
        }
        if (!response.ok) throw new Error(`the worker answered ${response.status}`);
        last = JSON.parse(await response.text(), visible);
        lastAt = Date.now();
        failure = null;
        $('login').hidden = true;
        show(last);
      } catch (error) {
        const why = error.name === 'TimeoutError' ? 'it did not answer in time' : error instanceof TypeError ? 'no connection' : error.message;
        failure = `The worker at ${location.host} can’t be reached: ${why}.`;
      }
      notice();
      timer = setTimeout(refresh, every);
    }

    $('login').addEventListener('submit', event => {
      event.preventDefault();
      sessionStorage.setItem(key, $('token').value.trim());
      $('token').value = '';
      refresh();
    });
    $('filter').addEventListener('input', () => last && lanes(last));
    setInterval(() => last && notice(), 1000);
    refresh();
    """#
}
