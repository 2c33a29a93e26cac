// The page /try: the browser's own camera in place of the gateway's. Frames go as luma to this daemon and nowhere
// else; what it answers is handed to the citizen's page, which cannot tell the difference.
(() => {
'use strict';
const SIDE = 960, PAUSE = 60;
let answered = false, asked = '';
const say = (type, data) => window.kiosk[type]({data: JSON.stringify(data)});
const video = document.createElement('video');
video.muted = true; video.playsInline = true;
const canvas = document.createElement('canvas');
const pen = canvas.getContext('2d', {willReadFrequently: true});

async function open() {
  say('onState', {state: 'out-of-service', reason: 'starting'});
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({
      audio: false, video: {width: {ideal: 1280}, height: {ideal: 720}, facingMode: {ideal: 'environment'}}});
    await video.play();
  } catch {
    say('onState', {state: 'out-of-service', reason: 'try-camera'});
    say('onBeat', {});
    setTimeout(open, 3000);
    return;
  }
  video.srcObject.getVideoTracks()[0].addEventListener('ended', () => setTimeout(open, 1000), {once: true});
  loop();
}

function frame() {
  const k = Math.min(1, SIDE / Math.max(video.videoWidth, video.videoHeight));
  const w = Math.round(video.videoWidth * k), h = Math.round(video.videoHeight * k);
  if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; }
  pen.drawImage(video, 0, 0, w, h);
  const {data} = pen.getImageData(0, 0, w, h), luma = new Uint8Array(w * h);
  for (let i = 0, j = 0; i < luma.length; i++, j += 4) luma[i] = (data[j] * 77 + data[j + 1] * 150 + data[j + 2] * 29) >> 8;
  return {w, h, luma};
}

// One frame is on its way at a time. A daemon that does not answer is silence, which the page itself notices.
async function loop() {
  if (!video.srcObject.active) return;
  try {
    if (video.videoWidth > 0) {
      const {w, h, luma} = frame();
      const r = await fetch(`try/frame?w=${w}&h=${h}`, {method: 'POST', body: luma,
        headers: {'Content-Type': 'application/octet-stream'}, signal: AbortSignal.timeout(5000)});
      if (r.ok) {
        const {answer, outline, nonce} = await r.json();
        say('onBeat', {});
        if (nonce && nonce.digits !== asked) { asked = nonce.digits; say('onNonce', nonce); }
        answered = Boolean(answer || outline && answered);       // a code that is still held was answered
        if (outline && !answered) say('onState', {state: 'aiming', outline: outline.map(([x, y]) => [.5 + (x - .5) * w / h * 9 / 16, y])});
        else say('onState', {state: 'idle'});
        if (answer) say('onAnswer', answer);
      } else if (r.status === 503) say('onState', {state: 'out-of-service', reason: 'storage'});
    }
  } catch { /* the daemon is away */ }
  setTimeout(loop, PAUSE);
}
open();
})();
