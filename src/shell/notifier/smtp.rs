//! One mail to its server. [`Dialogue`] has the words; here are the connection, TLS, the token and the time.

use std::io;

use smol::io::{AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::limits::{SMTP_CHUNK_BYTES, SMTP_REPLY_TIME_MAX};
use crate::notify::Mail;
use crate::shell::notifier::http::Client;
use crate::shell::notifier::stream::{self, in_time};
use crate::shell::tls::Clients;
use crate::wire::smtp::{Dialogue, Next};

/// Sends a mail; the error says why not, and what was being done. A token that is refused is fetched once more: it may
/// have ended before its time.
pub(super) async fn send(mut mail: Mail, clients: &Clients, http: &Client) -> Result<(), String> {
    let Some((oauth2, mut login)) = mail.oauth2.clone().zip(mail.plan.login.clone()) else {
        return talk(mail, clients).await.map_err(|failure| failure.why);
    };
    let mut is_again = false;
    loop {
        let token = http.token(&oauth2).await.map_err(|error| error.to_string())?;
        login.token = token.split_once(' ').map(|(_, token)| token.to_owned());
        mail.plan.login = Some(login.clone());
        match talk(mail.clone(), clients).await {
            Err(failure) if failure.is_login && !is_again => http.forget(&oauth2).await,
            end => return end.map_err(|failure| failure.why),
        }
        is_again = true;
    }
}

struct Failed {
    why: String,
    /// Whether the server does not know us.
    is_login: bool,
}

impl From<String> for Failed {
    fn from(why: String) -> Self {
        Self { why, is_login: false }
    }
}

async fn talk(mail: Mail, clients: &Clients) -> Result<(), Failed> {
    let Mail { host, port, tls, plan, .. } = mail;
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
                return end.map_err(|error| Failed {
                    why: format!("{host}: {error}"),
                    is_login: error.is_login(),
                });
            }
            Next::Input => {
                write(&mut stream, &output).await.map_err(failed)?;
                let mut bytes = [0; 2048];
                let read = in_time(SMTP_REPLY_TIME_MAX, stream.read(&mut bytes));
                match read.await.map_err(failed)? {
                    0 => {
                        let why = format!("{host}: {doing}: the server closed the connection");
                        return Err(why.into());
                    }
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
async fn write(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    for chunk in bytes.chunks(SMTP_CHUNK_BYTES) {
        in_time(SMTP_REPLY_TIME_MAX, stream.write_all(chunk)).await?;
    }
    in_time(SMTP_REPLY_TIME_MAX, stream.flush()).await
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use super::*;

    /// The bytes of each write.
    #[derive(Default)]
    struct Pieces(Vec<usize>);

    impl AsyncWrite for Pieces {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.0.push(bytes.len());
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn a_long_mail_is_sent_in_pieces_that_have_their_time_each() {
        let mut pieces = Pieces::default();
        smol::block_on(write(&mut pieces, &vec![b'x'; 2 * SMTP_CHUNK_BYTES + 1])).unwrap();
        assert_eq!(pieces.0, [SMTP_CHUNK_BYTES, SMTP_CHUNK_BYTES, 1]);
    }
}
