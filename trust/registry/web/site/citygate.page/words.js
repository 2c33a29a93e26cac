// The words of the pages, [headline zh-CN, headline en, sentence zh-CN, sentence en]. {help} is the help number.

export const reasons = {
  'valid': ['有效', 'Valid', '已与城市账本核对一致。', 'Checked against the city ledger.'],
  'valid-fresh': ['有效', 'Valid', '此码刚签发，签名已核验。', 'Newly issued and its signature is good.'],
  'expired': ['已过期', 'Expired', '已过有效期，请出示者更新此码。', 'Its last day has passed: it has to be renewed.'],
  'not-yet-valid': ['尚未生效', 'Not valid yet', '请在生效时间之后再使用。', 'Use it after its start time.'],
  'revoked': ['此码已作废', 'Code withdrawn', '发码单位已将此码作废，请勿使用，或拨打 {help} 咨询。', 'The office that issued this code has withdrawn it: do not use it, or call {help}.'],
  'suspended': ['此码暂停使用', 'Code on hold', '请联系发码单位，或拨打 {help} 咨询。', 'This code is paused: contact the office that issued it, or call {help}.'],
  'unknown-issuer': ['发码单位未登记', 'Unknown issuer', '城市名录中没有此发码单位，请向提供此码的单位核实。', 'The city directory does not list its issuer: ask whoever gave you this code.'],
  'wrong-issuer': ['发码单位不符', 'Wrong issuer', '该单位无权签发此码，请勿使用，并拨打 {help} 核实。', 'This issuer may not issue such a code: do not use it, and call {help}.'],
  'bad-signature': ['未通过验真', 'Not genuine', '请重新扫描；如为设施铭牌，请拨打 {help} 反映。', 'Scan it again; if it is on a plate, call {help}.'],
  'not-in-ledger': ['查无此码', 'Not on record', '城市账本中没有此码，请拨打 {help} 核实。', 'The city ledger has no such code: call {help} to have it checked.'],
  'pending': ['登记尚未同步', 'Not on record yet', '刚签发的码请几分钟后再核验；其他情况请出示者刷新后再扫。', 'If it is new, check it again in a few minutes; otherwise have it refreshed and scan it again.'],
  'mismatch': ['码内信息不符', 'Details do not match', '网址与码内编号不一致，请勿使用，并拨打 {help} 反映。', 'The web address and the signed number differ: do not use it, and call {help}.'],
  'stale-presentation': ['码已超时', 'Code timed out', '此码仅几秒有效，请出示者刷新后直接扫描其屏幕。', 'It lasts only seconds: ask its holder to refresh it, and scan it live.'],
  'elsewhere': ['不适用于此处', 'Not valid here', '请到此码注明的地点使用。', 'Please use it at the place named on the code.'],
  'stale-trust': ['暂时无法核验', 'Cannot check now', '没有取到可信的账本数据，请检查网络，稍后再试。', 'The city ledger could not be read: check your connection and try again.'],
  'clock-untrusted': ['暂时无法核验', 'Cannot check now', '手机时间不准，请校准后再试。', 'The clock of this phone is wrong: set it and try again.'],
  'malformed': ['码内容不完整', 'Code is damaged', '请重新扫描；铭牌破损请拨打 {help} 反映。', 'Scan it again; if a plate is damaged, call {help}.'],
  'unsupported': ['本机需要更新', 'Phone needs update', '此浏览器还不能核验这类码，请更新，或使用附近的终端。', 'This browser cannot check this kind of code: update it, or use a kiosk nearby.'],
  'foreign': ['不是城市码', 'Not a city code', '此网址不是城市码的内容，请重新扫描二维码。', 'This address is not that of a city code: scan the code again.'],
};

export const states = {
  'checking': ['正在核验', 'Checking', '请稍候。', 'One moment, please.'],
  'own': ['这是您的码', 'This is your code', '它发给本机的密钥；存下后可在终端出示。', 'It was issued for the key of this phone: keep it, then show it to a kiosk.'],
  'record': ['账本中有此编号', 'On record', '这里只查编号；要验真伪，请扫描铭牌上的码。', 'Only the number was looked up: to check a plate, scan its code.'],
  'empty': ['请扫描二维码', 'Scan the code', '网址里没有码的内容，请用手机相机重新扫描。', 'This address holds no code: scan it with your camera again.'],
};

const ui = {
  'title': ['城市码核验', 'City code check'],
  'own': ['存为我的城市码', 'Keep it as my code'],
  'note': ['这不代表此码有问题。', 'This does not mean the code is bad.'],
  'look': ['请核对以上编号与眼前的设施是否一致。', 'See that the number is that of what stands in front of you.'],
  'again': ['重新核验', 'Check again'],
  'privacy': ['核验在本机完成，码的内容不会发送出去。', 'Checked on this phone. The code is not sent anywhere.'],
  'issuer': ['发码单位', 'Issued by'],
  'until': ['有效至', 'Valid until'],
  'from': ['生效时间', 'Valid from'],
  'places': ['限用地点', 'Valid at'],
  'ledger': ['账本时间', 'Ledger as of'],
  'status': ['状态', 'Status'],
  'good': ['在用', 'in use'],
  'revoked': ['已作废', 'withdrawn'],
  'suspended': ['暂停使用', 'on hold'],
  'personal': ['个人码', 'Personal code'],
  'ending': ['尾号 ', 'ending '],
  'holder': ['我的城市码', 'My city code'],
  'show': ['请对准终端镜头', 'Show it to the kiosk'],
  'renews': ['每 5 秒更新，请勿截图。', 'New every 5 seconds: no screenshots.'],
  'nonce': ['终端要求时，扫它的屏幕，或输入八位数字', 'Where a kiosk asks: scan its screen, or type its eight digits'],
  'nonce-taken': ['已加入终端的数字，请在一分钟内出示', 'The kiosk’s digits are in: show it within a minute'],
  'none': ['本机还没有城市码', 'No city code on this phone yet'],
  'step-key': ['把下面的公钥交给发码单位。私钥只保存在本机，无法导出。', 'Give this public key to the office that issues your code. Its private half stays on this phone and cannot be copied out.'],
  'step-code': ['收到后，把码的文字粘贴在这里：', 'When your code has come, paste its text here:'],
  'copy': ['复制公钥', 'Copy the key'],
  'copied': ['已复制', 'Copied'],
  'keep': ['保存', 'Keep it'],
  'remove': ['移除此码', 'Remove it'],
  'remove-sure': ['再按一次移除', 'Press again to remove'],
  'wrong': ['这不是发给本机公钥的码。', 'This is no code for the key of this phone.'],
  'no-key': ['此浏览器不能保存密钥，请更新，或不要使用无痕模式。', 'This browser cannot keep a key: update it, or leave private browsing.'],
  'unsealed': ['此码尚未封存，部分终端需等几分钟。', 'This code is not sealed yet: some kiosks take it only in a few minutes.'],
  'holder-privacy': ['私钥不出本机，二维码在本机生成。', 'Your key never leaves this phone; the code is drawn here.'],
};

export const objects = {
  LAMP: ['路灯', 'Street lamp'], COVER: ['井盖', 'Manhole cover'], BENCH: ['长椅', 'Bench'],
  BIN: ['垃圾桶', 'Litter bin'], SIGN: ['标牌', 'Sign'], DOOR: ['门牌', 'Door plate'],
};

export const kinds = [['编号', 'Number'], ['城市设施', 'Street asset'], ['楼宇', 'Building'], ['单位', 'Organisation'], ['车辆', 'Vehicle'], ['设备', 'Equipment'],
  ['产品', 'Product'], ['证书', 'Document'], ['许可', 'Permit'], ['票券', 'Ticket'], ['凭证', 'Credential'], ['工作人员码', 'Staff code']];

export const languages = ['zh-CN', 'en'];

// other is the language that stands below in small.
export const other = lang => lang === 'en' ? 'zh-CN' : 'en';
const at = lang => lang === 'en' ? 1 : 0;

// say gives a word of the pages.
export const say = (name, lang) => ui[name][at(lang)];

// pick gives one of a pair.
export const pick = (pair, lang) => pair[at(lang)];

// sentenceOf gives a sentence with the help number.
export const sentenceOf = (words, lang, help) => words[2 + at(lang)].replace('{help}', help);

// lines cuts a sentence where it may break: Chinese ones at punctuation.
export const lines = (s, lang) => s.split(lang === 'en' ? /$^/ : /(?<=[，；：。])/).map(part => {
  const e = document.createElement('span');
  e.textContent = part;
  return e;
});

// nameOf gives a registry's name in a language, or in the best one there is.
export function nameOf(names, lang) {
  const same = tag => tag.split('-')[0] === lang.split('-')[0];
  return names.get(lang) ?? [...names].find(([tag]) => same(tag))?.[1] ?? names.get('en') ?? [...names.values()][0];
}

// preferred is the language to begin with.
export function preferred() {
  let kept = null;
  try {
    kept = localStorage.getItem('citygate-language');
  } catch {
    kept = null; // storage is off: the browser's languages decide
  }
  if (languages.includes(kept)) return kept;
  return (navigator.languages ?? []).some(l => l.startsWith('zh')) ? 'zh-CN' : 'en';
}

// keepLanguage remembers a choice.
export function keepLanguage(lang) {
  try {
    localStorage.setItem('citygate-language', lang);
  } catch {
    return; // it holds for this page
  }
}

