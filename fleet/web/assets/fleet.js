// Keeps the page true without reloading it: when the server says that something
// changed, the same page is fetched again and each part marked data-live that
// differs is swapped. Without script the page is the same, only not live.
(() => {
  'use strict';
  const soon = 400, least = 1000, idle = 15000, silent = 12000;
  let timer = 0, busy = false, again = false, last = Date.now(), heard = Date.now();

  const inUse = (part) => part.contains(document.activeElement) && document.activeElement.matches('input,summary');

  async function refresh() {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await fetch(location.href, {headers: {'X-Live': '1'}, cache: 'no-store'});
      if (!answer.ok) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
      for (const part of document.querySelectorAll('[data-live]')) {
        const next = fresh.getElementById(part.id);
        if (!next || next.isEqualNode(part) || inUse(part)) continue;
        for (const open of part.querySelectorAll('details[open]')) {
          const same = open.id && next.querySelector('#' + open.id);
          if (same) same.open = true;
        }
        const focused = part.contains(document.activeElement) && document.activeElement.getAttribute('href');
        part.replaceWith(document.adoptNode(next));
        if (focused) next.querySelector('a[href="' + CSS.escape(focused) + '"]')?.focus();
      }
      for (const part of fresh.querySelectorAll('section[data-live]')) {
        if (!document.getElementById(part.id)) { location.reload(); return; }
      }
      last = Date.now();
    } catch { /* the next change or the idle timer tries again */ } finally {
      busy = false;
      if (again) { again = false; schedule(); }
    }
  }

  function schedule() {
    if (timer || document.hidden) return;
    timer = setTimeout(() => { timer = 0; refresh(); }, Math.max(soon, least - (Date.now() - last)));
  }

  const live = new EventSource('/api/live');
  const alive = () => { heard = Date.now(); };
  live.addEventListener('beat', alive);
  live.addEventListener('change', () => { alive(); schedule(); });
  live.addEventListener('resync', () => { alive(); schedule(); });
  document.addEventListener('visibilitychange', schedule);
  addEventListener('pagehide', () => live.close());

  const clock = document.getElementById('clock');
  const offset = Number(clock.dataset.offset) * 1000, ahead = Number(clock.dataset.now) - Date.now();
  const zone = clock.textContent.split(' ').slice(1).join(' ');
  setInterval(() => {
    clock.textContent = new Date(Date.now() + ahead + offset).toISOString().slice(11, 19) + ' ' + zone;
    const off = Date.now() - heard > silent, note = document.getElementById('live-off');
    if (note.hidden === off) note.hidden = !off;
    if (Date.now() - last > idle) schedule();
  }, 1000);
})();
