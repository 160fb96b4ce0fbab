//! Limits of the receivers that speak mail, MQTT or syslog, and of programs.

use std::time::Duration;

/// Bytes of a mail server's reply. Policy: the attempt fails and is made again.
pub const SMTP_REPLY_BYTES_MAX: usize = 16 * 1024;
/// How long a mail server may take for one reply. Policy: the attempt fails and is made again.
pub const SMTP_REPLY_TIME_MAX: Duration = Duration::from_secs(60);
/// Bytes of a mail that are sent at a time, each time within [`SMTP_REPLY_TIME_MAX`]. Policy: the rest follows.
pub const SMTP_CHUNK_BYTES: usize = 16 * 1024;
/// Bytes of a mail address. Policy: the address is refused.
pub const MAIL_ADDRESS_BYTES_MAX: usize = 320;
/// Recipients of one mail. Policy: the mail is refused.
pub const MAIL_RECIPIENTS_MAX: usize = 100;
/// Bytes of one header of a mail. Policy: cut.
pub const MAIL_HEADER_BYTES_MAX: usize = 8 * 1024;
/// Bytes of a packet of an MQTT broker. Policy: the connection is closed, and opened anew with the next attempt.
pub const MQTT_REPLY_BYTES_MAX: usize = 16 * 1024;
/// How long an MQTT broker may be silent while an answer is due. Policy: as for [`MQTT_REPLY_BYTES_MAX`].
pub const MQTT_REPLY_TIME_MAX: Duration = Duration::from_secs(10);
/// Bytes of an MQTT topic. Policy: the message is refused.
pub const MQTT_TOPIC_BYTES_MAX: usize = 1024;
/// Bytes of an MQTT message's payload. Policy: the message is refused.
pub const MQTT_PAYLOAD_BYTES_MAX: usize = 256 * 1024;
/// MQTT messages that wait for a broker's acknowledgement. Policy: others wait until it has acknowledged one.
pub const MQTT_IN_FLIGHT_MAX: usize = 16;
/// MQTT messages that wait to be sent to a broker. Policy: the attempt fails and is made again.
pub const MQTT_QUEUE_MAX: usize = 4 * MQTT_IN_FLIGHT_MAX;
/// From a connection to an MQTT broker that was lost to the next one. Policy: until then others see this agent as gone.
pub const MQTT_RECONNECT_INTERVAL: Duration = Duration::from_secs(30);
/// Bytes of one syslog message. Policy: cut.
pub const SYSLOG_MESSAGE_BYTES_MAX: usize = 8 * 1024;
/// Programs of `exec_configs` that run at a time. Policy: others wait; each is ended when its time is over.
pub const EXEC_RUNNING_MAX: usize = 1;
/// Bytes that are kept of what a program of `exec_configs` writes. Policy: the rest is read and thrown away.
pub const EXEC_OUTPUT_BYTES_MAX: usize = 4 * 1024;
/// Bytes of all environment variables of a program of `exec_configs`. Policy: labels that do not fit are left out; all of
/// them are in the JSON on its standard input.
pub const EXEC_ENVIRONMENT_BYTES_MAX: usize = 32 * 1024;
/// From asking a program of `exec_configs` to end to killing it and all that it started. Policy: killed.
pub const EXEC_GRACE_TIME: Duration = Duration::from_secs(2);
/// Older files of `file_configs` that are kept. Policy: more is a configuration error.
pub const NOTIFICATION_FILES_MAX: u32 = 100;
