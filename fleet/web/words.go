package web

// conditionTexts are what each condition and finding means, and what to do.
// A gateway's own conditions that are not listed show the gateway's reason.
var conditionTexts = map[string][2]string{
	"means-offline": {"Not connected: the broker reported the end of its session", "未连接：消息服务器已报告断线"}, "todo-offline": {"Check power and network; its events wait on the device", "检查电源和网络；事件留存在设备上"},
	"means-silent": {"Counts as connected but says nothing", "显示在线但没有任何消息"}, "todo-silent": {"Wait for the broker's word; then check the network", "等待消息服务器确认，再检查网络"},
	"means-never-heard": {"Enrolled, but has never connected", "已登记但从未连接"}, "todo-never-heard": {"Check its certificate, its name and the broker's address", "检查证书、名称和服务器地址"},
	"means-events-waiting": {"Events wait longer than they should", "事件等待过久"}, "todo-events-waiting": {"Check the link's speed if it does not fall", "若不回落，请检查线路速度"},
	"means-trust-old": {"Its ledger data is older than the limit", "核验数据超过时限"}, "todo-trust-old": {"Check that the logs are published and that it receives them", "检查账本发布和接收情况"},
	"means-clock-unsynced": {"Its clock is not synchronised", "时钟未同步"}, "todo-clock-unsynced": {"Check its time server", "检查时间服务器"},
	"means-certificate": {"Its certificate ends soon", "证书即将到期"}, "todo-certificate": {"Renew the certificate", "更换证书"},
	"means-version-drift": {"Differs from its desired state", "与期望状态不一致"}, "todo-version-drift": {"See the reason that it reports", "查看其上报的原因"},
	"means-taken-out": {"Taken out of service by a command", "已按指令停用"}, "todo-taken-out": {"Put it back with set-out-of-service state=off", "用指令 set-out-of-service state=off 恢复"},
	"means-camera-missing": {"Out of service: the camera cannot be opened", "停用：相机打不开"}, "todo-camera-missing": {"Check the cable and the camera's setting", "检查线缆和相机配置"},
	"means-camera-stalled": {"Out of service: the camera gives no new pictures", "停用：相机画面停滞"}, "todo-camera-stalled": {"Check the cable; it is opened again by itself", "检查线缆，设备会自动重连"},
	"means-camera-size": {"Out of service: the camera's pictures have the wrong size", "停用：相机画面尺寸不符"}, "todo-camera-size": {"Check the size that the camera is set to", "检查相机的分辨率设置"},
	"means-camera-garbage": {"Out of service: the camera's pictures cannot be used", "停用：相机画面无法使用"}, "todo-camera-garbage": {"Check the camera's format", "检查相机格式"},
	"means-camera-dark": {"Out of service: the camera sees nothing but dark", "停用：画面全黑"}, "todo-camera-dark": {"Check the light and whether the lens is free", "检查照明和镜头"},
	"means-camera-overexposed": {"Out of service: the camera sees nothing but light", "停用：画面过曝"}, "todo-camera-overexposed": {"Check exposure; shade the lens from the sun", "检查曝光，为镜头遮阳"},
	"means-camera-covered": {"Out of service: the camera is covered", "停用：镜头被遮挡"}, "todo-camera-covered": {"Clear the lens: a sticker, spray, fog", "清除镜头上的贴纸、喷漆或雾气"},
	"means-relay": {"What should open after an accepted code does not answer", "闸机或门锁无响应"}, "todo-relay": {"Check the machine and its wiring", "检查设备和接线"},
	"means-disk-low": {"Its disk is nearly full", "磁盘将满"}, "todo-disk-low": {"Free some space on the device, or check why its events are not taken", "清理磁盘，或查明事件未被接收的原因"},
	"means-hot": {"It is too hot", "设备过热"}, "todo-hot": {"Check fan, vents and sun", "检查风扇、通风和日晒"},
	"means-camera-ended": {"The video file has ended", "视频文件已播完"}, "todo-camera-ended": {"Give another source", "更换视频源"},
	"means-storage": {"Events cannot be stored on the device", "设备无法存储事件"}, "todo-storage": {"Check its disk: space, file system, wear", "检查磁盘空间、文件系统和磨损"},
	"means-trust-fork": {"It holds two histories of one log", "发现账本有两段历史"}, "todo-trust-fork": {"Leave it as it is and call the registry: it keeps the evidence", "保持原状并联系登记机构，证据已保存"},
	"means-trust-missing": {"Ledger data of a registry is missing", "缺少某登记机构的核验数据"}, "todo-trust-missing": {"Check its network and the published logs", "检查网络和账本发布"},
	"means-trust-sync": {"It refused new ledger data", "拒收了新的核验数据"}, "todo-trust-sync": {"Check the mirrors", "检查镜像"},
	"means-outbox-damaged": {"A damaged queue was set aside", "损坏的队列已隔离"}, "todo-outbox-damaged": {"Send the file in; check the disk", "送检文件，检查磁盘"},
	"means-broker": {"It had no connection to the broker", "曾无法连接消息服务器"}, "todo-broker": {"Check its network and certificate", "检查网络和证书"},
	"means-not-in-ledger": {"Codes that are not in the ledger were shown here", "此处出现账本中没有的码"}, "todo-not-in-ledger": {"See its events; a forged code with a good signature means a stolen key", "查看事件；签名有效的伪码意味着密钥失窃"},
	"means-event-gap": {"Numbers are missing between stored events", "已存事件之间有缺号"}, "todo-event-gap": {"They were asked for again; if they do not come, look at the device's disk", "已要求重传；若不到达，请检查设备磁盘"},
	"means-gap": {"Numbers are missing between stored events", "已存事件之间有缺号"}, "todo-gap": {"They were asked for again; if they do not come, look at the device's disk", "已要求重传；若不到达，请检查设备磁盘"},
	"means-fork": {"Two chains under the same numbers", "同一编号出现两条链"}, "todo-fork": {"Compare both chains; do not trust the second one", "比对两条链，后到者不可信"},
	"means-altered": {"Events that the device did not sign as they came", "收到的事件与设备签名不符"}, "todo-altered": {"Check the device and the way to it", "检查设备和传输途径"},
	"means-rollback": {"The device went back to an older state", "设备退回到旧状态"}, "todo-rollback": {"Ask who restored it; look for a cloned image", "查明恢复者，排查克隆镜像"},
	"means-poison": {"Bytes that are not an event, kept as they are", "非事件数据，已原样保存"}, "todo-poison": {"Compare software versions", "核对软件版本"},
	"means-clone": {"The device seems to live twice", "疑似有两台同名设备"}, "todo-clone": {"Revoke its certificate until it is clear which one is real", "吊销证书，直至查明真伪"},
	"means-evicted": {"Events were given up for want of space", "因空间不足舍弃了事件"}, "todo-evicted": {"Check how long it was offline and how large its disk is", "检查离线时长和磁盘容量"},
	"means-lost": {"Events that were acknowledged are missing here: the database was put back to an older state", "已确认的事件在本端丢失：数据库曾被恢复到旧状态"}, "todo-lost": {"Find the newer database or its backup; the gateway has deleted them", "查找较新的数据库或备份，网关已删除这些事件"},
	"means-split-view": {"Another root of a log than other gateways see", "账本根与其他网关所见不同"}, "todo-split-view": {"Keep both notes; call the registry and the witnesses", "保存双方签名检查点，联系登记机构和见证方"},
}

// verdictTexts are the Chinese words of the closed list of verdicts, beside
// which the list's own word always stands.
var verdictTexts = map[string][2]string{
	"verdict-valid": {"", "有效"}, "verdict-valid-fresh": {"", "有效（新签发）"}, "verdict-expired": {"", "已过期"}, "verdict-not-yet-valid": {"", "尚未生效"},
	"verdict-revoked": {"", "已作废"}, "verdict-suspended": {"", "暂停使用"}, "verdict-unknown-issuer": {"", "发码单位未登记"}, "verdict-wrong-issuer": {"", "发码单位不符"},
	"verdict-bad-signature": {"", "未通过验真"}, "verdict-not-in-ledger": {"", "查无此码"}, "verdict-pending": {"", "登记尚未同步"}, "verdict-mismatch": {"", "码内信息不符"},
	"verdict-replayed": {"", "已用过"}, "verdict-stale-presentation": {"", "码已超时"}, "verdict-elsewhere": {"", "不适用于此处"}, "verdict-closed": {"", "未开放"},
	"verdict-too-soon": {"", "刚刚验过"}, "verdict-stale-trust": {"", "核验数据过旧"}, "verdict-clock-untrusted": {"", "时间未校准"}, "verdict-malformed": {"", "码内容不完整"},
	"verdict-unsupported": {"", "版本较新"}, "verdict-foreign": {"", "不是城市码"},
}

// lookup finds a text in the page's tables, which nothing writes.
func lookup(key string) ([2]string, bool) {
	for _, table := range []map[string][2]string{texts, conditionTexts, verdictTexts} {
		if t, ok := table[key]; ok {
			return t, true
		}
	}
	return [2]string{}, false
}
