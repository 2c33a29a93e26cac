// The page of a device that is not enrolled: it asks this device's own daemon how far it is, and makes room for the
// citizen's page once that one answers on this address.
'use strict';
const words = {
  asking: ['正在联系运维中心', 'Calling the operations centre'],
  waiting: ['等待运维中心接受', 'Waiting for the operations centre to accept'],
  unreached: ['联系不上运维中心，将自动重试', 'The operations centre is not reached; this is tried again'],
  refused: ['运维中心未接受本机', 'The operations centre has refused this device'],
  granted: ['已接受，正在启动', 'Accepted, starting'],
  starting: ['正在启动', 'Starting'],
};
const $ = id => document.getElementById(id);

function show(state, reason) {
  const [zh, en] = words[state] || words.asking;
  $('status').dataset.state = state === 'starting' ? 'granted' : state;
  if ($('zh').textContent !== zh) { $('zh').textContent = zh; $('en').textContent = en; }
  $('reason').textContent = reason || '';
}

async function look() {
  try {
    const r = await fetch('enrol.json', {cache: 'no-store'});
    if (r.status === 404) return location.reload(); // the gateway has taken this address
    const s = await r.json();
    show(s.state, s.reason);
  } catch {
    show('starting');
  }
  setTimeout(look, 1500);
}

show($('status').dataset.state, $('reason').textContent);
const dark = matchMedia('(prefers-color-scheme: dark)');
if (document.documentElement.dataset.theme === 'auto') document.documentElement.dataset.theme = dark.matches ? 'night' : 'day';
look();
