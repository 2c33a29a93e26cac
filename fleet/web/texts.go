package web

// texts are the pages' words: English, then Chinese. Words of the closed lists
// (verdicts, conditions, findings) have the list's word as their key's end.
var texts = map[string][2]string{
	"fleet": {"Citygate fleet", "城市码网关群"}, "brand": {"Citygate fleet", "城市码网关群"},
	"skip": {"Skip to content", "跳到正文"}, "nav": {"Main", "主导航"},
	"overview": {"Overview", "总览"}, "gateways": {"Gateways", "网关"}, "findings": {"Findings", "异常记录"},
	"ingest-on": {"Ingest running", "接收正常"}, "ingest-off": {"No broker", "未连接消息服务器"}, "ingest-store": {"Store fails", "数据库故障"},
	"live-off":  {"Not live: reload the page", "已停止自动更新，请刷新"},
	"theme-day": {"Day", "日间"}, "theme-night": {"Night", "夜间"}, "theme-auto": {"Auto", "自动"}, "theme": {"Colours", "配色"},
	"language": {"Language", "语言"}, "csv": {"Export CSV", "导出 CSV"}, "as-table": {"As a table", "表格"}, "all-n": {"All %s", "全部 %s"},

	"state-fine": {"Fine", "正常"}, "state-attention": {"Attention", "需关注"}, "state-alarm": {"Alarm", "告警"}, "state-offline": {"Offline", "离线"},
	"class-accepted": {"Accepted", "通过"}, "class-refused": {"Refused", "拒绝"}, "class-cannot-check": {"Cannot check", "无法核验"}, "class-unknown": {"Unknown word", "未知结论"},

	"dur-s": {"%d s", "%d 秒"}, "dur-min": {"%d min", "%d 分钟"}, "dur-h": {"%d h", "%d 小时"}, "dur-h-min": {"%d h %d min", "%d 小时 %d 分"},
	"dur-d": {"%d d", "%d 天"}, "dur-d-h": {"%d d %d h", "%d 天 %d 小时"}, "ago": {"%s ago", "%s前"},

	"sub-overview": {"Gateways %s · places %s · answers today %s", "%[2]s 个地点，%[1]s 台网关，今日应答 %[3]s 次"},
	"no-gateways":  {"No gateway is enrolled yet.", "尚未登记网关。"}, "no-gateways-do": {"Enrol one with", "登记命令："},
	"promises": {"Promises", "服务承诺"}, "p-oldest": {"Oldest unacknowledged event", "最久未确认事件"}, "p-trust": {"Trust age, oldest", "核验数据时龄（最久）"},
	"p-offline": {"Offline", "离线"}, "p-alarms": {"Alarms", "告警"}, "p-quick": {"Read and checked under 100 ms", "100 毫秒内读码核验"},
	"limit": {"limit %s", "上限 %s"}, "goal": {"goal %s", "目标 %s"}, "share-limit": {"%s, limit %s", "%s，上限 %s"}, "none": {"none", "无"},
	"unknown": {"not known yet", "尚无数据"}, "at-least": {"at least", "至少"}, "alarms-on": {"on %s gateways", "涉及 %s 台"},

	"wall": {"The wall", "网关墙"}, "wall-order": {"one brick is one gateway, by name", "一砖一台，按名称排列"}, "wall-n": {"one brick is %d gateways, worst shown", "一砖 %d 台，显示最差者"},
	"wall-row": {"%d gateways, %d not fine", "%d 台，%d 台不正常"}, "not-fine": {"Not fine", "不正常"}, "no-place": {"Place not given", "地点未填"},
	"needs": {"Needs a person", "需要处理"}, "worst-first": {"worst first", "最严重在前"}, "needs-none": {"Nobody is needed: every gateway is fine.", "全部网关正常，无需处理。"},
	"severity": {"Severity", "程度"}, "gateway": {"Gateway", "网关"}, "condition": {"Condition", "状况"}, "where": {"Where", "地点"}, "for": {"For", "持续"},
	"answers-today": {"Answers today", "今日应答"}, "answers-none": {"No code was shown today.", "今日尚无扫码。"}, "reason": {"Reason", "结论"}, "count": {"Count", "次数"}, "share": {"Share", "占比"},
	"newest": {"Newest events", "最新事件"}, "newest-none": {"No event has been stored yet.", "尚未存入事件。"},
	"logs": {"Logs published to gateways", "已向网关发布的账本"}, "log": {"Log", "账本"}, "size": {"Size", "条数"}, "checked": {"Checked", "查看于"}, "failing": {"no mirror answers", "镜像无应答"},

	"sub-gateways": {"%s of %s gateways, worst first, then oldest", "%[2]s 台中的 %[1]s 台，最严重、最久者在前"}, "filter": {"Filter", "筛选"},
	"filter-hint": {"Name, place, condition, version, state:alarm", "名称、地点、状况、版本、state:alarm"}, "apply": {"Apply", "应用"}, "clear": {"Clear", "清除"},
	"state": {"State", "状态"}, "worst": {"Worst condition", "最严重状况"}, "oldest-waiting": {"Oldest waiting", "最久待传"}, "software": {"Software", "软件"},
	"trust-age": {"Trust age", "核验数据时龄"}, "heard": {"Heard", "最近联系"}, "stored": {"Stored", "已存至"}, "frames": {"Frames/s", "帧/秒"},
	"sorted": {"sorted by this", "按此列排序"}, "neighbours": {"%s gateways", "%s 台网关"}, "neighbours-why": {"neighbours, within two minutes", "相邻设备，两分钟内相继"},
	"no-match": {"No gateway matches this filter.", "没有符合筛选条件的网关。"}, "sort-name": {"Name", "名称"}, "next": {"Next %s", "后 %s 条"}, "first": {"First page", "首页"},

	"last-heard": {"last heard %s", "最近联系 %s"}, "never-heard": {"never heard", "从未联系"}, "n-conditions": {"%d conditions", "%d 项状况"}, "one-condition": {"1 condition", "1 项状况"},
	"n-last-hour": {"(%d in the last hour)", "（近一小时 %d 次）"},
	"conditions":  {"Conditions", "状况"}, "means": {"What it means", "含义"}, "todo": {"What to do", "如何处理"}, "all-fine": {"No condition stands.", "无异常状况。"},
	"verdicts-today": {"Verdicts today", "今日结论"}, "step-15": {"15 min steps", "每 15 分钟"}, "chart-label": {"Accepted above the line, refused and cannot check below, every 15 minutes", "每 15 分钟：线上为通过，线下为拒绝和无法核验"},
	"time": {"Time", "时间"}, "events": {"Events", "事件"}, "all-events": {"All events", "全部事件"}, "no-gap": {"epoch %s, no gap up to %s", "纪元 %s，至 %s 号无缺号"},
	"more-wait": {"%s more wait at the gateway", "网关上还有 %s 条待传"}, "number": {"Number", "编号"}, "type": {"Type", "类型"}, "identifier": {"Identifier", "标识"},
	"answer": {"Answer", "用时"}, "stored-after": {"Stored after", "入库延时"}, "not-kept": {"not kept", "未留存"}, "evicted-n": {"%s events given up for want of space", "空间不足，舍弃 %s 条"}, "clock-off": {"clock not set", "时钟未校"},
	"queue": {"Queue", "待传队列"}, "waiting": {"Events waiting", "待传事件"}, "oldest": {"Oldest waiting", "最久待传"}, "acked": {"Acknowledged up to", "已确认至"}, "wal": {"Write-ahead file", "预写日志"},
	"evicted": {"Given up since start", "启动后舍弃"}, "said-at": {"said %s ago", "%s前上报"}, "trust": {"Trust", "核验数据"}, "n-logs": {"%d logs", "%d 个账本"}, "age": {"Age", "时龄"}, "behind": {"Behind", "落后"},
	"behind-note": {"Behind: compared with the largest size that any gateway reports.", "落后：与各网关上报的最大条数相比。"},
	"reported":    {"Reported state", "上报状态"}, "part": {"Part", "项目"}, "firmware": {"Firmware", "固件"}, "config": {"Settings", "配置"}, "desired": {"Desired state", "期望状态版本"}, "ring": {"Rollout ring", "发布批次"}, "place": {"Place", "地点"},
	"camera": {"Camera", "相机"}, "device-health": {"Device", "设备"}, "temp": {"Temperature", "温度"}, "clock": {"Clock", "时钟"}, "clock-synced": {"synchronised", "已同步"}, "clock-unsynced": {"not synchronised", "未同步"},
	"cert-left": {"Certificate", "证书"}, "days-left": {"%d days left", "剩余 %d 天"}, "uptime": {"Running for", "已运行"},
	"identity": {"Identity", "身份"}, "key": {"Event key", "事件密钥"}, "births": {"Births", "上线次数"}, "connected-since": {"Connected since", "连接自"}, "off-since": {"Offline since", "离线自"}, "added": {"Enrolled", "登记于"}, "epochs": {"Epochs", "纪元"}, "opened": {"Opened", "开始"},

	"commands": {"Commands", "指令"}, "command": {"Command", "指令"}, "progress": {"Progress", "进度"}, "given": {"Given", "下达于"},
	"progress-given": {"given", "已下达"}, "progress-sent": {"sent", "已发送"}, "progress-accepted": {"accepted", "已接受"}, "progress-running": {"running", "执行中"},
	"progress-ok": {"done", "完成"}, "progress-failed": {"failed", "失败"}, "progress-rejected": {"rejected", "拒绝"}, "progress-expired": {"expired", "过期"},

	"sub-findings": {"%s open", "%s 项未结"}, "findings-none": {"No finding. Every stored chain is whole.", "无异常，全部事件链完整。"}, "also-closed": {"Also closed ones", "含已结"}, "only-open": {"Only open ones", "仅未结"},
	"finding": {"Finding", "异常"}, "kind": {"Kind", "类别"}, "numbers": {"Numbers", "编号"}, "first-seen": {"First seen", "首次发现"}, "times": {"Times", "次数"}, "detail": {"Detail", "说明"}, "open": {"Open", "未结"}, "closed": {"Closed", "已结"},
	"ours": {"Stored here", "本端已存"}, "theirs": {"What came", "收到的"}, "evidence": {"Download the message", "下载原始消息"}, "epoch": {"Epoch", "纪元"}, "last-seen": {"Last seen", "最近一次"}, "close-how": {"Close it with a written reason:", "填写理由后结案："}, "close-why": {"Why is it closed? Recorded as %s.", "结案理由（记录人：%s）"}, "close": {"Close the finding", "结案"}, "close-cli": {"Or at a terminal:", "或用命令："}, "to-end": {"%s and later", "%s 号起"}, "about": {"About", "涉及"},
	"foot-person": {"%s is signed in. Data as stored at %s.", "%s 已登录。数据截至 %s。"},
	"foot":        {"Read-only. Data as stored at %s.", "只读。数据截至 %s。"},
}
