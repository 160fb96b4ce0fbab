// The page's words: the English text, then German, French, Spanish and Chinese.
import { remember, remembered } from "./dom.js";

/** The languages, as their speakers call them. */
export const languages = { en: "English", de: "Deutsch", fr: "Français", es: "Español", zh: "中文" };

let spoken = [remembered("language"), ...navigator.languages].map((it) => (it || "").slice(0, 2).toLowerCase()).find((it) => it in languages) || "en";

/** The language spoken now. */
export const language = () => spoken;

/** The text in the language spoken now; text that the table has not stays as it is. */
export function t(text) {
  return WORDS.get(text)?.[Object.keys(languages).indexOf(spoken)] || text;
}

/** The outcome of a notification: what is called muted in the history is so by silences, too, and an alert by mute times alone. */
export const outcome = (it) => t(it.outcome === "muted" ? "kept quiet" : it.outcome);

/** Speaks this language from now on, if there is a table for it. */
export function speak(wanted) {
  if (!(wanted in languages)) return;
  spoken = wanted;
  remember("language", wanted);
}

const WORDS = new Map(`
a day|am Tag|par jour|al día|每天
Acknowledge all|Alle bestätigen|Tout acquitter|Reconocer todas|全部确认
Acknowledge|Bestätigen|Acquitter|Reconocer|确认
Acknowledged|Bestätigt|Acquitté|Reconocido|已确认
active|aktiv|actives|activas|活动
Add a matcher|Einen Matcher hinzufügen|Ajouter un critère|Añadir un filtro|添加匹配条件
Add|Hinzufügen|Ajouter|Añadir|添加
Address|Adresse|Adresse|Dirección|地址
Alerts|Alarme|Alertes|Alertas|告警
alerts came and went|Alarme kamen und gingen|alertes sont venues et reparties|alertas vinieron y se fueron|出现后已恢复的告警
alerts came and went unreported|Alarme kamen und gingen ungemeldet|alertes passées sans être signalées|alertas pasadas sin avisar|告警出现并恢复但未通知
alive|erreichbar|joignable|activo|在线
all alerts resolved|alle Alarme behoben|toutes les alertes résolues|todas las alertas resueltas|所有告警已恢复
All receivers|Alle Empfänger|Tous les destinataires|Todos los receptores|所有接收者
all|alle|toutes|todas|全部
Alone: no peers, no multicast.|Allein: keine Peers, kein Multicast.|Seul : ni pairs ni multicast.|Solo: sin pares ni multicast.|独立运行：无对等节点或组播。
Another key|Anderer Schlüssel|Autre clé|Otra clave|密钥不同
another member|ein anderes Mitglied|un autre membre|otro miembro|另一成员
Another node has our id|Ein anderer Knoten hat unsere Kennung|Un autre nœud a notre identifiant|Otro nodo tiene nuestro id|另一节点使用了本机标识
Answer|Antwort|Réponse|Respuesta|应答
As of|Stand|État à|Estado a las|数据时间
attempts|Versuche|tentatives|intentos|次尝试
before joining|vor dem Beitritt|avant l’adhésion|antes de unirse|加入之前
Cancel|Abbrechen|Annuler|Cancelar|取消
Card life at this pace|Lebensdauer der Karte dabei|Durée de vie de la carte à ce rythme|Vida de la tarjeta a este ritmo|按此速度的存储卡寿命
Clock|Uhr|Horloge|Reloj|时钟
Close|Schließen|Fermer|Cerrar|关闭
Comment|Kommentar|Commentaire|Comentario|备注
Commits|Schreibvorgänge|Écritures|Escrituras|写入次数
Config as loaded|Konfiguration, wie geladen|Configuration chargée|Configuración cargada|已加载的配置
Config not taken|Konfiguration nicht übernommen|Configuration non prise en compte|Configuración no aceptada|配置未被采用
Dark or light|Dunkel oder hell|Sombre ou clair|Oscuro o claro|深色或浅色
declared in the config as|in der Konfiguration erklärt als|déclaré dans la configuration :|declarado en la configuración como|在配置中声明为
delivered|zugestellt|livré|entregado|已送达
different|verschieden|différents|distintos|不同
digest|Prüfsumme|empreinte|resumen|摘要
Directory|Verzeichnis|Répertoire|Directorio|目录
down|ausgefallen|hors service|caído|离线
Dropped datagrams|Verworfene Datagramme|Datagrammes rejetés|Datagramas descartados|已丢弃的数据报
Durability|Dauerhaftigkeit|Durabilité|Durabilidad|持久性
Duration|Dauer|Durée|Duración|时长
Each|Alle|Toutes les|Cada|每隔
Edit|Ändern|Modifier|Editar|编辑
Expected|Erwartet|Attendus|Esperados|预期信号
Expire|Beenden|Terminer|Terminar|结束
expired|abgelaufen|expirés|caducados|已过期
Extend|Verlängern|Prolonger|Prolongar|延长
failed|fehlgeschlagen|échouées|fallidas|失败
fell back|Ersatz benachrichtigt|secours prévenu|reserva avisada|已改用备用接收者
Filter by label|Nach Label filtern|Filtrer par étiquette|Filtrar por etiqueta|按标签筛选
Filter|Filtern|Filtrer|Filtrar|筛选
firing|aktiv|actives|activas|触发
first notification|erste Benachrichtigung|première notification|primera notificación|首次通知
Flash|Flash-Speicher|Mémoire flash|Memoria flash|闪存
Flock|Verbund|Groupe|Grupo|集群
for an answer|auf Antwort|une réponse|una respuesta|等待应答
for another member|auf ein anderes Mitglied|un autre membre|a otro miembro|等待其他成员
For how long|Wie lange|Pour combien de temps|Por cuánto tiempo|持续多久
for its turn|bis es an der Reihe ist|son tour|su turno|等待轮到
for other attempts|auf andere Versuche|d’autres essais|otros intentos|等待其他尝试
for room in rate_limit|auf Platz im rate_limit|de la place dans rate_limit|sitio en rate_limit|等待 rate_limit 余量
Forget what came and went|Vergangenes vergessen|Oublier ce qui est passé|Olvidar lo pasado|忽略已过去的告警
From|Von|De|De|来自
groups not told|Gruppen nicht gemeldet|groupes non signalés|grupos sin avisar|未通知的分组
Heard|Gehört über|Entendu par|Oído por|接收方式
Heartbeats|Lebenszeichen|Signaux de vie|Latidos|心跳
held back by rate_limit|durch rate_limit zurückgehalten|retenue par rate_limit|retenida por rate_limit|因 rate_limit 暂缓
held back|zurückgehalten|retenue|retenida|已暂缓
held|wartet auf anderen Knoten|laissée à un autre nœud|en espera de otro nodo|由其他节点处理
inhibited|unterdrückt|inhibées|inhibidas|已抑制
kept quiet|nicht gemeldet|tenue muette|silenciada|保持静默
It must end later than now.|Das Ende muss in der Zukunft liegen.|La fin doit être dans le futur.|Debe terminar en el futuro.|结束时间必须晚于现在。
Key|Schlüssel|Clé|Clave|密钥
Language|Sprache|Langue|Idioma|语言
last failure|letzter Fehler|dernier échec|último fallo|最近失败
Last notification|Letzte Benachrichtigung|Dernière notification|Última notificación|最近通知
last sent|zuletzt gesendet|dernier envoi|último envío|最近发送
Last sign|Letztes Zeichen|Dernier signe|Última señal|最近信号
Last told|Zuletzt gemeldet|Dernier envoi|Último aviso|最近上报
malformed|fehlerhaft|mal formés|mal formados|格式错误
Matchers|Matcher|Critères|Filtros|匹配条件
Member down|Mitglied ausgefallen|Membre arrêté|Miembro caído|成员离线
Members|Mitglieder|Membres|Miembros|成员
Memory|Speicher|Mémoire|Memoria|内存
Message and answer|Nachricht und Antwort|Message et réponse|Mensaje y respuesta|通知内容与应答
misrendered|Vorlage fehlerhaft|modèle erroné|plantilla errónea|模板出错
missing|fehlt|absent|falta|缺失
more are only counted|weitere nur gezählt|autres seulement comptées|más solo contadas|仅计数
More|Weitere|Autres|Más|更多
muted|stummgeschaltet nach Zeitplan|muettes (horaire)|silenciadas por horario|按时段静音
Mutes now|Betrifft jetzt|Concerne actuellement|Afecta ahora a|当前影响
mutes|betrifft|concerne|afecta a|影响
Name|Name|Nom|Nombre|名称
new alerts added|neue Alarme|nouvelles alertes|alertas nuevas|新增告警
New silence|Neue Stummschaltung|Nouveau silence|Nuevo silencio|新建静默
next try in|nächster Versuch in|prochain essai dans|próximo intento en|下次尝试
No alert matches.|Kein Alarm passt.|Aucune alerte ne correspond.|Ninguna alerta coincide.|没有匹配的告警。
No alerts. All is quiet.|Keine Alarme. Alles ruhig.|Aucune alerte. Tout est calme.|Sin alertas. Todo tranquilo.|没有告警，一切正常。
No notifications yet.|Noch keine Benachrichtigungen.|Pas encore de notification.|Aún no hay notificaciones.|暂无通知。
No recent notification|Keine neuere Benachrichtigung|Aucune notification récente|Sin notificaciones recientes|最近无通知
No silences.|Keine Stummschaltungen.|Aucun silence.|Sin silencios.|没有静默。
Node|Knoten|Nœud|Nodo|节点
none|keine|aucune|ninguna|无
Not a filter|Kein Filter|Filtre invalide|Filtro no válido|无效的筛选
Not sealed: anybody can read and take part.|Nicht versiegelt: Jeder kann mitlesen und mitmachen.|Non scellé : n’importe qui peut lire et participer.|Sin sellar: cualquiera puede leer y participar.|未加密：任何人都可读取并加入。
not set|nicht gestellt|pas à l'heure|sin ajustar|未校准
Nothing goes wrong.|Alles in Ordnung.|Tout va bien.|Todo va bien.|一切正常。
Nothing is sent before you say so.|Nichts wird gesendet, bevor Sie es sagen.|Rien n’est envoyé sans votre accord.|No se envía nada hasta que lo diga.|确认之前不会发送。
Notifications|Benachrichtigungen|Notifications|Notificaciones|通知
of|von|sur|de|/
off|aus|désactivée|apagada|关闭
Owed|Noch zu melden|À signaler encore|Pendiente de avisar|待补发
pending|geplant|en attente|pendientes|待生效
quiet|still|discrètes|silenciosas|静默
rate limited|zu viele|trop nombreux|demasiados|超出速率
Read-only|Nur lesen|Lecture seule|Solo lectura|只读
ready|bereit|prêt|listo|就绪
Receiver fails|Empfänger gestört|Récepteur en échec|Fallo del receptor|接收方故障
Receiver|Empfänger|Destinataire|Receptor|接收者
Receivers|Empfänger|Destinataires|Receptores|接收者
Records|Datensätze|Enregistrements|Registros|记录
refused|abgelehnt|refusée|rechazada|被拒绝
Remove|Entfernen|Retirer|Quitar|移除
repeat interval elapsed|Wiederholung fällig|répétition due|repetición debida|到重复时间
replay|wiederholt|rejoués|repetidos|重放
resolved|behoben|résolues|resueltas|已恢复
Running|Läuft|En marche|En marcha|运行时间
same|gleich|identiques|iguales|相同
Save|Speichern|Enregistrer|Guardar|保存
Sealed with key|Versiegelt mit Schlüssel|Scellé avec la clé|Sellado con clave|已用密钥加密
Select|Auswählen|Sélectionner|Seleccionar|选择
Send the test|Test senden|Envoyer le test|Enviar la prueba|发送测试
sent|gesendet|envoyées|enviadas|已发送
Set again|Erneut setzen|Rétablir|Volver a poner|重新设置
set|gestellt|à l'heure|ajustado|已校准
Show|Anzeigen|Afficher|Mostrar|显示
Silence all|Alle stummschalten|Tout en silence|Silenciar todas|全部静默
Silence|Stumm|Silence|Silenciar|静默
silenced|stumm|en silence|silenciadas|已静默
Silenced|Stummgeschaltet|Mis en silence|Silenciado|已静默
Silences|Stummschaltungen|Silences|Silencios|静默
since|seit|depuis|desde|自
Skip to content|Zum Inhalt|Aller au contenu|Ir al contenido|跳到内容
some alerts resolved|einige Alarme behoben|quelques alertes résolues|algunas alertas resueltas|部分告警已恢复
Something changed.|Es hat sich etwas geändert.|Il y a du nouveau.|Hay cambios.|有新变化。
Source|Quelle|Source|Origen|来源
Starts|Beginn|Début|Inicio|开始
State|Zustand|État|Estado|状态
surrendered|anderen überlassen|cédée à d'autres|cedida a otros|已移交
suspect|fraglich|suspect|sospechoso|可疑
Test|Testen|Tester|Probar|测试
The agent is out of reach.|Der Agent ist nicht erreichbar.|L'agent est injoignable.|El agente no responde.|无法连接代理。
there|da|présent|presente|正常
This node|Dieser Knoten|Ce nœud|Este nodo|本节点
to try again|auf den nächsten Versuch|un nouvel essai|otro intento|等待重试
told|von anderem Knoten gesendet|envoyée par un autre nœud|enviada por otro nodo|由其他节点发送
Told|Gemeldet|Envoyé|Enviado|已上报
too far ahead|Uhr geht vor|horloge en avance|reloj adelantado|时钟超前
took over|übernommen|reprise|asumida|已接管
Troubles|Störungen|Problèmes|Problemas|异常情况
Try now|Jetzt versuchen|Essayer maintenant|Intentar ahora|立即尝试
Turns under way|Laufende Zustellungen|Tours en cours|Turnos en curso|进行中的轮次
Ungrouped|Ohne Gruppe|Sans groupe|Sin grupo|未分组
unprocessed|noch nicht verarbeitet|non traitée|sin procesar|未处理
until it resolves|bis es behoben ist|jusqu'à la résolution|hasta que se resuelva|直到恢复
until tomorrow 8:00|bis morgen 8:00|jusqu'à demain 8 h|hasta mañana a las 8:00|到明天 8:00
Until|Bis|Jusqu'à|Hasta|直到
until|bis|jusqu'à|hasta|直到
Version|Version|Version|Versión|版本
volatile|flüchtig|volatile|volátil|易失
Waiting and failing now|Wartet und scheitert jetzt|En attente ou en échec|En espera o con fallos|等待与失败
waiting|wartet|en attente|en espera|等待中
waits|wartet|attend|espera|等待
would send|würde senden|enverrait|enviaría|将发送
Written|Geschrieben|Écrit|Escrito|已写入
wrong cluster|anderer Verbund|autre groupe|otro grupo|其他集群
wrong key|falscher Schlüssel|mauvaise clé|clave incorrecta|密钥错误
wrong version|andere Version|autre version|otra versión|版本不符
Your name|Ihr Name|Votre nom|Su nombre|您的姓名
`.split("\n").map((row) => row.split("|")).map((row) => [row[0], row]));
