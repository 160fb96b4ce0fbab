//! One mail to its server. What is said is [`Dialogue`]'s; here are the connection, TLS and the time.

use std::io;

use smol::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::limits::{SMTP_CHUNK_BYTES, SMTP_REPLY_TIME_MAX};
use crate::notify::Mail;
use crate::shell::notifier::stream::{self, Stream, in_time};
use crate::shell::tls::Clients;
use crate::wire::smtp::{Dialogue, Next};

/// Sends a mail; the error says why not, and what was being done.
pub(super) async fn send(mail: Mail, clients: &Clients) -> Result<(), String> {
    let Mail { host, port, tls, plan } = mail;
    let mut stream = stream::connect(&host, port).await?;
    if plan.encrypted {
        stream = stream::encrypt(stream, clients, &tls, &host).await?;
    }
    let mut dialogue = Dialogue::new(plan);
    loop {
        let doing = dialogue.doing();
        let failed = |error: io::Error| format!("{host}: {doing}: {error}");
        let output = dialogue.take_output();
        match dialogue.next() {
            Next::End(end) => {
                // A goodbye that is not heard changes nothing.
                write(&mut stream, &output).await.ok();
                return end.map_err(|error| format!("{host}: {error}"));
            }
            Next::Input => {
                write(&mut stream, &output).await.map_err(failed)?;
                let mut bytes = [0; 2048];
                let read = in_time(SMTP_REPLY_TIME_MAX, stream.read(&mut bytes));
                match read.await.map_err(failed)? {
                    0 => return Err(format!("{host}: {doing}: the server closed the connection")),
                    read => dialogue.handle_input(bytes.get(..read).unwrap_or_default()),
                }
            }
            Next::Encryption => {
                stream = stream::encrypt(stream, clients, &tls, &host).await?;
                dialogue.handle_encrypted();
            }
        }
    }
}

/// Writes in pieces, each within the time of a reply: a slow uplink may take long for a whole mail.
async fn write(stream: &mut Stream, bytes: &[u8]) -> io::Result<()> {
    for chunk in bytes.chunks(SMTP_CHUNK_BYTES) {
        in_time(SMTP_REPLY_TIME_MAX, stream.write_all(chunk)).await?;
    }
    in_time(SMTP_REPLY_TIME_MAX, stream.flush()).await
}
